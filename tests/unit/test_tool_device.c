/* SPDX-License-Identifier: MIT */
/*
 * -device vfio-pci: every property, and every way to get one wrong. The files
 * under test are included: a test program is not linked with the tool's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tool/nearest.c"
#include "tool/run/device_arg.c"
#include "tool/run/memory_arg.c"
#include "tool/run/options.c"
#include "tool/run/properties.c"
#include "tool/run/value.c"
#include "tool/say.c"

static struct run_options options;
static struct lend_error error;

/* Parses "run" and the arguments, which end with NULL. */
static int parse(const char *first, ...)
{
	char *argv[100] = {(char *)(uintptr_t) "run"};
	const char *next = first;
	int argc = 1;
	va_list args;

	va_start(args, first);
	for (; next; next = va_arg(args, const char *))
		argv[argc++] = (char *)(uintptr_t)next;
	va_end(args);
	error.text[0] = '\0';
	return options_parse(argc, argv, &options, &error);
}

static int parse_device(const char *device)
{
	return parse("-kernel", "K", "-device", device, NULL);
}

/* The sentence is one line that names `word`. */
static void assert_says(const char *word)
{
	if (!strstr(error.text, word))
		fail_msg("'%s' does not name '%s'", error.text, word);
	assert_null(strchr(error.text, '\n'));
}

/* What is no address is looked up when the host is. */
static void other_names(void **state)
{
	static const char *const names[] = {"eth1", "/dev/nvme0n1", "8086:10d3", "8086:10d3/SN 1",
					    "pci0000:00/1c.0/00.0"};
	char text[96];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(text, sizeof(text), "vfio-pci,host=%s", names[i]);
		assert_int_equal(parse_device(text), 0);
		assert_string_equal(options.devices[0].name, names[i]);
		assert_string_equal(options.devices[0].host, "");
	}
	assert_int_equal(parse_device("vfio-pci,host=eth1,host=05:00.0"), -EINVAL);
	assert_says("two devices, eth1 and 05:00.0");
	assert_int_equal(parse_device("vfio-pci,host=05:00.0,host=eth1"), -EINVAL);
	assert_int_equal(
		parse("-kernel", "K", "-device", "vfio-pci,host=eth1", "-device", "vfio-pci,host=eth1", NULL),
		-EINVAL);
	assert_says("eth1 is given twice");
	assert_int_equal(
		parse("-kernel", "K", "-device", "vfio-pci,host=eth1", "-device", "vfio-pci,host=eth2", NULL),
		0);
}

static void managed_and_expected(void **state)
{
	static const char *const wrong[] = {"", "8086", "8086:10d", "8086:10d3x", "nvme", "8086:10d3 /x"};
	char text[96];

	(void)state;
	assert_int_equal(parse_device("vfio-pci,host=05:00.0,managed=on,expect=8086:10d3/SN 1"), 0);
	assert_true(options.devices[0].managed);
	assert_string_equal(options.devices[0].expect, "8086:10d3/SN 1");
	assert_int_equal(parse_device("vfio-pci,host=05:00.0,managed=off"), 0);
	assert_false(options.devices[0].managed);
	assert_int_equal(parse_device("vfio-pci,host=05:00.0,managed=maybe"), -EINVAL);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		snprintf(text, sizeof(text), "vfio-pci,host=05:00.0,expect=%s", wrong[i]);
		assert_int_equal(parse_device(text), -EINVAL);
		assert_says("VENDOR:DEVICE");
	}
}

static void addresses(void **state)
{
	(void)state;
	assert_int_equal(parse_device("vfio-pci,sysfsdev=/sys/bus/pci/devices/0000:05:00.0"), 0);
	assert_string_equal(options.devices[0].host, "0000:05:00.0");
	assert_int_equal(parse_device("vfio-pci,x-no-mmap=yes,host=05:00.0,id=d0"), 0);
	assert_true(options.devices[0].no_mmap);
	assert_int_equal(parse_device("vfio-pci,host=05:00"), -EINVAL);
	assert_says("host=05:00 ");
	assert_int_equal(parse_device("vfio-pci,host=/sys/bus/pci/devices/0000:05:00.0"), -EINVAL);
	assert_says("sysfsdev=");
	assert_int_equal(parse_device("vfio-pci,sysfsdev=05:00.0"), -EINVAL);
	assert_says("host=");
	assert_int_equal(parse_device("vfio-pci,sysfsdev=/sys/class/net/eth0/device"), -EINVAL);
	assert_says("not the address");
	assert_int_equal(
		parse_device("vfio-pci,sysfsdev=/sys/bus/mdev/devices/83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"),
		-EINVAL);
	assert_says("mediated device");
	assert_int_equal(parse_device("vfio-pci,host=05:00.0,host=06:00.0"), -EINVAL);
	assert_says("two devices");
	assert_int_equal(parse_device("vfio-pci"), -EINVAL);
	assert_says("host=");
	assert_int_equal(parse_device("vfio-pci,x-no-mmap=on"), -EINVAL);
	assert_int_equal(parse_device("vfio-pci,host=05:00.0,x-no-mmap"), -EINVAL);
	assert_says("'x-no-mmap' has no value");
	assert_int_equal(parse_device("vfio-pci,host=05:00.0,x-no-mmap=2"), -EINVAL);
	assert_says("neither on nor off");
	assert_int_equal(parse_device("vfio-pci,host=05:00.0,"), -EINVAL);
	assert_int_equal(parse_device("vfio-pci,host=05:00.0,id="), -EINVAL);
	assert_int_equal(parse_device(""), -EINVAL);
	assert_int_equal(parse_device("nvme,drive=d0"), -EINVAL);
	assert_says("vfio-pci,host=");
	assert_int_equal(parse_device("vfio-user-pci,socket=x"), -EINVAL);
	assert_says("later version");
	assert_int_equal(parse_device("pcie-root-port,id=rp1"), -EINVAL);
	assert_says("leave it out");
	/* A doubled comma is one, in a value. */
	assert_int_equal(parse_device("vfio-pci,host=05:00.0,id=a,,b"), 0);
	assert_int_equal(parse_device("vfio-pci,host=05:00.0,romfile=a,,b"), -EINVAL);
	assert_says("romfile=a,b ");
}

static void twice_and_too_many(void **state)
{
	char text[VMM_DEVICES_MAX + 1][40];
	int ret = 0;

	(void)state;
	assert_int_equal(parse("-kernel", "K", "-device", "vfio-pci,host=05:00.0", "-device",
			       "vfio-pci,sysfsdev=/sys/devices/pci0000:00/0000:05:00.0", NULL),
			 -EINVAL);
	assert_says("0000:05:00.0 is given twice");
	assert_int_equal(parse("-kernel", "K", NULL), 0);
	for (unsigned i = 0; i <= VMM_DEVICES_MAX; i++) {
		assert_int_equal(ret, 0);
		snprintf(text[i], sizeof(text[i]), "vfio-pci,host=%02x:00.0", i);
		ret = device_parse(&options, text[i], &error);
	}
	assert_int_equal(ret, -EINVAL);
	assert_says("31");
	assert_int_equal(options.device_count, VMM_DEVICES_MAX);
}

/* Each name of the specification's table is known; at its default it is accepted, else refused with its
 * reason. */
static void every_property(void **state)
{
	static const char *const names[] = {"host",
					    "sysfsdev",
					    "fd",
					    "iommufd",
					    "vf-token",
					    "romfile",
					    "rombar",
					    "romsize",
					    "multifunction",
					    "addr",
					    "acpi-index",
					    "bootindex",
					    "failover_pair_id",
					    "x-vga",
					    "x-req",
					    "x-intx-mmap-timeout-ms",
					    "x-no-mmap",
					    "x-intx",
					    "x-no-kvm-intx",
					    "x-no-kvm-msi",
					    "x-no-kvm-msix",
					    "x-no-kvm-ioeventfd",
					    "x-no-vfio-ioeventfd",
					    "x-no-geforce-quirks",
					    "x-msix-relocation",
					    "x-pci-vendor-id",
					    "x-pci-device-id",
					    "x-pci-sub-vendor-id",
					    "x-pci-sub-device-id",
					    "x-pci-class-code",
					    "x-nv-gpudirect-clique",
					    "x-igd-opregion",
					    "x-igd-lpc",
					    "x-igd-legacy-mode",
					    "x-igd-gms",
					    "display",
					    "xres",
					    "yres",
					    "ramfb",
					    "use-legacy-x86-rom",
					    "x-ramfb-migrate",
					    "enable-migration",
					    "x-pre-copy-dirty-page-tracking",
					    "x-device-dirty-page-tracking",
					    "x-migration-multifd-transfer",
					    "x-migration-load-config-after-iter",
					    "x-migration-max-queued-buffers-size",
					    "migration-events",
					    "x-balloon-allowed",
					    "skip-vsc-check",
					    "ats",
					    "x-vpasid-cap-offset"};
	struct run_device device = {.host = "0000:05:00.0"};
	const struct property *row;
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		size_t at = 0;

		while ((row = property_row(at)) && strcmp(row->name, names[i]))
			at++;
		if (!row)
			fail_msg("%s is not known", names[i]);
	}
	for (size_t i = 0; (row = property_row(i)); i++) {
		if (row->set)
			continue;
		snprintf(text, sizeof(text), "vfio-pci,host=05:00.0,%s=77", row->name);
		assert_int_equal(parse_device(text), -EINVAL);
		assert_says(row->name);
		assert_says(row->reason);
		if (row->standard)
			assert_int_equal(property_set(&device, row->name, row->standard, &error), 0);
	}
}

static void defaults_in_other_words(void **state)
{
	static const char *const fine[] = {"x-vga=no",
					   "x-vga=false",
					   "x-req=yes",
					   "x-nv-gpudirect-clique=0xff",
					   "x-intx-mmap-timeout-ms=0x44c",
					   "rombar=-1",
					   "ats=auto"};
	static const char *const wrong[] = {"x-vga=on", "x-vga=0", "x-req=off",       "rombar=0",
					    "rombar=",  "ats=off", "x-no-kvm-msi=on", "romsize=64K"};
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(fine) / sizeof(*fine); i++) {
		snprintf(text, sizeof(text), "vfio-pci,host=05:00.0,%s", fine[i]);
		if (parse_device(text))
			fail_msg("%s: %s", text, error.text);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		snprintf(text, sizeof(text), "vfio-pci,host=05:00.0,%s", wrong[i]);
		assert_int_equal(parse_device(text), -EINVAL);
		assert_says("not supported");
	}
}

static void nearest_property(void **state)
{
	(void)state;
	assert_int_equal(parse_device("vfio-pci,host=05:00.0,x-no-mmpa=on"), -EINVAL);
	assert_says("the nearest is x-no-mmap");
	assert_int_equal(parse_device("vfio-pci,hots=05:00.0"), -EINVAL);
	assert_says("the nearest is host");
	assert_int_equal(parse_device("vfio-pci,host=05:00.0,x-no-kvm-msx=on"), -EINVAL);
	assert_says("the nearest is x-no-kvm-msi");
	assert_int_equal(parse_device("vfio-pci,host=05:00.0,=on"), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(other_names),      cmocka_unit_test(managed_and_expected),
		cmocka_unit_test(addresses),        cmocka_unit_test(twice_and_too_many),
		cmocka_unit_test(every_property),   cmocka_unit_test(defaults_in_other_words),
		cmocka_unit_test(nearest_property),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
