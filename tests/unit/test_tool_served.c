/* SPDX-License-Identifier: MIT */
/* -disk and -net: what is read, and how it stands in the command line of the server. */
#include "tests/unit/tool_command_line.h"

static const char *name(unsigned index)
{
	return options.devices[index].served.name;
}

/* The words of a device, with blanks between them. */
static const char *words_of(unsigned device)
{
	static char text[512];
	const struct run_served *served = &options.devices[device].served;
	const char *at = served->words;

	text[0] = '\0';
	for (unsigned i = 0; i < served->count; i++, at += strlen(at) + 1) {
		strcat(text, i ? " " : "");
		strcat(text, at);
	}
	return text;
}

static const char *words(void)
{
	return words_of(0);
}

static void taken(void **state)
{
	static const char *const rows[][3] = {
		{"-disk", "a.img", "nvme a.img"},
		{"-disk", "file=a.img,format=raw", "nvme a.img --format=raw"},
		{"--disk", "path=/dev/vg/x,readonly=on", "nvme /dev/vg/x --readonly"},
		{"-disk", "a,,b.img,readonly", "nvme a,b.img --readonly"},
		{"-disk", "a.img,readonly=off", "nvme a.img"},
		{"-net", "user", "net --user"},
		{"-net", "user,mac=02:00:00:00:00:01", "net --user --mac 02:00:00:00:00:01"},
		{"-net", "tap=tap0", "net --tap tap0"},
		{"-net", "tap,ifname=tap0", "net --tap tap0"},
		{"-net", "fd=7", "net --fd-tap 7"},
		{"-net", "mac=02:00:00:00:00:0a,user", "net --mac 02:00:00:00:00:0a --user"},
		{"-disk", "-a.img", "nvme ./-a.img"},
		{"-disk", "a.img,readonly,readonly=off", "nvme a.img"},
		{"-disk", "a,readonly,readonly,readonly,readonly,readonly,readonly,readonly,readonly",
		 "nvme a --readonly"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(parse("-kernel", "K", rows[i][0], rows[i][1], NULL), 0);
		assert_int_equal(options.device_count, 1);
		assert_true(options.devices[0].user);
		assert_true(options.devices[0].reconnect_s > 0);
		assert_int_equal(options.devices[0].fd, -1);
		assert_string_equal(words(), rows[i][2]);
		/* A card's state is kept: the driver of a disk resets it. */
		assert_int_equal(options.devices[0].served.keeps, !strncmp(words(), "net", 3));
	}
	assert_int_equal(parse("-kernel", "K", "-net", "none", NULL), 0);
	assert_int_equal(options.device_count, 0);
	assert_int_equal(parse("-kernel", "K", "-disk", "a", "-disk", "b", "-net", "user", NULL), 0);
	assert_int_equal(options.device_count, 3);
}

/* What sentences call the devices: as the user wrote them, and of a long path the end. */
static void names(void **state)
{
	(void)state;
	assert_int_equal(parse("-kernel", "K", "-disk", "file=d.img,readonly=on", "-disk", "-d.img", "-disk",
			       "/srv/a/long/path/to/the/machine/disk.img", "-net",
			       "user,mac=02:00:00:00:00:01", NULL),
			 0);
	assert_string_equal(name(0), "-disk d.img");
	assert_string_equal(name(1), "-disk -d.img");
	assert_string_equal(name(2), "-disk long/path/to/the/machine/disk.img");
	assert_int_equal(strlen(name(2)), LEND_NAME_SIZE - 1);
	assert_string_equal(name(3), "-net user,mac=02:00:00:00:00:01");
}

static void refused(void **state)
{
	static const char *const rows[][3] = {
		{"-disk", "", "names no image"},
		{"-disk", "file=", "names no image"},
		{"-disk", "a.img,cache=none", "'cache=none' is not known"},
		{"-disk", "a.qcow2,format=qcow2", "qemu-img convert"},
		{"-disk", "a.img,readonly=perhaps", "on or off"},
		{"-net", "bridge", "'bridge' is not known"},
		{"-net", "tap=", "'tap=' is not known"},
		{"-net", "mac=02:00:00:00:00:01", "names no tap"},
		{"-net", "tap", "names no tap"},
		{"-disk", "a,b.img", "a comma in the image's path is written twice"},
		{"-net", "user=1", "user has no value"},
		{"-net", "user,tap=x", "to one place"},
		{"-net", "tap=x,tap=y", "to one place"},
		{"-net", "fd=7,ifname=y", "to one place"},
		{"-net", "user,mac=02:00:00:00:00:01,mac=02:00:00:00:00:02", "given twice"},
		{"-net", "user,mac=zz", "mac=zz is not six bytes"},
		{"-net", "user,mac=02:00:00:00:00:01:", "is not six bytes"},
		{"-net", "user,mac=02:00:00:00:00:0", "is not six bytes"},
		{"-net", "user,mac=02-00-00-00-00-01", "is not six bytes"},
		{"-net", "user,mac=03:00:00:00:00:01", "address of a group"},
		{"-net", "user,mac=00:00:00:00:00:00", "all zeros"},
		{"-net", "user,mac=", "'mac=' is not known"},
		{"-net", "fd=x", "fd=x is no number"},
		{"-net", "fd=-1", "fd=-1 is no number"},
		{"-net", "fd=2147483648", "is no number"},
		{"-net", "tap=0123456789abcdef", "at most 15 characters"},
		{"-net", "", "'' is not known"},
	};
	char longest[5000] = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(parse("-kernel", "K", rows[i][0], rows[i][1], NULL), -EINVAL);
		if (!strstr(error.text, rows[i][2]))
			fail_msg("%s %s: %s", rows[i][0], rows[i][1], error.text);
	}
	memset(longest, 'x', sizeof(longest) - 1);
	assert_int_equal(parse("-kernel", "K", "-disk", longest, NULL), -EINVAL);
	assert_non_null(strstr(error.text, "too long"));
}

/* Cards of one guest differ, also where what carries their frames has one name. */
static void cards_differ(void **state)
{
	const char *last[2];

	(void)state;
	assert_int_equal(parse("-kernel", "K", "-net", "user", "-disk", "a", "-net", "user", "-net",
			       "user,mac=02:00:00:00:00:01", "-net", "user", "-net", "tap=user", NULL),
			 0);
	assert_string_equal(words_of(0), "net --user");
	assert_string_equal(words_of(3), "net --user --mac 02:00:00:00:00:01");
	assert_string_equal(words_of(5), "net --tap user");
	for (unsigned i = 0; i < 2; i++) {
		const char *all = words_of(i ? 4 : 2), *mac = all + strlen("net --user --mac ");

		assert_memory_equal(all, "net --user --mac 02:", strlen("net --user --mac 02:"));
		assert_int_equal(strlen(mac), strlen("02:00:00:00:00:01"));
		last[i] = strdup(mac);
	}
	assert_string_not_equal(last[0], last[1]);
	for (unsigned i = 0; i < 2; i++)
		free((void *)last[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cards_differ),
		cmocka_unit_test(taken),
		cmocka_unit_test(names),
		cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
