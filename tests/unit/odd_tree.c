/* SPDX-License-Identifier: MIT */
/* Hosts with odd files; see odd_tree.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lend/check.h"
#include "tests/unit/odd_tree.h"

/* The devices that are in use, and which of them a path tells about. */
enum { DISK = 1, CARD = 2, SOUND = 4, ALL = DISK | CARD | SOUND };

static const struct {
	unsigned device;
	const char *address;
} planted[] = {{DISK, "01:00.0"}, {CARD, "03:00.0"}, {SOUND, "00:09.0"}};

#define DISK_DIR  "sys/devices/pci0000:00/0000:00:10.0/0000:01:00.0/"
#define CARD_DIR  "sys/devices/pci0000:00/0000:00:12.0/0000:03:00.0/"
#define SOUND_DIR "sys/devices/pci0000:00/0000:00:09.0/"

/*
 * `text` is what it has at first; NULL: what was recorded. `tells`: the devices whose use is
 * known from nothing but this file.
 */
static const struct odd_path {
	const char *path, *text;
	unsigned tells;
} paths[] = {
	{"sys/bus/pci/devices", NULL, 0},
	{"sys/bus/pci/devices/0000:01:00.0", NULL, 0},
	{"sys/bus/pci/devices/0000:00:10.0", NULL, 0},
	{"sys/bus/pci/drivers/nvme", NULL, 0},
	{"sys/class/iommu", NULL, 0},
	{"sys/class/iommu/dmar0", NULL, 0},
	{"sys/class/net", NULL, CARD},
	{"sys/class/net/eth0", NULL, 0},
	{"sys/class/net/eth1", NULL, CARD},
	{"sys/dev/block", NULL, DISK},
	{"sys/dev/block/259:0", NULL, DISK},
	{"sys/dev/char", NULL, SOUND},
	{"sys/dev/char/116:0", NULL, SOUND},
	{"sys/dev/char/247:0", NULL, 0},
	{"sys/kernel/iommu_groups", NULL, 0},
	{"sys/kernel/iommu_groups/1/devices", NULL, 0},
	{"sys/kernel/iommu_groups/1/reserved_regions", NULL, 0},
	{"sys/kernel/debug/usb", "", 0},
	{"sys/power/resume", "0:0\n", 0},
	{"sys/module/kvm_intel/parameters/nested", "Y\n", 0},
	{"sys/class/tty/console/active", "tty0\n", 0},
	{"sys/class/dma/dma0chan0/in_use", "0\n", 0},
	{"sys/class/block/loop0/loop/backing_file", "/x\n", 0},
	{"sys/fs/btrfs/x/devices/y", "", 0},
	{DISK_DIR, NULL, 0},
	{DISK_DIR "class", NULL, 0},
	{DISK_DIR "config", NULL, 0},
	{DISK_DIR "vendor", NULL, 0},
	{DISK_DIR "device", NULL, 0},
	{DISK_DIR "driver", NULL, 0},
	{DISK_DIR "driver_override", NULL, 0},
	{DISK_DIR "iommu_group", NULL, 0},
	{DISK_DIR "numa_node", "0\n", 0},
	{DISK_DIR "physfn", "", 0},
	{DISK_DIR "reset_method", "flr bus\n", 0},
	{DISK_DIR "resource", NULL, 0},
	{DISK_DIR "revision", NULL, 0},
	{DISK_DIR "subsystem_vendor", NULL, 0},
	{DISK_DIR "boot_vga", "0\n", 0},
	{DISK_DIR "sriov_totalvfs", "0\n", 0},
	{DISK_DIR "d3cold_allowed", NULL, 0},
	{DISK_DIR "power/control", "auto\n", 0},
	{DISK_DIR "power_state", "D0\n", 0},
	{DISK_DIR "vfio-dev/vfio0/dev", "511:0\n", 0},
	{DISK_DIR "nvme", NULL, 0},
	{DISK_DIR "nvme/nvme0/serial", "S1\n", 0},
	{DISK_DIR "nvme/nvme0/nvme0n1/uevent", NULL, 0},
	{DISK_DIR "nvme/nvme0/nvme0n1/holders", NULL, 0},
	{DISK_DIR "nvme/nvme0/nvme0n1/partition", "", 0},
	{CARD_DIR "class", NULL, 0},
	{CARD_DIR "driver", NULL, 0},
	{CARD_DIR "iommu_group", NULL, 0},
	{CARD_DIR "net/eth1/ifindex", NULL, 0},
	{CARD_DIR "net/eth1/carrier", "1\n", 0},
	{SOUND_DIR "sound/card0/controlC0/uevent", NULL, SOUND},
	{"sys/dev/char/116:0/uevent", NULL, SOUND},
	{"proc", NULL, ALL},
	{"proc/cmdline", NULL, 0},
	{"proc/cpuinfo", NULL, 0},
	{"proc/interrupts", NULL, 0},
	{"proc/meminfo", NULL, 0},
	{"proc/modules", "kvm 1 0 - Live 0x0\n", 0},
	{"proc/consoles", "", 0},
	{"proc/mdstat", "", 0},
	{"proc/net/if_inet6", NULL, CARD},
	{"proc/net/route", NULL, 0},
	{"proc/self/mountinfo", NULL, DISK},
	{"proc/self/cgroup", "0::/x\n", 0},
	{"proc/self/ns/pid", "", 0},
	{"proc/swaps", NULL, 0},
	{"proc/sys/kernel/osrelease", NULL, 0},
	{"proc/version", NULL, 0},
	{"proc/300", NULL, SOUND},
	{"proc/300/fd", NULL, SOUND},
	{"proc/300/fd/9", NULL, SOUND},
	{"proc/300/comm", NULL, 0},
	{"proc/300/stat", NULL, 0},
	{"proc/300/cgroup", "0::/system.slice/x.service\n", 0},
	{"proc/300/mountinfo", "", 0},
	{"proc/300/ns/mnt", "", 0},
	{"dev/vfio", NULL, 0},
	{"dev/vfio/vfio", NULL, 0},
	{"dev/kvm", NULL, 0},
	{"dev/iommu", NULL, 0},
};

const size_t odd_path_count = sizeof(paths) / sizeof(*paths);

/* What is put there: nothing, a file, a link, or a folder with an entry of that name. */
static const struct odd_kind {
	enum { NOTHING, FILLED, LINKED, FOLDER } how;
	const char *name, *text;
	size_t length; /* the text is repeated up to that length; 0: it is there once */
} kinds[] = {
	{NOTHING, "missing", "", 0},
	{FILLED, "empty", "", 0},
	{FILLED, "one newline", "\n", 0},
	{FILLED, "64 KiB", "a", 1 << 16},
	{FILLED, "64 KiB of lines", "40 23 259:0 / /a\x1b[1m rw - ext4 /dev/nvme0n1 rw\n", 1 << 16},
	{FILLED, "zeros", "\0\0\0\0\0\0\0", 7},
	{FILLED, "a huge number", "99999999999999999999999\n", 0},
	{FILLED, "a negative number", "-9223372036854775808\n", 0},
	{FILLED, "a number beyond int", "4294967297\n", 0},
	{FILLED, "bytes above 127", "\xff\xfe\x80\xc3(\n", 0},
	{FILLED, "words without a slash", "0::x\n1:cpu,pids:y\n", 0},
	{FILLED, "control characters", "a\tb\x1b[31m \r c\nDEVNAME=\x1b[1m\x7f\x01\n", 0},
	{LINKED, "a link to nowhere", "nowhere", 0},
	{LINKED, "a link to itself", ".", 0},
	{LINKED, "a link with control characters", "../x/0000:01:00.0/\x1b[1m\n\xff", 0},
	{LINKED, "a link to a domain of five digits", "../../../devices/pci10000:e0/10000:e0:06.0", 0},
	{LINKED, "a link to its neighbour", "0000:00:10.0", 0},
	{FOLDER, "a folder", NULL, 0},
	{FOLDER, "a folder with a name of two lines", "a b\nc\x1b[1m\xff", 0},
	{FOLDER, "a folder with a long name", "0", 255},
	{FOLDER, "a folder with an address", "fffff:ff:1f.7", 0},
};

const size_t odd_kind_count = sizeof(kinds) / sizeof(*kinds);

const char *odd_path_name(size_t path)
{
	return paths[path % odd_path_count].path;
}

const char *odd_kind_name(size_t kind)
{
	return kinds[kind % odd_kind_count].name;
}

struct host_tree *odd_new(void)
{
	/* The test takes less time with few devices. */
	static const char *const others[] = {
		"sys/bus/pci/devices/0000:00:00.0", "sys/bus/pci/devices/0000:00:02.0",
		"sys/bus/pci/devices/0000:00:03.0", "sys/bus/pci/devices/0000:00:04.0",
		"sys/bus/pci/devices/0000:00:05.0", "sys/bus/pci/devices/0000:00:08.0",
		"sys/bus/pci/devices/0000:00:1f.0", "sys/bus/pci/devices/0000:00:1f.2",
		"sys/bus/pci/devices/0000:00:1f.3", "sys/class/net/sit0",
	};
	struct host_tree *tree = tree_new("plain");

	for (size_t i = 0; i < odd_path_count; i++)
		if (paths[i].text && paths[i].text[0])
			tree_put(tree, paths[i].path, paths[i].text);
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		tree_remove(tree, others[i]);
	tree_append(tree, "proc/self/mountinfo", "40 23 259:0 / /data rw - ext4 /dev/nvme0n1 rw\n");
	tree_append(tree, "proc/net/if_inet6", "fd000000000000000000000000000001 03 40 00 80     eth1\n");
	tree_process(tree, 300, "player", "/dev/snd/controlC0");
	return tree;
}

static void fill(const char *path, const struct odd_kind *kind)
{
	size_t once = strlen(kind->text), length = kind->length ? kind->length : once;
	FILE *file = fopen(path, "wx");

	/* The folder that it was in may be odd itself. */
	if (!file)
		return;
	for (size_t i = 0; i < length; i++)
		fputc(once ? kind->text[i % once] : 0, file);
	fclose(file);
}

/* "." is the link itself. */
static void link_to(const char *path, const char *text)
{
	if (symlink(strcmp(text, ".") ? text : strrchr(path, '/') + 1, path))
		return; /* the folder that it was in is odd itself */
}

static void make_folder(const char *path, const struct odd_kind *kind)
{
	char entry[PATH_MAX], name[256] = "";
	int used = 0;

	if (mkdir(path, 0755) || !kind->text)
		return;
	do
		used += snprintf(name + used, sizeof(name) - (size_t)used, "%s", kind->text);
	while ((size_t)used < kind->length);
	if (snprintf(entry, sizeof(entry), "%s/%s", path, name) < (int)sizeof(entry))
		mkdir(entry, 0755);
}

static void aside(const struct host_tree *tree, unsigned step, char out[128])
{
	snprintf(out, 128, "%s/aside-%u", tree->root, step);
}

/* The path of a file; one of a folder ends in no slash. */
static void full_path(const struct host_tree *tree, size_t path, char out[PATH_MAX])
{
	size_t length;

	snprintf(out, PATH_MAX, "%s/%s", tree->root, odd_path_name(path));
	length = strlen(out);
	if (out[length - 1] == '/')
		out[length - 1] = '\0';
}

void odd_make(const struct host_tree *tree, size_t path, size_t kind, unsigned step)
{
	const struct odd_kind *chosen = &kinds[kind % odd_kind_count];
	char full[PATH_MAX], kept[128];

	full_path(tree, path, full);
	aside(tree, step, kept);
	rename(full, kept);
	switch (chosen->how) {
	case NOTHING:
		break;
	case FILLED:
		fill(full, chosen);
		break;
	case LINKED:
		link_to(full, chosen->text);
		break;
	case FOLDER:
		make_folder(full, chosen);
	}
}

void odd_undo(const struct host_tree *tree, size_t path, unsigned step)
{
	char full[PATH_MAX], kept[128];

	full_path(tree, path, full);
	aside(tree, step, kept);
	tree_remove(tree, full + strlen(tree->root) + 1);
	rename(kept, full);
}

/* A text ends within its room. Who prints it replaces control characters. */
static void expect_text(const char *text, size_t size)
{
	assert_true(strnlen(text, size) < size);
}

static void expect_texts(const struct lend_survey_device *device)
{
	expect_text(device->is.driver, sizeof(device->is.driver));
	expect_text(device->is.reset_methods, sizeof(device->is.reset_methods));
	expect_text(device->is.vfio_node, sizeof(device->is.vfio_node));
	expect_text(device->path, sizeof(device->path));
	expect_text(device->serial, sizeof(device->serial));
	expect_text(device->physfn, sizeof(device->physfn));
	expect_text(device->cdev, sizeof(device->cdev));
	expect_text(device->interfaces, sizeof(device->interfaces));
	expect_text(device->why, sizeof(device->why));
	for (size_t i = 0; i < device->use_count; i++) {
		expect_text(device->uses[i].text, sizeof(device->uses[i].text));
		expect_text(device->uses[i].cure, sizeof(device->uses[i].cure));
	}
}

static void look_at_check(struct host_tree *tree, const char *address)
{
	const struct lend_check_options options = {.size = sizeof(options)};
	struct lend_bdf bdf = tree_bdf(address);
	struct lend_error error = {""};
	const struct lend_check_row *row;
	struct lend_check *check;

	if (lend_check_new(tree->context, &bdf, 1, &options, &check, &error)) {
		expect_text(error.text, sizeof(error.text));
		assert_true(error.text[0]);
		return;
	}
	for (size_t i = 0; (row = lend_check_at(check, i)); i++) {
		expect_text(row->text, sizeof(row->text));
		expect_text(row->command, sizeof(row->command));
		expect_text(row->advice, sizeof(row->advice));
	}
	lend_check_free(check);
}

/* `odd` is whether a file may be odd; `hidden` is a device whose use cannot be known. */
static void expect_no_wrong_word(struct host_tree *tree, bool odd, unsigned hidden)
{
	const struct lend_survey_device *device;
	struct lend_way way;

	if (!tree->survey) {
		assert_true(odd);
		return;
	}
	for (size_t i = 0; (device = lend_survey_at(tree->survey, i)); i++)
		expect_texts(device);
	for (size_t i = 0; lend_survey_way(tree->survey, i, &way); i++)
		assert_true(!way.unseen || way.unseen[0]);
	for (size_t i = 0; i < sizeof(planted) / sizeof(*planted); i++) {
		struct lend_bdf bdf = tree_bdf(planted[i].address);

		device = lend_survey_find(tree->survey, &bdf);
		if (!(planted[i].device & hidden) && device && device->state == LEND_STATE_BINDABLE)
			fail_msg("%s is bindable", planted[i].address);
	}
}

static void survey(struct host_tree *tree)
{
	lend_survey_free(tree->survey);
	tree->survey = NULL;
	if (lend_survey_new(tree->context, &tree->survey))
		tree->survey = NULL;
}

void odd_look(struct host_tree *tree, const size_t *odd, unsigned count)
{
	unsigned hidden = 0;

	for (unsigned i = 0; i < count; i++)
		hidden |= paths[odd[i] % odd_path_count].tells;
	survey(tree);
	expect_no_wrong_word(tree, count > 0, hidden);
	if (tree->survey)
		look_at_check(tree, "01:00.0");
}

void odd_look_again(struct host_tree *tree, const char *gone)
{
	unsigned hidden = 0;

	survey(tree);
	/* The rest of the host is still there, unless no device is listed. */
	assert_true(tree->survey || !strcmp(gone, "sys/bus/pci/devices"));
	for (size_t i = 0; i < odd_path_count; i++)
		if (!strcmp(gone, paths[i].path))
			hidden |= paths[i].tells;
	expect_no_wrong_word(tree, true, hidden);
	look_at_check(tree, "01:00.0");
}

void odd_bytes(struct host_tree *tree, const uint8_t *data, size_t size)
{
	enum { MOST = 8 };
	size_t odd[MOST] = {0};
	unsigned count = 0;

	for (; count < MOST && 2 * count + 1 < size; count++) {
		odd[count] = data[2 * count];
		odd_make(tree, odd[count], data[2 * count + 1], count);
	}
	odd_look(tree, odd, count);
	while (count--)
		odd_undo(tree, odd[count], count);
}
