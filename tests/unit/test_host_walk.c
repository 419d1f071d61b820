/* SPDX-License-Identifier: MIT */
/*
 * The way of docs/first-device.md on hosts that are wrong in several things at once:
 * lend ls, lend check, the cures from the top with a check after each, lend bind among
 * them, a check that passes, and lend unbind. The word of lend ls is known before each
 * step. Such a host does by itself what a real one does: it starts again, a container ends.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lend/bind.h"
#include "tests/unit/host_walk.h"

enum { WORDS_MAX = 8 };

struct way {
	struct sick_host host;
	void (*after)(struct walk *walk); /* what the host does by itself after each step; NULL: nothing */
	const char *words[WORDS_MAX];     /* of the first device: before each step, and at the end */
	const char *cures[WORDS_MAX];     /* how each step begins */
	const char *members[3];           /* what the guest gets, and the drivers that have it before */
	const char *drivers[3];
	const char *bridge; /* a bridge in the group, which stays as it is; NULL: none */
};

static void put(const struct person *person, const char *path, const char *text)
{
	tree_put(person->tree, path, text);
}

static void little_memory(struct person *person)
{
	person->limits[1] = 65536;
	put(person, "proc/self/status", "Uid:\t1000\t1000\t1000\t1000\nCapEff:\t0000000000000000\n");
}

static void deny_group(struct person *person, const char *address)
{
	char path[64];

	snprintf(path, sizeof(path), "dev/vfio/%d", tree_device(person->tree, address)->is.group);
	cure_deny(person, path);
}

static void move(const struct host_tree *tree, const char *from, const char *to)
{
	char full[PATH_MAX];

	snprintf(full, sizeof(full), "%s/%s", tree->root, from);
	if (rename(full, tree_path(tree, to)))
		fail_msg("%s is not there", from);
}

/* --- an IOMMU of AMD that a parameter switches off --- */

/* Without an IOMMU that is on, no device has a group. */
static void show_groups(struct host_tree *tree, bool shown)
{
	const struct lend_survey_device *device;
	char from[96], to[96];

	tree_survey(tree);
	for (size_t i = 0; (device = lend_survey_at(tree->survey, i)); i++) {
		snprintf(from, sizeof(from), "sys/bus/pci/devices/%s/%siommu_group", device->is.name,
			 shown ? "." : "");
		snprintf(to, sizeof(to), "sys/bus/pci/devices/%s/%siommu_group", device->is.name,
			 shown ? "" : ".");
		move(tree, from, to);
	}
	move(tree, shown ? "sys/kernel/.iommu_groups" : "sys/kernel/iommu_groups",
	     shown ? "sys/kernel/iommu_groups" : "sys/kernel/.iommu_groups");
}

static void amd_host(struct person *person)
{
	struct host_tree *tree = person->tree;

	little_memory(person);
	cure_deny(person, "dev/kvm");
	deny_group(person, "01:00.0");
	show_groups(tree, false);
	tree_remove(tree, "sys/class/iommu/dmar0");
	tree_remove(tree, "sys/firmware/acpi/tables/DMAR");
	put(person, "sys/firmware/acpi/tables/IVRS", "");
	put(person, "proc/cmdline", "root=/dev/sda1 amd_iommu=off quiet\n");
	put(person, "proc/interrupts", "  0:  42  IO-APIC   2-edge      timer\n");
	tree_append(tree, "proc/self/mountinfo", "40 23 259:0 / /my\\040data rw - ext4 /dev/nvme0n1 rw\n");
}

static void start_again(struct walk *walk)
{
	struct host_tree *tree = walk->person.tree;

	if (strstr(tree_get(tree, "proc/cmdline"), "amd_iommu=off") ||
	    access(tree_path(tree, "sys/kernel/.iommu_groups"), F_OK))
		return;
	show_groups(tree, true);
	tree_link(tree, "sys/class/iommu/ivhd0", "../../devices/virtual/iommu/ivhd0");
	put(&walk->person, "proc/interrupts", "  0:  42  IR-IO-APIC   2-edge      timer\n");
}

/* --- graphics with its sound, and the port above them in the group --- */

#define PORT "sys/devices/pci0000:00/0000:00:18.0"

static void make_function(struct person *person, const char *address, const char *class, const char *driver)
{
	struct host_tree *tree = person->tree;
	char path[128];

	snprintf(path, sizeof(path), PORT "/%s/nvme", address);
	tree_remove(tree, path);
	snprintf(path, sizeof(path), PORT "/%s/class", address);
	put(person, path, class);
	/* Neither has a reset of its own: VFIO resets the bus, with both. */
	snprintf(path, sizeof(path), PORT "/%s/reset_method", address);
	tree_remove(tree, path);
	snprintf(path, sizeof(path), PORT "/%s/reset", address);
	tree_remove(tree, path);
	snprintf(path, sizeof(path), PORT "/%s/.own", address);
	put(person, path, driver);
	snprintf(path, sizeof(path), "sys/bus/pci/drivers/%s", driver);
	tree_folder(tree, path);
	tree_bind(tree, address, driver);
}

/* A node of a function, and a service that has it open. */
static void open_node(struct person *person, const char *number, const char *folder, const char *node,
		      int pid, const char *unit)
{
	char path[256], text[128];

	snprintf(path, sizeof(path), "sys/dev/char/%s", number);
	snprintf(text, sizeof(text), "../../devices/pci0000:00/0000:00:18.0/%s", folder);
	tree_link(person->tree, path, text);
	snprintf(path, sizeof(path), PORT "/%s/uevent", folder);
	snprintf(text, sizeof(text), "DEVNAME=%s\n", node);
	put(person, path, text);
	snprintf(path, sizeof(path), "/dev/%s", node);
	tree_process(person->tree, pid, unit, path);
	snprintf(path, sizeof(path), "proc/%d/cgroup", pid);
	snprintf(text, sizeof(text), "0::/system.slice/%s.service\n", unit);
	put(person, path, text);
}

static void graphics_host(struct person *person)
{
	struct host_tree *tree = person->tree;

	deny_group(person, "01:00.0");
	make_function(person, "0000:01:00.0", "0x030000\n", "amdgpu");
	make_function(person, "0000:01:00.1", "0x040300\n", "snd_hda_intel");
	open_node(person, "226:0", "0000:01:00.0/drm/card0", "dri/card0", 60, "gdm");
	open_node(person, "116:2", "0000:01:00.1/sound/card0/controlC0", "snd/controlC0", 61, "mpd");
	/* The port has no ACS: what is below it is in its group. */
	tree_link(tree, PORT "/iommu_group", "../../../kernel/iommu_groups/7");
	tree_link(tree, "sys/kernel/iommu_groups/7/devices/0000:00:18.0",
		  "../../../../bus/pci/devices/0000:00:18.0");
	tree_remove(tree, "sys/kernel/iommu_groups/5");
}

static void graphics_below_an_idle_port(struct person *person)
{
	graphics_host(person);
	tree_bind(person->tree, "0000:00:18.0", NULL);
}

/* --- a network card in a container --- */

#define CARD "sys/devices/pci0000:00/0000:00:12.0/0000:03:00.0"

/* Its interface is in the container's network namespace, and its clock is open there. */
static void container_host(struct person *person)
{
	struct host_tree *tree = person->tree;

	little_memory(person);
	deny_group(person, "03:00.0");
	tree_remove(tree, "sys/class/net/eth1");
	move(tree, CARD "/net/eth1", CARD "/elsewhere");
	tree_process(tree, 60, "ptp4l", "/dev/ptp1");
	put(person, "proc/60/cgroup", "0::/system.slice/docker-0123456789abcdef.scope\n");
}

/* With its last process a namespace ends, and a card's interface comes back, without its addresses. */
static void end_container(struct walk *walk)
{
	struct host_tree *tree = walk->person.tree;

	if (!access(tree_path(tree, "proc/60"), F_OK) || access(tree_path(tree, CARD "/elsewhere"), F_OK))
		return;
	move(tree, CARD "/elsewhere", CARD "/net/eth1");
	tree_link(tree, "sys/class/net/eth1", "../../devices/pci0000:00/0000:00:12.0/0000:03:00.0/net/eth1");
}

/* --- the way --- */

static const struct way amd_way = {
	.host = {"plain", {"01:00.0"}, amd_host, NULL, NULL, {0}},
	.after = start_again,
	.words = {"no-iommu", "busy", "bindable", "ready", "ready", "ready"},
	.cures = {"take amd_iommu=off away", "umount '/my data'", "lend bind --user ann 0000:01:00.0",
		  "chown ann ", "prlimit --pid 77 --memlock="},
	.members = {"0000:01:00.0"},
	.drivers = {"nvme"},
};

#define GRAPHICS(edited)                                                                                     \
	{                                                                                                    \
		.host = {"multifunction", {"01:00.0"}, edited, NULL, NULL, {0}},                             \
		.words = {"busy", "busy", "shared", "ready"},                                                \
		.cures = {"systemctl stop gdm.service", "systemctl stop mpd.service",                        \
			  "lend bind --siblings --user ann 0000:01:00.0"},                                   \
		.members = {"0000:01:00.0", "0000:01:00.1"}, .drivers = {"amdgpu", "snd_hda_intel"},         \
		.bridge = "0000:00:18.0",                                                                    \
	}

static const struct way graphics_ways[] = {GRAPHICS(graphics_host), GRAPHICS(graphics_below_an_idle_port)};

static const struct way container_way = {
	.host = {"plain", {"03:00.0"}, container_host, NULL, NULL, {0}},
	.after = end_container,
	.words = {"busy", "bindable", "ready", "ready"},
	.cures = {"docker stop 0123456789ab", "lend bind --user ann 0000:03:00.0",
		  "prlimit --pid 77 --memlock="},
	.members = {"0000:03:00.0"},
	.drivers = {"e1000e"},
};

static const char *word_of(struct walk *walk, const char *address)
{
	tree_survey(walk->person.tree);
	return tree_device(walk->person.tree, address)->word;
}

static void expect_taken(struct walk *walk, const struct way *way, const char *bridge_driver)
{
	struct lend_check *check = walk_check(walk);

	assert_true(lend_check_passed(check));
	lend_check_free(check);
	for (int i = 0; way->members[i]; i++) {
		assert_string_equal(tree_driver(walk->person.tree, way->members[i]), "vfio-pci");
		assert_string_equal(word_of(walk, way->members[i]), "ready");
	}
	if (way->bridge) {
		assert_string_equal(word_of(walk, way->bridge), "bridge");
		assert_string_equal(tree_driver(walk->person.tree, way->bridge), bridge_driver);
	}
}

static void give_back(struct walk *walk, const struct way *way)
{
	const struct lend_bind_options options = {.size = sizeof(options)};
	struct lend_error error = {""};

	for (int i = 0; way->members[i]; i++) {
		struct lend_bdf device = tree_bdf(way->members[i]);

		if (lend_unbind(walk->person.tree->context, &device, 1, &options, &error))
			fail_msg("%s", error.text);
		assert_string_equal(tree_driver(walk->person.tree, way->members[i]), way->drivers[i]);
	}
}

static void go(const struct way *way)
{
	struct walk *walk = walk_begin(&way->host);
	struct host_tree *tree = walk->person.tree;
	char bridge_driver[64] = "";
	size_t steps = 0;

	if (way->bridge)
		snprintf(bridge_driver, sizeof(bridge_driver), "%s", tree_driver(tree, way->bridge));
	for (; way->cures[steps]; steps++) {
		assert_string_equal(word_of(walk, way->host.devices[0]), way->words[steps]);
		if (!walk_step(walk))
			fail_msg("'%s' is left; done was:\n%s", walk->left, walk->person.journal);
		if (strncmp(walk->done[steps].cure, way->cures[steps], strlen(way->cures[steps])) != 0)
			fail_msg("the cure is '%s', not '%s'; done was:\n%s", walk->done[steps].cure,
				 way->cures[steps], walk->person.journal);
		if (way->after)
			way->after(walk);
	}
	assert_string_equal(word_of(walk, way->host.devices[0]), way->words[steps]);
	expect_taken(walk, way, bridge_driver);
	give_back(walk, way);
	walk_end(walk);
}

static void an_iommu_of_amd(void **state)
{
	(void)state;
	go(&amd_way);
}

static void graphics_with_sound_and_a_bridge(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(graphics_ways) / sizeof(*graphics_ways); i++)
		go(&graphics_ways[i]);
}

/* Who is not root is told how to learn more. */
static void expect_root_asked(const struct way *way)
{
	struct walk *walk = walk_begin(&way->host);
	struct lend_check *check = walk_check(walk);
	const struct lend_check_row *row;
	size_t found = 0;

	for (size_t i = 0; (row = lend_check_at(check, i)); i++)
		if (strstr(row->text, "is in another network namespace")) {
			assert_non_null(strstr(row->advice, "call lend check as root"));
			found++;
		}
	assert_int_equal(found, 1);
	lend_check_free(check);
	walk_end(walk);
}

static void a_card_in_a_container(void **state)
{
	(void)state;
	expect_root_asked(&container_way);
	go(&container_way);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_iommu_of_amd),
		cmocka_unit_test(graphics_with_sound_and_a_bridge),
		cmocka_unit_test(a_card_in_a_container),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
