/* SPDX-License-Identifier: MIT */
/* The command line of a machine with firmware: each option, what goes with what, and every wrong value. */
#include "tests/unit/tool_command_line.h"

static int parse_firmware(const char *option, const char *value)
{
	return parse("-firmware", "uefi", option, value, NULL);
}

static void assert_wrong(const char *option, const char *value, const char *word)
{
	if (parse_firmware(option, value) != -EINVAL)
		fail_msg("%s %s was accepted", option, value);
	assert_says(word);
}

static void the_image_and_its_variables(void **state)
{
	(void)state;
	assert_int_equal(parse("-firmware", "uefi", NULL), 0);
	assert_string_equal(options.firmware.code, "uefi");
	assert_string_equal(options.firmware.vars, "");
	assert_string_equal(options.firmware.template, "");
	assert_null(options.kernel);
	assert_int_equal(
		parse("-firmware", "/a,,b/CODE.fd,vars-template=t.fd,vars=/v,,w.fd", "-name", "web-1", NULL),
		0);
	assert_string_equal(options.firmware.code, "/a,b/CODE.fd");
	assert_string_equal(options.firmware.vars, "/v,w.fd");
	assert_string_equal(options.firmware.template, "t.fd");
	assert_false(options.firmware.no_vars);
	assert_string_equal(options.name, "web-1");
	assert_int_equal(parse("-firmware", "c,vars=none", NULL), 0);
	assert_true(options.firmware.no_vars);
	assert_false(options.firmware.vars_sync);
	assert_int_equal(parse("-firmware", "c,vars-sync=off,vars-sync=on,vars=v", NULL), 0);
	assert_true(options.firmware.vars_sync);
	/* The last one counts as a whole. */
	assert_int_equal(parse("-firmware", "c,vars=none", "-firmware", "d", NULL), 0);
	assert_false(options.firmware.no_vars);
	assert_false(options.firmware.vars_sync);
	assert_string_equal(options.firmware.vars, "");
}

static void wrong_images(void **state)
{
	char path[1100] = "vars=";

	(void)state;
	assert_wrong("-firmware", "", "the image is empty");
	assert_wrong("-firmware", ",vars=x", "the image is empty");
	assert_wrong("-firmware", "c,vars=", "vars= is empty");
	assert_wrong("-firmware", "c,vars-template=", "vars-template= is empty");
	assert_wrong("-firmware", "c,secure=on", "'secure=on' is not known");
	assert_wrong("-firmware", "c,vars", "'vars' is not known");
	assert_wrong("-firmware", "c,vars-sync=often", "[,vars-sync=on|off]");
	assert_wrong("-firmware", "c,vars=none,vars-sync=on", "leave vars-sync= out");
	assert_wrong("-firmware", "c,vars=none,vars-template=t", "leave vars-template= out");
	memset(path + 5, 'x', 1050);
	assert_wrong("-firmware", path + 5, "1023 bytes");
}

static void names(void **state)
{
	char name[80] = "";

	(void)state;
	assert_int_equal(parse_firmware("-name", "guest=vm1,debug-threads=on"), 0);
	assert_string_equal(options.name, "vm1");
	assert_int_equal(parse("-kernel", "K", "-name", "a.b+c@d", NULL), 0);
	memset(name, 'n', 64);
	assert_int_equal(parse_firmware("-name", name), 0);
	name[64] = 'n';
	assert_wrong("-name", name, "1 to 64");
	assert_wrong("-name", "", "-name");
	assert_wrong("-name", "guest=", "-name");
	assert_wrong("-name", "..", "-name");
	assert_wrong("-name", "a/b", "-name a/b");
	assert_wrong("-name", "a b", "-name");
	assert_wrong("-name", "vm,process=x", "-name");
}

static void menu_and_clock(void **state)
{
	(void)state;
	assert_int_equal(parse_firmware("-boot", "menu=on"), 0);
	assert_true(options.firmware.menu);
	assert_int_equal(parse_firmware("-boot", "menu=off,strict=on"), 0);
	assert_false(options.firmware.menu);
	assert_int_equal(parse_firmware("-boot", "menu=on,strict=on"), 0);
	assert_true(options.firmware.menu);
	assert_wrong("-boot", "order=c", "bootindex=N");
	assert_wrong("-boot", "c", "bootindex=N");
	assert_wrong("-boot", "menu=perhaps", "menu=on");
	assert_wrong("-boot", "", "menu=on");
	assert_int_equal(parse_firmware("-rtc", "base=utc,clock=host,driftfix=slew"), 0);
	assert_int_equal(options.firmware.rtc_base, RTC_UTC);
	assert_int_equal(parse_firmware("-rtc", "base=localtime"), 0);
	assert_int_equal(options.firmware.rtc_base, RTC_LOCAL);
	assert_int_equal(parse_firmware("-rtc", "base=2026-12-31T23:59:59"), 0);
	assert_int_equal(options.firmware.rtc_base, RTC_AT);
	assert_int_equal(options.firmware.rtc_at, 1798761599);
	assert_int_equal(parse_firmware("-rtc", "base=2024-02-29"), 0);
	assert_int_equal(options.firmware.rtc_at, 1709164800);
}

static void times_that_are_none(void **state)
{
	static const char *const rows[] = {
		"",
		"utc",
		"base=",
		"base=now",
		"base=2026-02-29",
		"base=2026-13-01",
		"base=2026-1-1",
		"base=1969-12-31",
		"base=-026-01-01",
		"base=2026-01-01T24:00:00",
		"base=2026-01-01T00:60:00",
		"base=2026-01-01T00:00:60",
		"base=2026-01-01T00:00",
		"base=2026-01-01T00:00:00Z",
		"base=2026-01-01 00:00:00",
		"base=2026-01-01T-1:00:00",
		"clock=vm",
		"base=utc,base=2026-01-01T00:00:00+01:00",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_wrong("-rtc", rows[i], "base=localtime");
}

static void settings(void **state)
{
	char name[100] = "name=opt/";

	(void)state;
	assert_int_equal(parse("-firmware", "uefi", "-fw-cfg", "name=opt/a,string=x,y=z,,", "-fw_cfg",
			       "opt/b,file=/f", "-fw-cfg", "name=opt/c,string=", NULL),
			 0);
	assert_int_equal(options.firmware.file_count, 3);
	assert_string_equal(options.firmware.files[0].name, "opt/a");
	assert_string_equal(options.firmware.files[0].string, "x,y=z,,");
	assert_null(options.firmware.files[0].path);
	assert_string_equal(options.firmware.files[1].name, "opt/b");
	assert_string_equal(options.firmware.files[1].path, "/f");
	assert_string_equal(options.firmware.files[2].string, "");
	assert_wrong("-fw-cfg", "opt/a", "string=TEXT");
	assert_wrong("-fw-cfg", "name=opt/a,file=", "file=PATH");
	assert_wrong("-fw-cfg", "name=opt/a,text=x", "string=TEXT");
	assert_wrong("-fw-cfg", "name=etc/e820,string=x", "opt/");
	assert_wrong("-fw-cfg", "name=opt/,string=x", "opt/");
	assert_wrong("-fw-cfg", ",string=x", "opt/");
	assert_int_equal(
		parse("-firmware", "uefi", "-fw-cfg", "opt/a,string=1", "-fw-cfg", "opt/a,string=2", NULL),
		-EINVAL);
	assert_says("opt/a is given twice");
	memset(name + 9, 'n', 51);
	strcpy(name + 60, ",string=x");
	assert_int_equal(parse_firmware("-fw-cfg", name), 0);
	memset(name + 9, 'n', 52);
	strcpy(name + 61, ",string=x");
	assert_wrong("-fw-cfg", name, "55 bytes");
}

static void as_many_settings_as_there_is_room_for(void **state)
{
	static char text[RUN_FW_FILES_MAX + 1][40];
	char *argv[2 * RUN_FW_FILES_MAX + 5] = {text[0], (char *)(uintptr_t) "-firmware",
						(char *)(uintptr_t) "uefi"};
	int argc = 3;

	(void)state;
	for (unsigned i = 0; i <= RUN_FW_FILES_MAX; i++) {
		snprintf(text[i], sizeof(text[i]), "name=opt/%u,string=", i);
		argv[argc++] = (char *)(uintptr_t) "-fw-cfg";
		argv[argc++] = text[i];
	}
	assert_int_equal(options_parse(argc - 2, argv, &options, &error), 0);
	assert_int_equal(options_parse(argc, argv, &options, &error), -EINVAL);
	assert_says("more than 32 times");
}

static void the_order_of_devices(void **state)
{
	(void)state;
	assert_int_equal(parse("-firmware", "uefi", "-device", "vfio-pci,host=05:00.0,bootindex=2", "-device",
			       "vfio-pci,host=06:00.0", "-disk", "a.img,bootindex=0", "-net",
			       "user,bootindex=1", "-device", "vfio-user-pci,socket=/s,bootindex=2147483647",
			       NULL),
			 0);
	assert_int_equal(options.devices[0].boot_index, 2);
	assert_int_equal(options.devices[1].boot_index, -1);
	assert_int_equal(options.devices[2].boot_index, 0);
	assert_int_equal(options.devices[3].boot_index, 1);
	assert_int_equal(options.devices[4].boot_index, INT32_MAX);
	assert_int_equal(parse("-firmware", "uefi", "-device", "vfio-pci,host=05:00.0,bootindex=1", "-disk",
			       "a.img,bootindex=1", NULL),
			 -EINVAL);
	assert_says("bootindex=1 is given to 0000:05:00.0 and to -disk a.img");
	assert_wrong("-device", "vfio-pci,host=05:00.0,bootindex=-1", "bootindex=-1");
	assert_wrong("-device", "vfio-pci,host=05:00.0,bootindex=2147483648", "bootindex");
	assert_wrong("-disk", "a,bootindex=x", "bootindex=x is not a number");
	assert_wrong("-net", "user,bootindex=", "bootindex= is not a number");
	assert_int_equal(parse_device("vfio-pci,host=05:00.0,bootindex=1"), -EINVAL);
	assert_says("-firmware");
}

static void firmware_and_kernel_exclude_each_other(void **state)
{
	(void)state;
	assert_wrong("-kernel", "K", "-kernel and -firmware exclude each other");
	assert_wrong("-initrd", "I", "-initrd and -firmware");
	assert_wrong("-append", "x", "-append and -firmware");
	assert_int_equal(parse("-firmware", "uefi", "-append", "", NULL), 0);
	assert_refused("-boot", "menu=on", "-firmware");
	assert_refused("-rtc", "base=utc", "CMOS");
	assert_refused("-fw-cfg", "name=opt/a,string=b", "-firmware");
	assert_int_equal(parse("-m", "1G", NULL), -EINVAL);
	assert_says("-firmware uefi");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_image_and_its_variables),
		cmocka_unit_test(wrong_images),
		cmocka_unit_test(names),
		cmocka_unit_test(menu_and_clock),
		cmocka_unit_test(times_that_are_none),
		cmocka_unit_test(settings),
		cmocka_unit_test(as_many_settings_as_there_is_room_for),
		cmocka_unit_test(the_order_of_devices),
		cmocka_unit_test(firmware_and_kernel_exclude_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
