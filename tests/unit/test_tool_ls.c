/* SPDX-License-Identifier: MIT */
/*
 * lend ls, check, bind, unbind and vf as commands, on recorded hosts: what they
 * print, and their exit statuses. The files under test are included: a test
 * program is not linked with the tool's.
 */
#include <fcntl.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/host_tree.h"
#include "tool/args.c"
#include "tool/asked.c"
#include "tool/bind.c"
#include "tool/take.c"
#include "tool/check.c"
#include "tool/check_firmware.c"
#include "tool/check_ports.c"
#include "tool/host.c"
#include "tool/ls.c"
#include "tool/ls_json.c"
#include "tool/ls_table.c"
#include "tool/ls_tree.c"
#include "tool/names.c"
#include "tool/nearest.c"
#include "tool/run/descriptors.c"
#include "tool/run/firmware.c"
#include "tool/run/firmware_arg.c"
#include "tool/run/foreign.c"
#include "tool/run/cpus_arg.c"
#include "tool/run/memory_arg.c"
#include "tool/run/store.c"
#include "tool/run/value.c"
#include "tool/run/whole_file.c"
#include "tool/clean.c"
#include "tool/say.c"
#include "tool/show.c"
#include "tool/topology.c"

static char out[1 << 16];

/* Edits the host before the next command; NULL: as it was recorded. */
static void (*edit)(struct host_tree *tree);

/* Runs a command in a process of its own; what it printed, on both streams, is in `out`. */
static int run_in(const char *name, const struct tool_command *command, bool terminal,
		  const char *const *given)
{
	struct host_tree *tree = tree_new(name);
	char *argv[8] = {(char *)(uintptr_t)command->name};
	int argc = 1, from, to, status;
	size_t used = 0;
	ssize_t got;
	pid_t child;
	struct winsize size = {.ws_col = 60, .ws_row = 24};

	if (edit)
		edit(tree);
	for (; given[argc - 1]; argc++)
		argv[argc] = (char *)(uintptr_t)given[argc - 1];
	if (terminal) {
		assert_int_equal(openpty(&from, &to, NULL, NULL, &size), 0);
	} else {
		int ends[2];

		assert_int_equal(pipe(ends), 0);
		from = ends[0];
		to = ends[1];
	}
	child = fork();
	if (!child) {
		dup2(to, STDOUT_FILENO);
		dup2(to, STDERR_FILENO);
		close(from);
		close(to);
		setenv("LEND_ROOT", tree->root, 1);
		setenv("TERM", "xterm", 1);
		unsetenv("NO_COLOR");
		status = command->run(argc, argv);
		fflush(stdout);
		_exit(status);
	}
	close(to);
	while ((got = read(from, out + used, sizeof(out) - used - 1)) > 0)
		used += (size_t)got;
	out[used] = '\0';
	close(from);
	waitpid(child, &status, 0);
	tree_free(tree);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

#define RUN(tree, command, ...)                                                                              \
	run_in(tree, command, false, (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})
#define RUN_TTY(tree, command, ...)                                                                          \
	run_in(tree, command, true, (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static void says(const char *text)
{
	if (!strstr(out, text))
		fail_msg("this does not say '%s':\n%s", text, out);
}

static void says_not(const char *text)
{
	if (strstr(out, text))
		fail_msg("this says '%s':\n%s", text, out);
}

static void says_once(const char *text)
{
	const char *first = strstr(out, text);

	says(text);
	if (strstr(first + 1, text))
		fail_msg("this says '%s' twice:\n%s", text, out);
}

static void test_table(void **state)
{
	(void)state;
	assert_int_equal(RUN("plain", &tool_ls), TOOL_OK);
	says("ADDRESS       STATE     DRIVER         GROUP  DEVICE\n");
	says("0000:01:00.0  bindable  nvme");
	says("[nvme0n1]\n");
	says("[eth0]\n");
	says_not("\033");
	assert_int_equal(RUN("plain", &tool_ls, "-v", "eth0"), TOOL_OK);
	says("    path      pci0000:00/11.0/00.0\n");
	says("    reset     pm bus\n");
	says_not("0000:01:00.0");
	assert_int_equal(RUN("sriov", &tool_ls, "-v", "01:00.0", "01:10.0"), TOOL_OK);
	says("    SR-IOV    2 of 7 virtual functions\n");
	says("    SR-IOV    a virtual function of 0000:01:00.0\n");
	says("    in use    it has 2 virtual functions\n");
	assert_int_equal(RUN("multifunction", &tool_ls, "-v", "01:00.0"), TOOL_OK);
	says("with 0000:01:00.1\n");
}

static void mount_it(struct host_tree *tree)
{
	tree_append(tree, "proc/self/mountinfo", "40 23 259:0 / /data rw - ext4 /dev/nvme0n1 rw\n");
}

/* A process of another user: its descriptors fail to be listed, here since they are no folder. */
static void hide_a_process(struct host_tree *tree)
{
	tree_put(tree, "proc/300/fd", "");
	tree_put(tree, "proc/300/ns", "");
}

/* What uses a device, the kind, and what ends it; and what "bindable" stands on. */
static void test_uses(void **state)
{
	json_t *array, *device, *use;

	(void)state;
	assert_int_equal(RUN("plain", &tool_ls, "-v", "nvme0n1"), TOOL_OK);
	says_not("    in use ");
	says("A device without \"in use\" is not in use as far as can be told. Looked at:\n");
	says("    mount       file systems that are mounted");
	says_not("not looked at");
	edit = mount_it;
	assert_int_equal(RUN("plain", &tool_ls, "-v", "nvme0n1"), TOOL_OK);
	says("    in use    /dev/nvme0n1 is mounted at /data\n");
	says("              mount, ended by: umount /data\n");
	assert_int_equal(RUN("plain", &tool_ls, "--json", "nvme0n1"), TOOL_OK);
	array = json_loads(out, 0, NULL);
	device = json_array_get(array, 0);
	use = json_array_get(json_object_get(device, "uses"), 0);
	assert_string_equal(json_string_value(json_object_get(use, "kind")), "mount");
	assert_string_equal(json_string_value(json_object_get(use, "cure")), "umount /data");
	assert_int_equal(json_array_size(json_object_get(device, "unseen")), 0);
	json_decref(array);
	edit = NULL;
}

/* Without rights a device is not said to be free. */
static void test_what_is_not_looked_at(void **state)
{
	json_t *array, *unseen;

	(void)state;
	edit = hide_a_process;
	assert_int_equal(RUN("plain", &tool_ls), TOOL_OK);
	says("\nnot looked at: processes of other users (1); ");
	says_once("not looked at: processes of other users (1); ");
	assert_int_equal(RUN("plain", &tool_ls, "--json", "nvme0n1"), TOOL_OK);
	array = json_loads(out, 0, NULL);
	unseen = json_object_get(json_array_get(array, 0), "unseen");
	assert_int_equal(json_array_size(unseen), 4);
	assert_string_equal(json_string_value(json_array_get(unseen, 0)), "open");
	json_decref(array);
	RUN("plain", &tool_check, "nvme0n1", "-m", "1");
	says("  note    it is not in use as far as can be told; not looked at: processes of other users "
	     "(1); ");
	says_once("not looked at: processes of other users (1); ");
	edit = NULL;
	RUN("plain", &tool_check, "nvme0n1", "-m", "1");
	says("  ok      it is not in use as far as can be told\n");
}

/* Colours on a terminal alone, and no line longer than it is wide. */
static void test_on_a_terminal(void **state)
{
	(void)state;
	assert_int_equal(RUN_TTY("plain", &tool_ls), TOOL_OK);
	says("\033[36mbindable\033[0m");
	for (char *rest = out, *line; (line = strsep(&rest, "\n"));) {
		size_t shown = 0;
		bool escape = false;

		for (; *line && *line != '\r'; line++) {
			escape |= *line == '\033';
			shown += !escape;
			if (*line == 'm')
				escape = false;
		}
		assert_true(shown <= 60);
	}
}

static void test_tree(void **state)
{
	(void)state;
	assert_int_equal(RUN("conventional", &tool_ls, "--tree"), TOOL_OK);
	says("pci0000:00\n");
	says("0000:00:10.0  bridge group");
	assert_true(strstr(out, "0000:02:01.0") > strstr(out, "0000:01:00.0"));
	says("shared group 7 (e1000)");
}

static void test_json(void **state)
{
	json_t *array, *device;

	(void)state;
	assert_int_equal(RUN("plain", &tool_ls, "--json", "nvme0n1"), TOOL_OK);
	array = json_loads(out, 0, NULL);
	assert_int_equal(json_array_size(array), 1);
	device = json_array_get(array, 0);
	assert_string_equal(json_string_value(json_object_get(device, "address")), "0000:01:00.0");
	assert_string_equal(json_string_value(json_object_get(device, "state")), "bindable");
	assert_string_equal(json_string_value(json_object_get(device, "serial")), "lend0");
	assert_string_equal(json_string_value(json_array_get(json_object_get(device, "interfaces"), 0)),
			    "nvme0n1");
	assert_true(json_is_null(json_object_get(device, "numa_node")));
	json_decref(array);
}

static void is_attribute(const json_t *device, const char *name, const char *value)
{
	char key[64];

	snprintf(key, sizeof(key), "resource.kubernetes.io/%s", name);
	assert_string_equal(json_string_value(json_object_get(device, key)), value);
}

static void put_vmd(struct host_tree *tree)
{
	tree_vmd(tree);
	tree_put(tree, "sys/bus/pci/devices/0000:01:00.0/numa_node", "1\n");
	tree_put(tree, "sys/bus/pci/devices/10000:e1:00.0/numa_node", "-1\n");
}

/* The names and formats of Kubernetes; a drive behind a VMD is below the VMD's root. */
static void test_attributes(void **state)
{
	json_t *array, *device;

	(void)state;
	edit = put_vmd;
	assert_int_equal(RUN("plain", &tool_ls, "--json", "01:00.0", "10000:e1:00.0"), TOOL_OK);
	edit = NULL;
	array = json_loads(out, 0, NULL);
	device = json_array_get(array, 0);
	is_attribute(device, "pciBusID", "0000:01:00.0");
	is_attribute(device, "pcieRoot", "pci0000:00");
	assert_int_equal(json_integer_value(json_object_get(device, "resource.kubernetes.io/numaNode")), 1);
	device = json_array_get(array, 1);
	is_attribute(device, "pciBusID", "10000:e1:00.0");
	is_attribute(device, "pcieRoot", "pci0000:00");
	assert_true(json_is_null(json_object_get(device, "resource.kubernetes.io/numaNode")));
	json_decref(array);
}

static void test_check_lines(void **state)
{
	json_t *object;

	(void)state;
	assert_int_equal(RUN("multifunction", &tool_check, "01:00.0", "-m", "1"), TOOL_FAILED);
	says("  ok      the IOMMU is on (dmar0)\n");
	says("  FAILED  it is with nvme, not with vfio-pci\n");
	says("lend bind --siblings");
	says("of these stand in the way");
	assert_int_equal(RUN("plain", &tool_check, "--json", "01:00.0", "-m", "1"), TOOL_FAILED);
	object = json_loads(out, 0, NULL);
	assert_true(json_is_false(json_object_get(object, "passed")));
	assert_true(json_array_size(json_object_get(object, "checks")) > 8);
	json_decref(object);
}

/* The words of lend run, before it is started with them; it is not asked about what is behind a socket. */
static void a_device_as_lend_run_has_it(void **state)
{
	char first[] = "vfio-pci,managed=on,host=01:00.0,x-intx=off",
	     second[] = "--device=vfio-pci,host=03:00.0";

	(void)state;
	RUN("plain", &tool_check, "-m", "1", "-device", first, second);
	says("0000:01:00.0\n");
	says("0000:03:00.0\n");
	assert_int_equal(RUN("plain", &tool_check, "-device", "vfio-user-pci,socket=/x"), TOOL_USAGE);
	says("--device vfio-user-pci,socket=/x: lend check looks at devices of this computer");
	assert_int_equal(RUN("plain", &tool_check, "-device", "vfio-pci,xhost=01:00.0"), TOOL_USAGE);
	assert_int_equal(RUN("plain", &tool_check, "-device", "vfio-pci,"), TOOL_USAGE);
	assert_int_equal(RUN("plain", &tool_check, "-device"), TOOL_USAGE);
	says("needs a value");
}

static void test_usage(void **state)
{
	(void)state;
	assert_int_equal(RUN("plain", &tool_ls, "--help"), TOOL_OK);
	says("usage: lend ls");
	assert_int_equal(RUN("plain", &tool_ls, "--jsno"), TOOL_USAGE);
	says("the nearest is --json");
	assert_int_equal(RUN("plain", &tool_ls, "--json=yes"), TOOL_USAGE);
	assert_int_equal(RUN("plain", &tool_ls, "09:00.0"), TOOL_FAILED);
	says("there is no PCI device 0000:09:00.0");
	assert_int_equal(RUN("plain", &tool_check), TOOL_USAGE);
	assert_int_equal(RUN("plain", &tool_check, "01:00.0", "-m", "much"), TOOL_USAGE);
	assert_int_equal(RUN("plain", &tool_bind), TOOL_USAGE);
	assert_int_equal(RUN("plain", &tool_bind, "--boot", "01:00.0"), TOOL_USAGE);
	assert_int_equal(RUN("plain", &tool_bind, "01:00.0", "--limit", "0"), TOOL_USAGE);
	assert_int_equal(RUN("plain", &tool_bind, "01:00.0", "--user", "no such user"), TOOL_USAGE);
	assert_int_equal(RUN("plain", &tool_bind, "01:00.0", "--user"), TOOL_USAGE);
	says("needs a value");
	assert_int_equal(RUN("plain", &tool_bind, "01:00.0", "--user", "--siblings"), TOOL_USAGE);
	says("--user needs a value after it, and --siblings is an option");
	assert_int_equal(RUN("plain", &tool_check, "01:00.0", "-m", "-c", "2"), TOOL_USAGE);
	says("-c is an option");
	assert_int_equal(RUN("plain", &tool_ls, "--wide"), TOOL_USAGE);
	says("there is no option --wide; lend ls --help lists");
	/* A tree without a kernel: the device does not move, and that is seen. */
	assert_int_equal(RUN("plain", &tool_bind, "01:00.0"), TOOL_FAILED);
	says("0000:01:00.0 went to nvme and not to vfio-pci");
}

static void test_topology(void **state)
{
	static char text[1 << 16];
	char path[] = "/tmp/lend-test-XXXXXX.dot";
	FILE *file;

	(void)state;
	close(mkstemps(path, 4));
	assert_int_equal(RUN("conventional", &tool_topology, "-o", path), TOOL_OK);
	file = fopen(path, "r");
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	unlink(path);
	assert_non_null(strstr(text, "label=\"IOMMU group 7\""));
	assert_non_null(strstr(text, "\"0000:01:00.0\" -> \"0000:02:01.0\";"));
	assert_non_null(strstr(text, "\"pci0000:00\" -> \"0000:00:10.0\";"));
	assert_int_equal(RUN("conventional", &tool_topology, "-o", "/tmp/host.gif"), TOOL_USAGE);
	assert_int_equal(RUN("conventional", &tool_topology), TOOL_USAGE);
	assert_int_equal(RUN("conventional", &tool_topology, "-o", "/nonexistent/host.dot"), TOOL_FAILED);
	if (system("command -v dot >/dev/null"))
		return;
	assert_int_equal(RUN("conventional", &tool_topology, "-o", "/nonexistent/host.svg"), TOOL_FAILED);
}

static void put_escapes(struct host_tree *tree)
{
	tree_append(tree, "proc/self/mountinfo",
		    "40 23 259:0 / /da\033[31mta\\012x rw - ext4 /dev/nvme0n1 rw\n");
	tree_bind(tree, "0000:03:00.0", "e1\033[2J");
}

/* Whatever prints a name of the host: none of its control characters reaches the terminal. */
static void test_names_with_escapes(void **state)
{
	(void)state;
	edit = put_escapes;
	assert_int_equal(RUN("plain", &tool_bind, "01:00.0"), TOOL_FAILED);
	says("0000:01:00.0 is in use: /dev/nvme0n1 is mounted at /da?[31mta?x; end that first");
	says_not("\033");
	assert_int_equal(RUN("plain", &tool_ls), TOOL_OK);
	says("e1?[2J");
	says_not("\033");
	assert_int_equal(RUN("plain", &tool_ls, "--tree"), TOOL_OK);
	says("(e1?[2J)");
	says_not("\033");
	RUN("plain", &tool_check, "-m", "1", "01:00.0", "03:00.0");
	says_not("\033");
	edit = NULL;
}

static void firmware_is_checked_without_a_device(void **state)
{
	(void)state;
	assert_int_equal(RUN("plain", &tool_check, "--firmware", "/nonexistent"), TOOL_FAILED);
	says("this computer\n");
	says("the firmware\n");
	says("cannot open the firmware /nonexistent: No such file or directory");
	assert_int_equal(RUN("plain", &tool_check, "-firmware", "/nonexistent", "--json"), TOOL_FAILED);
	says("\"topic\": \"firmware\"");
	says("\"passed\": false");
	assert_int_equal(RUN("plain", &tool_check, "--firmware", "x,y=z"), TOOL_USAGE);
	says("'y=z' is not known");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_uses),
		cmocka_unit_test(test_what_is_not_looked_at),
		cmocka_unit_test(test_on_a_terminal),
		cmocka_unit_test(test_tree),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_attributes),
		cmocka_unit_test(test_check_lines),
		cmocka_unit_test(a_device_as_lend_run_has_it),
		cmocka_unit_test(test_usage),
		cmocka_unit_test(test_names_with_escapes),
		cmocka_unit_test(test_topology),
		cmocka_unit_test(firmware_is_checked_without_a_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
