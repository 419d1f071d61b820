/* SPDX-License-Identifier: MIT */
/*
 * What a survey costs on a large host: 200 devices, 2,000 processes and 20,000
 * descriptors. The calls that reach the kernel are counted at the C library;
 * their number is the same on each run and on each computer.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/host_uses.h"

enum { DEVICES = 200, MOST_DEVICES = 4096, PROCESSES = 2000, DESCRIPTORS = 10 };

/*
 * Before there was a table of ways, three ways took 41,419 of these calls on
 * this host. Ten times as many may take half as many more, and not the square.
 */
enum { CALLS_BEFORE = 41419 };

static unsigned calls;

int __real_open(const char *path, int flags, ...);
ssize_t __real_read(int fd, void *buffer, size_t size);
ssize_t __real_readlink(const char *path, char *buffer, size_t size);
ssize_t __real_readlinkat(int dir, const char *path, char *buffer, size_t size);
int __real_access(const char *path, int mode);
int __real_stat(const char *path, struct stat *out);
int __real_statx(int dir, const char *path, int flags, unsigned mask, struct statx *out);
DIR *__real_opendir(const char *path);

int __wrap_open(const char *path, int flags, ...);
ssize_t __wrap_read(int fd, void *buffer, size_t size);
ssize_t __wrap_readlink(const char *path, char *buffer, size_t size);
ssize_t __wrap_readlinkat(int dir, const char *path, char *buffer, size_t size);
int __wrap_access(const char *path, int mode);
int __wrap_stat(const char *path, struct stat *out);
int __wrap_statx(int dir, const char *path, int flags, unsigned mask, struct statx *out);
DIR *__wrap_opendir(const char *path);

int __wrap_open(const char *path, int flags, ...)
{
	va_list args;
	int mode;

	va_start(args, flags);
	mode = flags & O_CREAT ? va_arg(args, int) : 0;
	va_end(args);
	calls++;
	return __real_open(path, flags, mode);
}

ssize_t __wrap_read(int fd, void *buffer, size_t size)
{
	calls++;
	return __real_read(fd, buffer, size);
}

ssize_t __wrap_readlink(const char *path, char *buffer, size_t size)
{
	calls++;
	return __real_readlink(path, buffer, size);
}

ssize_t __wrap_readlinkat(int dir, const char *path, char *buffer, size_t size)
{
	calls++;
	return __real_readlinkat(dir, path, buffer, size);
}

int __wrap_access(const char *path, int mode)
{
	calls++;
	return __real_access(path, mode);
}

int __wrap_stat(const char *path, struct stat *out)
{
	calls++;
	return __real_stat(path, out);
}

int __wrap_statx(int dir, const char *path, int flags, unsigned mask, struct statx *out)
{
	calls++;
	return __real_statx(dir, path, flags, mask, out);
}

/* A folder is opened, asked about, read to its end, and closed. */
DIR *__wrap_opendir(const char *path)
{
	calls += 4;
	return __real_opendir(path);
}

static char path[256], target[256];

LEND_PRINTF(1, 2) static const char *at(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	return path;
}

LEND_PRINTF(1, 2) static const char *to(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(target, sizeof(target), format, args);
	va_end(args);
	return target;
}

static const struct kind {
	const char *driver, *class, *number, *folder, *node;
} kinds[] = {
	{"nvme", "0x010802", "block/259", "nvme/nvme0/nvme%un1", "nvme%un1"},
	{"e1000e", "0x020000", NULL, "net/eth%u", NULL},
	{"snd_hda_intel", "0x040300", "char/116", "sound/card0/controlC%u", "snd/controlC%u"},
	{"xhci_hcd", "0x0c0330", "char/189", "usb1/1-%u", "bus/usb/001/%03u"},
};

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void add_device(const struct host_tree *tree, unsigned i)
{
	static const struct {
		const char *name, *value;
	} attributes[] = {{"vendor", "0x8086\n"}, {"device", "0x10d3\n"}, {"numa_node", "0\n"}};
	const struct kind *kind = &kinds[i % 4];
	char address[16], folder[64], node[64];

	snprintf(address, sizeof(address), "0000:%02x:%02x.0", 0x41 + i / 32, i % 32);
	snprintf(folder, sizeof(folder), kind->folder, i);
	tree_link(tree, at("sys/bus/pci/devices/%s", address), to("../../../devices/pci0000:40/%s", address));
	for (size_t k = 0; k < sizeof(attributes) / sizeof(*attributes); k++)
		tree_put(tree, at("sys/devices/pci0000:40/%s/%s", address, attributes[k].name),
			 attributes[k].value);
	tree_put(tree, at("sys/devices/pci0000:40/%s/class", address), to("%s\n", kind->class));
	tree_link(tree, at("sys/devices/pci0000:40/%s/driver", address),
		  to("../../../bus/pci/drivers/%s", kind->driver));
	tree_link(tree, at("sys/devices/pci0000:40/%s/iommu_group", address),
		  to("../../../kernel/iommu_groups/%u", 100 + i));
	tree_folder(tree, at("sys/devices/pci0000:40/%s/%s/holders", address, folder));
	if (!kind->number) {
		tree_link(tree, at("sys/class/net/eth%u", i),
			  to("../../devices/pci0000:40/%s/%s", address, folder));
		tree_put(tree, at("sys/devices/pci0000:40/%s/%s/ifindex", address, folder),
			 to("%u\n", 10 + i));
		return;
	}
	snprintf(node, sizeof(node), kind->node, i);
	tree_link(tree, at("sys/dev/%s:%u", kind->number, i),
		  to("../../devices/pci0000:40/%s/%s", address, folder));
	tree_put(tree, at("sys/devices/pci0000:40/%s/%s/uevent", address, folder), to("DEVNAME=%s\n", node));
}
#pragma GCC diagnostic pop

static void add_process(const struct host_tree *tree, unsigned pid)
{
	static const char *const files[DESCRIPTORS] = {
		"/dev/null",  "socket:[1]", "pipe:[3]", "/var/lib/x", "anon_inode:[eventfd]",
		"/dev/pts/1", "socket:[2]", "pipe:[4]", "/var/log/x", "anon_inode:[eventpoll]",
	};

	tree_put(tree, at("proc/%u/comm", pid), "p\n");
	tree_link(tree, at("proc/%u/ns/mnt", pid), "mnt:[4026531841]");
	for (unsigned fd = 0; fd < DESCRIPTORS; fd++)
		tree_link(tree, at("proc/%u/fd/%u", pid, fd), files[fd]);
}

static void a_large_host(void **state)
{
	struct host_tree *tree = *state;

	for (unsigned i = 0; i < DEVICES; i++)
		add_device(tree, i);
	for (unsigned i = 0; i < PROCESSES; i++)
		add_process(tree, 1000 + i);
	calls = 0;
	tree_survey(tree);
	print_message("%u calls\n", calls);
	assert_true(lend_survey_count(tree->survey) > DEVICES);
	assert_string_equal(tree_device(tree, "41:00.0")->word, "bindable");
	assert_in_range(calls, DEVICES + PROCESSES * DESCRIPTORS, CALLS_BEFORE + CALLS_BEFORE / 2);
}

/* All have one folder: what is made for this test takes more time than the survey. */
static unsigned count_calls(struct host_tree *tree, unsigned devices)
{
	for (unsigned i = 0; i < devices; i++)
		tree_link(tree, at("sys/bus/pci/devices/0000:%02x:%02x.0", 0x41 + i / 32, i % 32),
			  "../../../devices/pci0000:40/one");
	calls = 0;
	tree_survey(tree);
	print_message("%u calls\n", calls);
	return calls;
}

/* Sixteen times as many devices cost no more than sixteen times as many calls. */
static void a_host_of_4096_devices(void **state)
{
	struct host_tree *tree = *state;
	unsigned few;

	tree_put(tree, "sys/devices/pci0000:40/one/class", "0x020000\n");
	few = count_calls(tree, MOST_DEVICES / 16);
	assert_in_range(count_calls(tree, MOST_DEVICES), few, 16 * few);
	assert_true(lend_survey_count(tree->survey) > MOST_DEVICES);
}

/* Who only looks for a name does not look at the processes, nor at each way. */
static void a_name(void **state)
{
	struct host_tree *tree = *state;
	const struct lend_survey_device *found;
	struct lend_survey *survey;
	struct lend_error error;

	for (unsigned i = 0; i < DEVICES; i++)
		add_device(tree, i);
	for (unsigned i = 0; i < PROCESSES / 10; i++)
		add_process(tree, 1000 + i);
	calls = 0;
	assert_int_equal(lend_survey_names(tree->context, &survey), 0);
	print_message("%u calls\n", calls);
	assert_in_range(calls, DEVICES, CALLS_BEFORE / 4);
	assert_int_equal(lend_survey_resolve(survey, "eth5", &found, &error), 0);
	assert_string_equal(found->is.name, "0000:41:05.0");
	lend_survey_free(survey);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_large_host, tree_plain, tree_teardown),
		cmocka_unit_test_setup_teardown(a_name, tree_plain, tree_teardown),
		cmocka_unit_test_setup_teardown(a_host_of_4096_devices, tree_plain, tree_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
