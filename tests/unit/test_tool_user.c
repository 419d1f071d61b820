/* SPDX-License-Identifier: MIT */
/* -device vfio-user-pci, and -device as JSON. */
#include "tests/unit/tool_command_line.h"

static void sockets(void **state)
{
	char text[200];

	(void)state;
	assert_int_equal(parse_device("vfio-user-pci,socket=/run/lend/disk,id=d0,x-no-mmap=on"), 0);
	assert_true(options.devices[0].user);
	assert_string_equal(options.devices[0].socket, "/run/lend/disk");
	assert_true(options.devices[0].function.no_mmap);
	assert_int_equal(options.devices[0].reply_ms, 0);
	assert_int_equal(parse_device("vfio-user-pci,socket=/s,x-msg-timeout=2500"), 0);
	assert_int_equal(options.devices[0].reply_ms, 2500);
	assert_refused("-device", "vfio-user-pci,socket=/s,x-msg-timeout=0", "x-msg-timeout=0");
	assert_refused("-device", "vfio-user-pci,socket=/s,x-msg-timeout=x", "milliseconds");
	assert_refused("-device", "vfio-user-pci", "socket=PATH");
	assert_refused("-device", "vfio-user-pci,/run/lend/disk", "write socket=/run/lend/disk");
	assert_refused("-device", "vfio-user-pci,socket=", "1 to 107 bytes");
	assert_refused("-device", "vfio-user-pci,socket=/a,socket=/b", "two sockets, /a and /b");
	memset(text, 'x', sizeof(text));
	memcpy(text, "vfio-user-pci,socket=", 21);
	text[21 + 108] = '\0';
	assert_refused("-device", text, "1 to 107 bytes");
	text[21 + 107] = '\0';
	assert_int_equal(parse_device(text), 0);
	assert_int_equal(parse("-kernel", "K", "-device", "vfio-user-pci,socket=/s", "-device",
			       "vfio-user-pci,socket=/s", NULL),
			 -EINVAL);
	assert_says("/s is given twice");
	assert_int_equal(parse("-kernel", "K", "-device", "vfio-user-pci,socket=/s", "-device",
			       "vfio-user-pci,socket=/t", "-device", "vfio-pci,host=05:00.0", NULL),
			 0);
	assert_int_equal(options.device_count, 3);
	assert_false(options.devices[2].user);
}

/* What is about the host's device is not for one that a process serves, and the other way round. */
static void properties_of_the_other_driver(void **state)
{
	static const char *const vfio[] = {"host=05:00.0", "managed=on", "iommufd=on", "fd=3",
					   "vf-token=83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"};
	char text[160];

	(void)state;
	for (size_t i = 0; i < sizeof(vfio) / sizeof(*vfio); i++) {
		snprintf(text, sizeof(text), "vfio-user-pci,socket=/s,%s", vfio[i]);
		assert_refused("-device", text, "vfio-user-pci has no property");
	}
	assert_refused("-device", "vfio-pci,host=05:00.0,socket=/s", "vfio-pci has no property 'socket'");
	assert_refused("-device", "vfio-pci,host=05:00.0,x-msg-timeout=5", "vfio-pci has no property");
	assert_int_equal(parse_device("vfio-user-pci,socket=/s,x-no-posted-writes=off"), 0);
	assert_refused("-device", "vfio-user-pci,socket=/s,x-no-posted-writes=on", "not supported");
}

static void json(void **state)
{
	static const char *const wrong[][2] = {
		{"{", "wrong at character"},
		{"{}", "driver"},
		{"{\"driver\":3}", "driver"},
		{"{\"driver\":\"nvme\"}", "nvme"},
		{"{\"driver\":\"vfio-user-pci\"}", "socket=PATH"},
		{"{\"driver\":\"vfio-user-pci\",\"socket\":[]}", "'socket'"},
		{"{\"driver\":\"vfio-user-pci\",\"socket\":{\"path\":\"/s\"}}", "unix"},
		{"{\"driver\":\"vfio-user-pci\",\"socket\":{\"type\":\"unix\"}}", "unix"},
		{"{\"driver\":\"vfio-user-pci\",\"socket\":{\"type\":\"inet\",\"path\":\"/s\"}}", "unix"},
		{"{\"driver\":\"vfio-user-pci\",\"socket\":\"/s\",\"id\":null}", "'id'"},
		{"{\"driver\":\"vfio-user-pci\",\"socket\":\"/s\",\"socket\":\"/t\"}", "duplicate"},
		{"{\"driver\":\"vfio-pci\",\"host\":{\"x\":1}}", "'host'"},
	};

	(void)state;
	assert_int_equal(parse_device("{\"driver\":\"vfio-user-pci\","
				      "\"socket\":{\"path\":\"/tmp/s,t\",\"type\":\"unix\"},"
				      "\"x-msg-timeout\":700,\"x-no-mmap\":true,\"id\":\"d\"}"),
			 0);
	assert_true(options.devices[0].user);
	assert_string_equal(options.devices[0].socket, "/tmp/s,t");
	assert_int_equal(options.devices[0].reply_ms, 700);
	assert_true(options.devices[0].function.no_mmap);
	/* The driver need not stand first. */
	assert_int_equal(parse_device("{\"socket\":\"/s\",\"driver\":\"vfio-user-pci\"}"), 0);
	assert_string_equal(options.devices[0].socket, "/s");
	assert_int_equal(parse_device("{\"driver\":\"vfio-pci\",\"host\":\"05:00.0\",\"x-no-mmap\":\"on\","
				      "\"rombar\":0}"),
			 0);
	assert_false(options.devices[0].user);
	assert_string_equal(options.devices[0].host, "0000:05:00.0");
	assert_int_equal(options.devices[0].function.rom_mode, LEND_ROM_NONE);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_refused("-device", wrong[i][0], wrong[i][1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sockets),
		cmocka_unit_test(properties_of_the_other_driver),
		cmocka_unit_test(json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
