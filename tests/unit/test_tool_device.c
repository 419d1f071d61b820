/* SPDX-License-Identifier: MIT */
/* -device vfio-pci: every property, and every way to get one wrong. */
#include "tests/unit/tool_command_line.h"

/* What is no address is looked up when the host is. */
static void other_names(void **state)
{
	static const char *const names[] = {
		"eth1",  "/dev/nvme0n1", "8086:10d3", "8086:10d3/SN 1",  "pci0000:00/1c.0/00.0",
		"05:00", "0000:05:00",   "1:0.0",     "pci_0000_05_00_0"};
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
	assert_true(options.devices[0].function.no_mmap);
	assert_int_equal(parse_device("vfio-pci,host=05:00.8"), -EINVAL);
	assert_says("host=05:00.8 ");
	assert_int_equal(parse_device("vfio-pci,host=/sys/bus/pci/devices/0000:05:00.0"), 0);
	assert_string_equal(options.devices[0].host, "0000:05:00.0");
	assert_int_equal(parse_device("vfio-pci,host=0000:0A:1F.7"), 0);
	assert_string_equal(options.devices[0].host, "0000:0a:1f.7");
	assert_int_equal(parse_device("vfio-pci,host=/sys/class/net/eth0"), -EINVAL);
	assert_says("an interface like eth1");
	assert_int_equal(parse_device("vfio-pci,sysfsdev=05:00.0"), -EINVAL);
	assert_says("host=");
	assert_int_equal(parse_device("vfio-pci,sysfsdev=/sys/class/net/eth0/device"), -EINVAL);
	assert_says("not the address");
	assert_int_equal(
		parse_device("vfio-pci,sysfsdev=/sys/bus/mdev/devices/83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"),
		0);
	assert_string_equal(options.devices[0].host,
			    "/sys/bus/mdev/devices/83b8f4f2-509f-382f-3c1e-e6bfe0fa1001");
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
	assert_int_equal(parse_device("vfio-user,socket=x"), -EINVAL);
	assert_says("only PCI devices");
	assert_int_equal(parse_device("pcie-root-port,id=rp1"), -EINVAL);
	assert_says("leave it out");
	/* A doubled comma is one, in a value. */
	assert_int_equal(parse_device("vfio-pci,host=05:00.0,id=a,,b"), 0);
	assert_string_equal(options.devices[0].id, "a,b");
	assert_int_equal(parse_device("vfio-pci,host=05:00.0,id="
				      "1234567890123456789012345678901234567890123456789012345678901234"),
			 -EINVAL);
	assert_says("too long");
	assert_int_equal(parse_device("vfio-pci,host=05:00.0,romfile=a,,b"), 0);
	assert_string_equal(options.devices[0].romfile, "a,b");
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

static void backends(void **state)
{
	(void)state;
	assert_int_equal(parse_device("vfio-pci,host=05:00.0"), 0);
	assert_int_equal(options.devices[0].backend, LEND_BACKEND_AUTO);
	assert_int_equal(options.devices[0].fd, -1);
	assert_int_equal(parse_device("vfio-pci,host=05:00.0,iommufd=off"), 0);
	assert_int_equal(options.devices[0].backend, LEND_BACKEND_LEGACY);
	assert_int_equal(parse_device("vfio-pci,host=05:00.0,iommufd=on"), 0);
	assert_int_equal(options.devices[0].backend, LEND_BACKEND_IOMMUFD);
	assert_int_equal(parse("-kernel", "K", "-object", "iommufd,id=i0", "-device",
			       "vfio-pci,host=05:00.0,iommufd=i0", NULL),
			 0);
	assert_int_equal(options.devices[0].backend, LEND_BACKEND_IOMMUFD);
	assert_false(options.has_iommu_fd);
	assert_int_equal(parse("-kernel", "K", "-object", "iommufd,id=i0,fd=0", NULL), 0);
	assert_true(options.has_iommu_fd);
	assert_int_equal(options.iommu_fd, 0);
	assert_int_equal(parse("-kernel", "K", "-object", "iommufd,fd=x", NULL), -EINVAL);
	assert_says("fd=");
	assert_int_equal(parse("-kernel", "K", "-object", "rng-random,id=r", NULL), -EINVAL);
	assert_says("rng-random");
	assert_int_equal(parse_device("vfio-pci,host=05:00.0,iommufd="), -EINVAL);
	assert_says("iommufd=");
}

static void passed_devices(void **state)
{
	(void)state;
	assert_int_equal(parse_device("vfio-pci,fd=7"), 0);
	assert_int_equal(options.devices[0].fd, 7);
	assert_int_equal(parse_device("vfio-pci,fd=/run/broker"), 0);
	assert_string_equal(options.devices[0].fd_socket, "/run/broker");
	/* Two of them have no names that could be the same. */
	assert_int_equal(parse("-kernel", "K", "-device", "vfio-pci,fd=7", "-device", "vfio-pci,fd=8", NULL),
			 0);
	assert_int_equal(parse_device("vfio-pci,fd=7,iommufd=off"), -EINVAL);
	assert_says("iommufd=off");
	assert_int_equal(parse_device("vfio-pci,fd=-1"), -EINVAL);
	assert_int_equal(parse_device("vfio-pci,fd=7x"), -EINVAL);
	assert_says("fd=7x");
	assert_int_equal(parse_device("vfio-pci,host=05:00.0,vf-token=83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"),
			 0);
	assert_string_equal(options.devices[0].vf_token, "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001");
	assert_int_equal(parse_device("vfio-pci,host=05:00.0,vf-token=1"), -EINVAL);
	assert_says("vf-token=1");
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
		device.user = false;
		device.user = !is_of(&device, row);
		snprintf(text, sizeof(text), "%s,%s=77",
			 device.user ? "vfio-user-pci,socket=/s" : "vfio-pci,host=05:00.0", row->name);
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
	static const char *const wrong[] = {"x-igd-lpc=on", "display=on", "xres=640", "enable-migration=on",
					    "x-igd-gms=2"};
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

static const struct run_device *parsed(const char *properties)
{
	char text[256];

	snprintf(text, sizeof(text), "vfio-pci,host=05:00.0,%s", properties);
	if (parse_device(text))
		fail_msg("%s: %s", text, error.text);
	return &options.devices[0];
}

static void properties_of_the_function(void **state)
{
	const struct lend_function_config *function;

	(void)state;
	function =
		&parsed("x-intx=off,x-no-kvm-intx=on,x-no-kvm-msi=on,x-no-kvm-msix=on,x-req=off")->function;
	assert_true(function->no_intx && function->no_intx_bypass && function->no_msi_bypass &&
		    function->no_msix_bypass && function->no_request);
	assert_int_equal(function->intx_timeout_ms, 1100);
	function =
		&parsed("x-intx-mmap-timeout-ms=0,x-config=strict,ats=off,x-p2p=off,x-msix-relocation=bar4")
			 ->function;
	assert_int_equal(function->intx_timeout_ms, 0);
	assert_true(function->strict_config);
	assert_int_equal(function->ats, LEND_ATS_OFF);
	assert_int_equal(function->p2p, LEND_P2P_OFF);
	assert_int_equal(function->msix_to, LEND_MSIX_TO_BAR + 4);
	function = &parsed("x-pci-vendor-id=0x1022,x-pci-device-id=7,x-pci-sub-vendor-id=0xffff,"
			   "x-pci-sub-device-id=0,x-pci-class-code=0x030000")
			    ->function;
	assert_int_equal(function->ids.given, LEND_ID_VENDOR | LEND_ID_DEVICE | LEND_ID_SUB_VENDOR |
						      LEND_ID_SUBSYSTEM | LEND_ID_CLASS);
	assert_int_equal(function->ids.vendor, 0x1022);
	assert_int_equal(function->ids.device, 7);
	assert_int_equal(function->ids.sub_vendor, 0xffff);
	assert_int_equal(function->ids.class_code, 0x030000);
	assert_int_equal(parsed("rombar=0")->function.rom_mode, LEND_ROM_NONE);
	assert_int_equal(parsed("rombar=1")->function.rom_mode, LEND_ROM_SHOW);
	assert_int_equal(parsed("romfile=")->function.rom_mode, LEND_ROM_NONE);
	assert_int_equal(parsed("romfile=x.rom,romsize=65536")->function.rom_size, 65536);
	function = &parsed("x-vga=on,x-no-kvm-ioeventfd=on,x-no-vfio-ioeventfd=on,x-no-geforce-quirks=on,"
			   "x-nv-gpudirect-clique=0xf")
			    ->function;
	assert_true(function->vga && function->no_ioeventfd && function->no_device_ioeventfd &&
		    function->no_geforce && function->has_clique);
	assert_int_equal(function->clique, 15);
	assert_false(parsed("x-nv-gpudirect-clique=255,x-vga=off")->function.has_clique);
	assert_int_equal(parsed("x-p2p=on")->function.p2p, LEND_P2P_ON);
	assert_int_equal(parsed("x-p2p=auto")->function.p2p, LEND_P2P_AUTO);
	assert_true(parsed("x-allow-unreset=on")->allow_unreset);
	assert_int_equal(parsed("x-req=on")->on_error, VMM_ERROR_FORWARD);
	assert_int_equal(parsed("x-on-error=forward")->on_error, VMM_ERROR_FORWARD);
	assert_int_equal(parsed("x-on-error=remove")->on_error, VMM_ERROR_REMOVE);
	assert_int_equal(parsed("x-on-error=stop")->on_error, VMM_ERROR_STOP);
	assert_int_equal(parsed("x-on-error=continue")->on_error, VMM_ERROR_CONTINUE);
	assert_int_equal(parsed("x-on-error=keep")->on_error, VMM_ERROR_CONTINUE);
}

static void properties_that_make_no_sense(void **state)
{
	static const char *const wrong[] = {"x-pci-vendor-id=0xffff",
					    "x-pci-device-id=0x10000",
					    "x-pci-device-id=-1",
					    "x-pci-class-code=0x1000000",
					    "rombar=2",
					    "romsize=3000",
					    "romsize=65536",
					    "x-msix-relocation=bar6",
					    "x-msix-relocation=auto",
					    "ats=maybe",
					    "x-p2p=maybe",
					    "x-config=lax",
					    "x-on-error=go",
					    "x-allow-unreset=perhaps",
					    "x-vga=0",
					    "x-no-kvm-ioeventfd=maybe",
					    "x-no-vfio-ioeventfd=",
					    "x-no-geforce-quirks=2",
					    "x-nv-gpudirect-clique=16",
					    "x-nv-gpudirect-clique=254",
					    "x-nv-gpudirect-clique=-1",
					    "x-nv-gpudirect-clique=",
					    "x-nv-gpudirect-clique=3x"};
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		char name[64];

		snprintf(text, sizeof(text), "vfio-pci,host=05:00.0,%s", wrong[i]);
		if (parse_device(text) != -EINVAL)
			fail_msg("%s is taken", wrong[i]);
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(wrong[i], "="), wrong[i]);
		assert_says(name);
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

/* Whether `word` is a whole word of the file. */
static bool has_word_of(const char *text, const char *word)
{
	static const char more[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";
	size_t length = strlen(word);

	for (const char *at = text; (at = strstr(at, word)); at++)
		if ((at == text || !strchr(more, at[-1])) && !(at[length] && strchr(more, at[length])))
			return true;
	return false;
}

/* Both shells complete each property that does something, and none that is refused. */
static void completion_of_properties(void **state)
{
	static const char *const files[] = {"tool/completion.bash", "tool/completion.zsh"};
	static char text[32768];
	const struct property *row;

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		FILE *file = fopen(files[i], "r");
		size_t length;

		assert_non_null(file);
		length = fread(text, 1, sizeof(text) - 1, file);
		assert_true(length && length < sizeof(text) - 1);
		text[length] = '\0';
		fclose(file);
		for (size_t j = 0; (row = property_row(j)); j++)
			if (row->set && !has_word_of(text, row->name))
				fail_msg("%s does not know %s", files[i], row->name);
		assert_false(has_word_of(text, "multifunction"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(other_names),
		cmocka_unit_test(managed_and_expected),
		cmocka_unit_test(addresses),
		cmocka_unit_test(twice_and_too_many),
		cmocka_unit_test(every_property),
		cmocka_unit_test(defaults_in_other_words),
		cmocka_unit_test(nearest_property),
		cmocka_unit_test(properties_of_the_function),
		cmocka_unit_test(properties_that_make_no_sense),
		cmocka_unit_test(backends),
		cmocka_unit_test(passed_devices),
		cmocka_unit_test(completion_of_properties),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
