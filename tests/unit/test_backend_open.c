/* SPDX-License-Identifier: MIT */
/*
 * Devices that cannot be opened, on a made-up host: each is refused with its
 * own errno and a sentence that names what is wrong and what to do.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lend/lend.h"
#include "lib/open/group_error.h"
#include "tests/unit/cmocka.h"

struct host {
	char root[64], sys[80], dev[80], proc[80];
	struct lend_context *context;
	struct lend_space *space;
	struct lend_device *device;
	struct lend_error error;
};

static void run(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void run(const char *format, ...)
{
	char command[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	assert_int_equal(system(command), 0);
}

static int setup(void **state)
{
	static const struct lend_host_ops ops = {.size = sizeof(ops)};
	struct host *host = calloc(1, sizeof(*host));
	struct lend_context_config config = {.size = sizeof(config)};

	assert_non_null(host);
	strcpy(host->root, "/tmp/lend-open-XXXXXX");
	assert_non_null(mkdtemp(host->root));
	snprintf(host->sys, sizeof(host->sys), "%s/sys", host->root);
	snprintf(host->dev, sizeof(host->dev), "%s/dev", host->root);
	snprintf(host->proc, sizeof(host->proc), "%s/proc", host->root);
	run("mkdir -p %s/bus/pci/devices %s/bus/pci/drivers %s/vfio %s", host->sys, host->sys, host->dev,
	    host->proc);
	config.sysfs_root = host->sys;
	config.dev_root = host->dev;
	config.proc_root = host->proc;
	assert_int_equal(lend_context_new(&config, &host->context), 0);
	assert_int_equal(lend_space_new(host->context, &ops, NULL, &host->space), 0);
	*state = host;
	return 0;
}

static int teardown(void **state)
{
	struct host *host = *state;

	assert_null(host->device);
	lend_space_free(host->space);
	lend_context_free(host->context);
	run("rm -rf %s", host->root);
	free(host);
	return 0;
}

/* driver "": none; group -1: none. */
static void add_device(struct host *host, const char *name, const char *driver, int group)
{
	const char *sys = host->sys;

	run("d=%s/bus/pci/devices/%s; mkdir -p $d; echo 0x1b36 >$d/vendor; echo 0x0010 >$d/device; "
	    "echo 0x010802 >$d/class",
	    sys, name);
	if (driver[0])
		run("mkdir -p %s/bus/pci/drivers/%s; ln -s ../../drivers/%s %s/bus/pci/devices/%s/driver",
		    sys, driver, driver, sys, name);
	if (group >= 0)
		run("g=%s/kernel/iommu_groups/%d; mkdir -p $g/devices; ln -s $g "
		    "%s/bus/pci/devices/%s/iommu_group; "
		    "ln -s ../../../../bus/pci/devices/%s $g/devices/%s",
		    sys, group, sys, name, name, name);
}

static int try(struct host *host, const char *address)
{
	return lend_device_open(host->space, address, &host->device, &host->error);
}

static void expect(const struct host *host, const char *text)
{
	if (!strstr(host->error.text, text))
		fail_msg("\"%s\" is not in: %s", text, host->error.text);
	assert_null(strchr(host->error.text, '\n'));
}

static void no_such_device(void **state)
{
	struct host *host = *state;

	assert_int_equal(try(host, "0000:05:00.0"), -ENODEV);
	expect(host, "0000:05:00.0");
	assert_int_equal(try(host, "no address"), -ENODEV);
	expect(host, "no address");
}

static void not_bound(void **state)
{
	struct host *host = *state;

	add_device(host, "0000:05:00.0", "nvme", 7);
	assert_int_equal(try(host, "05:00.0"), -ENXIO);
	expect(host, "bound to nvme");
	expect(host, "as root: lend bind 0000:05:00.0");
	add_device(host, "0000:06:00.0", "", 8);
	assert_int_equal(try(host, "06:00.0"), -ENXIO);
	expect(host, "no driver");
}

/* XSA-61: without an IOMMU it is refused, whatever it is bound to. */
static void xsa_61_no_iommu(void **state)
{
	struct host *host = *state;

	add_device(host, "0000:05:00.0", "vfio-pci", -1);
	assert_int_equal(try(host, "05:00.0"), -ENOTSUP);
	expect(host, "intel_iommu=on");
	expect(host, "AMD-Vi");
	assert_null(strstr(host->error.text, "amd_iommu=on")); /* the kernel has no such parameter */
}

static void node_missing(void **state)
{
	struct host *host = *state;

	add_device(host, "0000:05:00.0", "vfio-pci", 7);
	assert_int_equal(try(host, "05:00.0"), -EACCES);
	expect(host, "dev/vfio/7");
	expect(host, "modprobe vfio-pci");
}

/* A file that is no VFIO group: the ioctl fails, and nothing stays open. */
static void node_is_something_else(void **state)
{
	struct host *host = *state;

	add_device(host, "0000:05:00.0", "mlx5_vfio_pci", 7);
	run("touch %s/vfio/7", host->dev);
	assert_int_equal(try(host, "05:00.0"), -ENOTTY);
	expect(host, "IOMMU group 7");
	assert_int_equal(try(host, "05:00.0"), -ENOTTY);
}

static void node_not_permitted(void **state)
{
	struct host *host = *state;
	struct lend_host_device device;

	add_device(host, "0000:05:00.0", "vfio-pci", 7);
	assert_int_equal(lend_host_find(host->context, "05:00.0", &device, sizeof(device), NULL), 0);
	assert_int_equal(group_say_open(host->context, &device, "/dev/vfio/7", EACCES, &host->error),
			 -EACCES);
	expect(host, "chown");
	expect(host, "/dev/vfio/7");
}

static void not_viable(void **state)
{
	struct host *host = *state;
	struct lend_host_device device;

	add_device(host, "0000:05:00.0", "vfio-pci", 7);
	add_device(host, "0000:05:00.1", "snd_hda_intel", 7);
	add_device(host, "0000:05:00.2", "", 7);
	add_device(host, "0000:05:00.3", "pci-stub", 7);
	add_device(host, "0000:05:00.4", "xhci_hcd", 7);
	assert_int_equal(lend_host_find(host->context, "05:00.0", &device, sizeof(device), NULL), 0);
	assert_int_equal(group_say_not_viable(host->context, &device, &host->error), -EPERM);
	expect(host, "0000:05:00.1 (snd_hda_intel), 0000:05:00.4 (xhci_hcd)");
	/* Not by hand: lend bind takes nothing that is in use, and can give it back. */
	expect(host, "as root: lend bind --siblings 0000:05:00.0");
	assert_null(strstr(host->error.text, "unbind"));
	assert_null(strstr(host->error.text, "0000:05:00.2"));
	assert_null(strstr(host->error.text, "0000:05:00.3"));
}

static void in_use(void **state)
{
	struct host *host = *state;
	struct lend_host_device device;
	char path[100];

	add_device(host, "0000:05:00.0", "vfio-pci", 7);
	run("mkdir -p %s/77/fd; echo qemu >%s/77/comm; ln -s %s/vfio/7 %s/77/fd/9", host->proc, host->proc,
	    host->dev, host->proc);
	run("touch %s/vfio/7", host->dev);
	assert_int_equal(lend_host_find(host->context, "05:00.0", &device, sizeof(device), NULL), 0);
	snprintf(path, sizeof(path), "%s/vfio/7", host->dev);
	assert_int_equal(group_say_open(host->context, &device, path, EBUSY, &host->error), -EBUSY);
	expect(host, "0000:05:00.0 is in use by process 77 (qemu)");
	expect(host, path);
	expect(host, "end that first");
}

/* A group of many: no name is cut, and the cure stays one that can be run. */
static void not_viable_for_many(void **state)
{
	struct host *host = *state;
	struct lend_host_device device;

	add_device(host, "0000:05:00.0", "vfio-pci", 7);
	for (unsigned i = 0; i < 24; i++) {
		char name[16];

		snprintf(name, sizeof(name), "0000:06:%02x.0", i);
		add_device(host, name, "a_driver_with_a_name_of_forty_characters", 7);
	}
	assert_int_equal(lend_host_find(host->context, "05:00.0", &device, sizeof(device), NULL), 0);
	assert_int_equal(group_say_not_viable(host->context, &device, &host->error), -EPERM);
	expect(host, "0000:06:00.0 (a_driver_with_a_name_of_forty_characters), 0000:06:01.0 (");
	expect(host, "_characters) and 22 more; as root: lend bind --siblings 0000:05:00.0");
	assert_true(strlen(host->error.text) < sizeof(host->error.text) - 1);
}

/* Somebody whose descriptors procfs does not show to us. */
static void in_use_by_nobody_we_see(void **state)
{
	struct host *host = *state;

	assert_int_equal(group_say_in_use(host->context, "0000:05:00.0", "/dev/vfio/7", &host->error),
			 -EBUSY);
	expect(host, "0000:05:00.0 is in use by another process");
	expect(host, "fuser -v /dev/vfio/7");
}

/* By its own node: opening the group says no more than "busy". */
static void in_use_by_the_other_way(void **state)
{
	struct host *host = *state;
	struct lend_host_device device;
	char path[100];

	add_device(host, "0000:05:00.0", "vfio-pci", 7);
	run("d=%s/bus/pci/devices/0000:05:00.0/vfio-dev/vfio3; mkdir -p $d; echo 244:3 >$d/dev", host->sys);
	run("mkdir -p %s/vfio/devices; touch %s/vfio/7 %s/vfio/devices/vfio3", host->dev, host->dev,
	    host->dev);
	run("mkdir -p %s/77/fd; echo qemu >%s/77/comm; ln -s %s/vfio/devices/vfio3 %s/77/fd/9", host->proc,
	    host->proc, host->dev, host->proc);
	assert_int_equal(lend_host_find(host->context, "05:00.0", &device, sizeof(device), NULL), 0);
	snprintf(path, sizeof(path), "%s/vfio/7", host->dev);
	assert_int_equal(group_say_open(host->context, &device, path, EBUSY, &host->error), -EBUSY);
	expect(host, "process 77 (qemu), which has");
	expect(host, "vfio/devices/vfio3");
}

#define on_host(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		on_host(no_such_device),
		on_host(not_bound),
		on_host(xsa_61_no_iommu),
		on_host(node_missing),
		on_host(node_is_something_else),
		on_host(node_not_permitted),
		on_host(not_viable),
		on_host(not_viable_for_many),
		on_host(in_use),
		on_host(in_use_by_nobody_we_see),
		on_host(in_use_by_the_other_way),
	};

	return cmocka_run_group_tests_name("backend_open", tests, NULL, NULL);
}
