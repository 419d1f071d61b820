/* SPDX-License-Identifier: MIT */
/* The command line of lend run: every option, and every way to get one wrong. */
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/folder.h"
#include "tests/unit/tool_command_line.h"

static void defaults(void **state)
{
	static const uint8_t none[16];

	(void)state;
	assert_int_equal(parse("-kernel", "K", NULL), 0);
	assert_string_equal(options.kernel, "K");
	assert_int_equal(options.memory, UINT64_C(512) << 20);
	assert_int_equal(options.cpus, 1);
	assert_null(options.initrd);
	assert_string_equal(options.append, "");
	assert_int_equal(options.serial, SERIAL_STDIO);
	assert_null(options.serial_path);
	assert_memory_equal(options.uuid, none, 16);
	assert_false(options.cf8);
	assert_false(options.no_reboot);
	assert_false(options.help);
	assert_int_equal(options.verbose, 0);
	assert_null(options.stats);
	assert_int_equal(options.device_count, 0);
}

static void every_option(void **state)
{
	static const uint8_t uuid[16] = {0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0,
					 0x12, 0x34, 0x56, 0x78, 0x9A, 0xBC, 0xDE, 0xF0};

	(void)state;
	assert_int_equal(parse("-m", "4G", "-c", "4", "-kernel", "K", "-initrd", "I", "-append", "a b=c",
			       "-serial", "file:/tmp/x", "-uuid", "12345678-9abc-def0-1234-56789ABCDEF0",
			       "-no-reboot", "-machine", "cf8=on", "-v", "-v", "--stats", "S", "-device",
			       "vfio-pci,host=05:00.0", "-device", "vfio-pci,host=0001:06:1f.7,x-no-mmap=on",
			       NULL),
			 0);
	assert_int_equal(options.memory, UINT64_C(4) << 30);
	assert_int_equal(options.cpus, 4);
	assert_string_equal(options.initrd, "I");
	assert_string_equal(options.append, "a b=c");
	assert_int_equal(options.serial, SERIAL_FILE);
	assert_string_equal(options.serial_path, "/tmp/x");
	assert_memory_equal(options.uuid, uuid, 16);
	assert_true(options.no_reboot);
	assert_true(options.cf8);
	assert_int_equal(options.verbose, 2);
	assert_string_equal(options.stats, "S");
	assert_int_equal(options.device_count, 2);
	assert_string_equal(options.devices[0].host, "0000:05:00.0");
	assert_false(options.devices[0].function.no_mmap);
	assert_string_equal(options.devices[1].host, "0001:06:1f.7");
	assert_true(options.devices[1].function.no_mmap);
}

static void traces(void **state)
{
	(void)state;
	assert_int_equal(parse("-kernel", "K", NULL), 0);
	assert_null(options.trace);
	assert_int_equal(parse("-kernel", "K", "--trace", "T", NULL), 0);
	assert_string_equal(options.trace, "T");
	assert_int_equal(parse("-kernel", "K", "-trace", "enable=vfio_*", NULL), -EINVAL);
}

static void kernel_caches(void **state)
{
	(void)state;
	assert_int_equal(parse("-kernel", "K", NULL), 0);
	assert_null(options.kernel_cache);
	assert_false(options.no_kernel_cache);
	assert_int_equal(parse("-kernel", "K", "-kernel-cache", "/srv/k", NULL), 0);
	assert_string_equal(options.kernel_cache, "/srv/k");
	assert_int_equal(parse("-kernel", "K", "--kernel-cache=/srv/k", "-kernel-cache", "off", NULL), 0);
	assert_null(options.kernel_cache);
	assert_true(options.no_kernel_cache);
	assert_int_equal(parse("-kernel", "K", "-kernel-cache", "", NULL), -EINVAL);
}

static void one_dash_or_two(void **state)
{
	(void)state;
	assert_int_equal(parse("--kernel", "K", "--m", "1G", "--smp", "3", "--no-reboot", NULL), 0);
	assert_int_equal(options.cpus, 3);
	assert_true(options.no_reboot);
	assert_int_equal(parse("-kernel=K", "--append=a=b", "-smp=cpus=2", NULL), 0);
	assert_string_equal(options.append, "a=b");
	assert_int_equal(options.cpus, 2);
	/* The last one counts; a value may look like an option. */
	assert_int_equal(
		parse("-kernel", "K", "-kernel", "-X", "-machine", "cf8=on", "-machine", "cf8=off", NULL), 0);
	assert_string_equal(options.kernel, "-X");
	assert_false(options.cf8);
}

static void help_needs_nothing(void **state)
{
	(void)state;
	assert_int_equal(parse("--help", NULL), 0);
	assert_true(options.help);
	assert_int_equal(parse("-h", "-nonsense", NULL), 0);
	assert_true(options.help);
}

static void sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t mib;
	} rows[] = {
		{"1", 1},     {"512", 512},    {"512M", 512}, {"512m", 512},
		{"4G", 4096}, {"1T", 1 << 20}, {"2048K", 2},  {"007", 7},
	};
	static const char *const wrong[] = {"",
					    "0",
					    "G",
					    "4GB",
					    "4 G",
					    "-1",
					    "+1",
					    "1.5G",
					    "4X",
					    "1K",
					    "1025K",
					    "0x10",
					    "18446744073709551616",
					    "17592186044416",
					    "17592186044417",
					    "16777216T"};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(parse("-kernel", "K", "-m", rows[i].text, NULL), 0);
		assert_int_equal(options.memory, rows[i].mib << 20);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_refused("-m", wrong[i], "-m");
}

static void ports_for_later(void **state)
{
	static const char *const wrong[] = {"",
					    "two",
					    "29",
					    "-1",
					    "2,",
					    "2,window",
					    "2,window=",
					    "2,window=0",
					    "2,window=1M,x",
					    "2,windows=1M",
					    "2,window=1000K"};

	(void)state;
	assert_int_equal(parse("-kernel", "K", "-ports", "4", NULL), 0);
	assert_int_equal(options.ports, 4);
	assert_int_equal(options.port_window, 0);
	assert_int_equal(parse("-kernel", "K", "-ports", "2,window=64G", NULL), 0);
	assert_int_equal(options.ports, 2);
	assert_int_equal(options.port_window, UINT64_C(64) << 30);
	assert_int_equal(parse("-kernel", "K", "-ports=0", NULL), 0);
	assert_int_equal(options.ports, 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		assert_int_equal(parse("-kernel", "K", "-ports", wrong[i], NULL), -EINVAL);
		assert_non_null(strstr(error.text, "-ports"));
	}
}

static void write_file(const char *root, const char *path, const char *text)
{
	char command[512];

	snprintf(command, sizeof(command),
		 "f=%s/sys/bus/pci/devices/%s; mkdir -p $(dirname $f); printf '%s' >$f", root, path, text);
	assert_int_equal(system(command), 0);
}

/* By the largest that could be handed over: neither a bridge, nor what has no group. */
static void ports_are_sized_by_the_computer(void **state)
{
	char root[] = "/tmp/lend-ports-XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(root));
	setenv("LEND_ROOT", root, 1);
	assert_int_equal(parse("-kernel", "K", "-ports", "2", NULL), 0);
	ports_size(&options);
	assert_int_equal(options.port_window, 64 << 20);
	write_file(root, "0000:01:00.0/class", "0x030000\\n");
	write_file(root, "0000:01:00.0/iommu_group", "");
	write_file(root, "0000:01:00.0/resource",
		   "0x0000000080000000 0x0000000080ffffff 0x0000000000040200\\n"
		   "0x0000380000000000 0x00003803ffffffff 0x000000000014220c\\n"
		   "0 0 0\\n0x0000380400000000 0x0000380401ffffff 0x000000000014220c\\n");
	write_file(root, "0000:02:00.0/class", "0x060400\\n");
	write_file(root, "0000:02:00.0/iommu_group", "");
	write_file(root, "0000:02:00.0/resource", "0x380000000000 0x381fffffffff 0x14220c\\n");
	write_file(root, "0000:03:00.0/class", "0x030000\\n");
	write_file(root, "0000:03:00.0/resource", "0x380000000000 0x381fffffffff 0x14220c\\n");
	ports_size(&options);
	assert_int_equal(options.port_window, 64 << 20); /* once */
	options.port_window = 0;
	ports_size(&options);
	assert_int_equal(options.port_window, (UINT64_C(16) << 30) + (32 << 20));
	unsetenv("LEND_ROOT");
	folder_remove(root);
}

static void kinds_of_memory(void **state)
{
	static const char *const wrong[] = {
		"1G,",           "1G,hugetlb",       "1G,hugetlb=4M",
		"1G,share",      "1G,share=1",       "1G,maxmem=2G",
		"1G,node=",      "1G,node=-1",       "1G,node=1024",
		"3M,hugetlb=2M", "1500M,hugetlb=1G", "1G,hugetlb=0000000000000000000000000000000002M"};

	(void)state;
	assert_int_equal(parse("-kernel", "K", "-m", "4G,hugetlb=2M,share=on", NULL), 0);
	assert_int_equal(options.memory, UINT64_C(4) << 30);
	assert_int_equal(options.huge_page, 2 << 20);
	assert_true(options.shared);
	assert_int_equal(parse("-kernel", "K", "-m", "4G,hugetlb=1G", NULL), 0);
	assert_int_equal(options.huge_page, 1 << 30);
	assert_false(options.shared);
	assert_false(options.has_node);
	assert_int_equal(parse("-kernel", "K", "-m", "4G,node=1,share=on", NULL), 0);
	assert_true(options.has_node && options.shared);
	assert_int_equal(options.node, 1);
	assert_int_equal(parse("-kernel", "K", "-m", "4G,hugetlb=on", NULL), 0);
	assert_int_equal(options.huge_page, 2 << 20);
	assert_int_equal(parse("-kernel", "K", "-m", "4G,hugetlb=1G,hugetlb=off", NULL), 0);
	assert_int_equal(options.huge_page, 0);
	/* The last -m counts as a whole. */
	assert_int_equal(parse("-kernel", "K", "-m", "4G,hugetlb=1G,share=on", "-m", "4G", NULL), 0);
	assert_int_equal(options.huge_page, 0);
	assert_false(options.shared);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_refused("-m", wrong[i], "-m");
}

static void processors_are_pinned(void **state)
{
	static const struct {
		const char *value;
		unsigned cpus, pin[5];
	} rows[] = {
		{"4,pin=0-3", 4, {0, 1, 2, 3}},
		{"4,pin=3,0-2", 4, {3, 0, 1, 2}},
		{"5,pin=0-3,8", 5, {0, 1, 2, 3, 8}},
		{"3,pin=0-5:2", 3, {0, 2, 4}},
		{"2,pin=0,0", 2, {0, 0}},
		{"1,pin=8191", 1, {8191}},
		{"cpus=2,pin=4,6,sockets=1,cores=2,threads=1", 2, {4, 6}},
		{"2,sockets=1,pin=1-2", 2, {1, 2}},
		{"2,pin=7,pin=4-5", 2, {4, 5}},
	};
	static const char *const wrong[] = {"2,pin=",     "2,pin=a",      "2,pin=0,",
					    "2,pin=0-",   "2,pin=1-0",    "2,pin=0-1:0",
					    "2,pin=0-1:", "2,pin=0,8192", "2,pin=-1,0",
					    "2,pin=0, 1", "2,pin=^0",     "2,pin=0,99999999999999999999"};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(parse("-kernel", "K", "-c", rows[i].value, NULL), 0);
		assert_int_equal(options.cpus, rows[i].cpus);
		assert_int_equal(options.pin_count, rows[i].cpus);
		assert_memory_equal(options.pin, rows[i].pin, rows[i].cpus * sizeof(unsigned));
	}
	assert_int_equal(parse("-kernel", "K", "-c", "2,pin=0-1", "-c", "3", NULL), 0);
	assert_int_equal(options.pin_count, 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_refused("-c", wrong[i], "-");
	assert_refused("-c", "4,pin=0-2", "lists 3 processors of this computer for the guest's 4");
	assert_refused("-c", "2,pin=0-8191", "lists 8192 processors");
	assert_refused("-c", "2,pin=0-1,sockets=2", "with pin=LIST");
}

static void what_the_machine_gives_up(void **state)
{
	(void)state;
	assert_int_equal(parse("-kernel", "K", NULL), 0);
	assert_int_equal(options.sandbox.mode, RUN_SANDBOX_ON);
	assert_false(options.sandbox.has_user);
	assert_null(sandbox_cost(&options));
	assert_int_equal(parse("-kernel", "K", "--sandbox=log", NULL), 0);
	assert_int_equal(options.sandbox.mode, RUN_SANDBOX_LOG);
	assert_non_null(strstr(sandbox_cost(&options), "the kernel's log"));
	assert_int_equal(parse("-kernel", "K", "--no-sandbox", NULL), 0);
	assert_int_equal(options.sandbox.mode, RUN_SANDBOX_OFF);
	assert_non_null(strstr(sandbox_cost(&options), "keeps all rights"));
	assert_int_equal(parse("-kernel", "K", "-sandbox", "on,obsolete=deny,spawn=deny", NULL), 0);
	assert_int_equal(options.sandbox.mode, RUN_SANDBOX_ON);
	assert_refused("-sandbox", "on,spawn=allow", "no parts");
	assert_refused("-sandbox", "log,spawn=deny", "no parts");
	assert_refused("-sandbox", "maybe", "on, log or off");
	assert_refused("-sandbox", "", "on, log or off");
	if (geteuid()) {
		assert_refused("-user", "nobody", "only root");
		return;
	}
	assert_int_equal(parse("-kernel", "K", "-user", "nobody", NULL), 0);
	assert_true(options.sandbox.has_user && options.sandbox.user > 0);
	assert_int_equal(parse("-kernel", "K", "-user", "1234:99", NULL), 0);
	assert_int_equal(options.sandbox.user, 1234);
	assert_int_equal(options.sandbox.group, 99);
	assert_refused("-user", "4294967295", "no such user");
	assert_refused("-user", "1:", "no such user");
	assert_refused("-user", "no-such-user", "name, UID or UID:GID");
}

static void wrong_values(void **state)
{
	(void)state;
	assert_refused("-c", "0", "from 1 to 254");
	assert_refused("-c", "255", "255");
	assert_refused("-smp", "2,sockets=2", "give -smp 2 alone");
	assert_refused("-c", "", "-c");
	assert_refused("-serial", "pty", "unix:PATH");
	assert_refused("-serial", "stdio,x", "stdio,x");
	assert_refused("-serial", "file:", "file:PATH");
	assert_refused("-serial", "mon:stdio", "mon:stdio");
	assert_refused("-uuid", "12345678", "uuidgen");
	assert_refused("-uuid", "12345678-9abc-def0-1234-56789abcdef", "uuidgen");
	assert_refused("-uuid", "12345678-9abc-def0-1234-56789abcdef00", "uuidgen");
	assert_refused("-uuid", "123456789abc-def0-1234-56789abcdef012", "uuidgen");
	assert_refused("-machine", "q35", "cf8=on");
	assert_refused("-machine", "cf8=maybe", "cf8=maybe");
	assert_int_equal(parse("-kernel", "K", "-no-reboot=on", NULL), -EINVAL);
	assert_says("-no-reboot takes no value");
}

static void serial_kinds(void **state)
{
	char path[200] = "unix:/";

	(void)state;
	assert_int_equal(parse("-kernel", "K", "-serial", "none", NULL), 0);
	assert_int_equal(options.serial, SERIAL_NONE);
	assert_int_equal(parse("-kernel", "K", "-serial", "unix:/run/x,y", NULL), 0);
	assert_int_equal(options.serial, SERIAL_UNIX);
	assert_string_equal(options.serial_path, "/run/x,y");
	assert_int_equal(parse("-kernel", "K", "-serial", "unix:/x", "-serial", "stdio", NULL), 0);
	assert_int_equal(options.serial, SERIAL_STDIO);
	assert_null(options.serial_path);
	memset(path + 6, 'p', 106);
	assert_int_equal(parse("-kernel", "K", "-serial", path, NULL), 0);
	path[6 + 106] = 'p';
	assert_refused("-serial", path, "107 bytes");
}

static void missing_and_unknown(void **state)
{
	(void)state;
	assert_int_equal(parse(NULL, NULL), -EINVAL);
	assert_says("-kernel");
	assert_int_equal(parse("-kernel", NULL), -EINVAL);
	assert_says("-kernel needs a value");
	assert_int_equal(parse("-kernel", "K", "bzImage", NULL), -EINVAL);
	assert_says("'bzImage'");
	assert_int_equal(parse("-kernel", "K", "-", NULL), -EINVAL);
	assert_int_equal(parse("-kernel", "K", "--", NULL), -EINVAL);
	assert_int_equal(parse("-kernel", "K", "\xe2\x80\x93m", "4G", NULL), -EINVAL);
	assert_says("begins with a dash (U+2013); type -");
	assert_int_equal(parse("@file", NULL), -EINVAL);
	assert_says("not an option");
	assert_int_equal(parse("-kernl", "K", NULL), -EINVAL);
	assert_says("the nearest is -kernel");
	assert_int_equal(parse("--sreial", "K", NULL), -EINVAL);
	assert_says("the nearest is -serial");
}

/* A word is suggested where at most a third of what was typed is other. */
static void no_far_suggestion(void **state)
{
	static const char *const words[] = {"-x",    "-vm",    "-qxvz",   "-foo",
					    "-kern", "-nicer", "-daemon", "-zzzzzz"};

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		assert_int_equal(parse("-kernel", "K", words[i], NULL), -EINVAL);
		assert_says(words[i]);
		assert_says("lend run --help");
		if (strstr(error.text, "nearest"))
			fail_msg("%s", error.text);
	}
}

static void a_value_without_a_space(void **state)
{
	(void)state;
	assert_int_equal(parse("-kernel", "K", "-m4G", NULL), -EINVAL);
	assert_says("there is no option -m4G; write -m 4G");
	assert_int_equal(parse("-kernel", "K", "--smp8", NULL), -EINVAL);
	assert_says("write -smp 8");
	assert_int_equal(parse("-kernel", "K", "-v2", NULL), -EINVAL);
	assert_says("lend run --help");
}

/* The option that comes next is no value that was left out, however it is written. */
static void a_value_left_out(void **state)
{
	static const char *const next[] = {"-device",    "--device", "-device=x",
					   "-nographic", "-m",       "--drive=x"};

	(void)state;
	for (size_t i = 0; i < sizeof(next) / sizeof(*next); i++) {
		assert_int_equal(parse("-kernel", "K", "-initrd", next[i], "vfio-pci,host=05:00.0", NULL),
				 -EINVAL);
		assert_says("-initrd needs a value");
		assert_says(next[i]);
		assert_int_equal(options.at, 3);
	}
	assert_int_equal(parse("-kernel", "K", "-append=-v", NULL), 0);
	assert_string_equal(options.append, "-v");
	assert_int_equal(parse("-kernel", "K", "-append", "-verbose-boot", NULL), 0);
	assert_int_equal(parse("-kernel", "K", "-append", "--", NULL), 0);
	assert_int_equal(parse("-kernel", "K", "-append", "", NULL), 0);
	assert_string_equal(options.append, "");
	assert_int_equal(parse("-v", "-kernel", "K", "-m", "x", NULL), -EINVAL);
	assert_int_equal(options.at, 4);
	assert_int_equal(parse("-v", NULL), -EINVAL);
	assert_int_equal(options.at, 0);
}

static void distances(void **state)
{
	static const struct {
		const char *a, *b;
		unsigned distance;
	} rows[] = {
		{"", "", 0},       {"", "abc", 3},   {"abc", "abc", 0},        {"abc", "acb", 1},
		{"abc", "abd", 1}, {"abc", "ab", 1}, {"kitten", "sitting", 3}, {"ab", "ba", 1},
		{"ca", "abc", 3},
	};
	char very_long[200];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(distance(rows[i].a, rows[i].b), rows[i].distance);
		assert_int_equal(distance(rows[i].b, rows[i].a), rows[i].distance);
	}
	memset(very_long, 'x', sizeof(very_long) - 1);
	very_long[sizeof(very_long) - 1] = '\0';
	assert_int_equal(distance(very_long, ""), LONGEST);
}

/* However long what is given is, the sentence stays in its place. */
static void long_arguments(void **state)
{
	static char text[5000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	assert_int_equal(parse_device(text), -EINVAL);
	assert_int_equal(parse(text, NULL), -EINVAL);
	text[0] = '-';
	assert_int_equal(parse(text, NULL), -EINVAL);
	memcpy(text, "vfio-pci,", 9);
	assert_int_equal(parse_device(text), -EINVAL);
	memcpy(text, "vfio-pci,host=", 14);
	assert_int_equal(parse_device(text), -EINVAL);
	assert_true(strlen(error.text) < 400);
	text[13] = 'x';
	text[4000] = '=';
	assert_int_equal(parse_device(text), -EINVAL);
	assert_says("no property 'hostxxx");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(every_option),
		cmocka_unit_test(kernel_caches),
		cmocka_unit_test(traces),
		cmocka_unit_test(one_dash_or_two),
		cmocka_unit_test(help_needs_nothing),
		cmocka_unit_test(sizes),
		cmocka_unit_test(ports_for_later),
		cmocka_unit_test(ports_are_sized_by_the_computer),
		cmocka_unit_test(kinds_of_memory),
		cmocka_unit_test(processors_are_pinned),
		cmocka_unit_test(what_the_machine_gives_up),
		cmocka_unit_test(wrong_values),
		cmocka_unit_test(serial_kinds),
		cmocka_unit_test(missing_and_unknown),
		cmocka_unit_test(no_far_suggestion),
		cmocka_unit_test(a_value_left_out),
		cmocka_unit_test(a_value_without_a_space),
		cmocka_unit_test(distances),
		cmocka_unit_test(long_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
