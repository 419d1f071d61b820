/* SPDX-License-Identifier: MIT */
/*
 * lend cdi on recorded hosts: the nodes of its specification, of one kind for all devices,
 * what is refused and in which words, and the file that it replaces. The files under test
 * are included: a test program is not linked with the tool's.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/cdi_schema.h"
#include "tests/unit/host_tree.h"
#include "tool/args.c"
#include "tool/cdi.c"
#include "tool/clean.c"
#include "tool/host.c"
#include "tool/nearest.c"
#include "tool/replace.c"
#include "tool/say.c"
#include "tool/show.c"

#define NVME   "0000:01:00.0"
#define SECOND "0000:01:00.1"

static char out[1 << 14], said[1 << 12];
static struct host_tree *tree;

static void read_all(int fd, char *to, size_t size)
{
	ssize_t got = pread(fd, to, size - 1, 0);

	assert_true(got >= 0);
	to[got] = '\0';
	close(fd);
}

/* In a process of its own; what it printed is in `out`, what it said on standard error in `said`. */
static int run(const char *const *given)
{
	char *argv[8] = {(char *)(uintptr_t) "cdi"};
	int argc = 1, status, streams[2] = {memfd_create("out", 0), memfd_create("said", 0)};
	pid_t child;

	for (; given[argc - 1]; argc++)
		argv[argc] = (char *)(uintptr_t)given[argc - 1];
	child = fork();
	if (!child) {
		dup2(streams[0], STDOUT_FILENO);
		dup2(streams[1], STDERR_FILENO);
		setenv("LEND_ROOT", tree->root, 1);
		status = tool_cdi.run(argc, argv);
		fflush(stdout);
		_exit(status);
	}
	waitpid(child, &status, 0);
	read_all(streams[0], out, sizeof(out));
	read_all(streams[1], said, sizeof(said));
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

#define RUN(...) run((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static void says(const char *text)
{
	if (!strstr(said, text))
		fail_msg("this does not say '%s':\n%s", text, said);
}

/* The devices are with vfio-pci, and their groups' nodes are there. */
static void begin(const char *name)
{
	tree = tree_new(name);
	tree_bind(tree, NVME, "vfio-pci");
}

static void put_group_node(const char *address)
{
	char path[64];

	tree_survey(tree);
	snprintf(path, sizeof(path), "dev/vfio/%d", tree_device(tree, address)->is.group);
	tree_put(tree, path, "");
}

static void put_own_node(const char *address, const char *name)
{
	char path[96];

	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/vfio-dev/%s", address, name);
	tree_folder(tree, path);
	snprintf(path, sizeof(path), "dev/vfio/devices/%s", name);
	tree_folder(tree, "dev/vfio/devices");
	tree_put(tree, path, "");
}

static void end(void)
{
	tree_free(tree);
}

static const char *node_in(const json_t *place)
{
	const json_t *nodes = json_object_get(json_object_get(place, "containerEdits"), "deviceNodes");

	assert_int_equal(json_array_size(nodes), 1);
	assert_string_equal(json_string_value(json_object_get(json_array_get(nodes, 0), "permissions")),
			    "rw");
	return json_string_value(json_object_get(json_array_get(nodes, 0), "path"));
}

/* What it printed keeps to the specification, and is of our kind. */
static json_t *specified(const char *text)
{
	json_t *spec = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	char why[128];

	if (!cdi_conforms(spec, why))
		fail_msg("%s\n%s", why, text);
	assert_string_equal(json_string_value(json_object_get(spec, "kind")), "lend/vfio");
	return spec;
}

static const json_t *device_at(const json_t *spec, size_t index, const char *name)
{
	const json_t *device = json_array_get(json_object_get(spec, "devices"), index);

	assert_string_equal(json_string_value(json_object_get(device, "name")), name);
	return device;
}

static void nodes_of_a_group(void **state)
{
	char node[32];
	json_t *spec;

	(void)state;
	begin("plain");
	put_group_node(NVME);
	snprintf(node, sizeof(node), "/dev/vfio/%d", tree_device(tree, NVME)->is.group);
	/* Twice the same device is once. */
	assert_int_equal(RUN(NVME, "01:00.0"), TOOL_OK);
	assert_string_equal(said, "");
	spec = specified(out);
	assert_int_equal(json_array_size(json_object_get(spec, "devices")), 1);
	assert_string_equal(node_in(device_at(spec, 0, NVME)), node);
	assert_string_equal(node_in(spec), "/dev/vfio/vfio");
	json_decref(spec);
	end();
}

static void nodes_of_iommufd(void **state)
{
	json_t *spec;

	(void)state;
	begin("plain");
	put_group_node(NVME);
	put_own_node(NVME, "vfio7");
	assert_int_equal(RUN(NVME), TOOL_OK);
	spec = specified(out);
	assert_string_equal(node_in(device_at(spec, 0, NVME)), "/dev/vfio/devices/vfio7");
	assert_string_equal(node_in(spec), "/dev/iommu");
	json_decref(spec);
	assert_int_equal(RUN("--nodes", "group", NVME), TOOL_OK);
	spec = specified(out);
	assert_string_equal(node_in(spec), "/dev/vfio/vfio");
	json_decref(spec);
	tree_remove(tree, "dev/iommu");
	assert_int_equal(RUN(NVME), TOOL_OK);
	spec = specified(out);
	assert_string_equal(node_in(spec), "/dev/vfio/vfio");
	json_decref(spec);
	assert_int_equal(RUN("--nodes=iommufd", NVME), TOOL_FAILED);
	says("lend: there is no /dev/iommu here; give --nodes group\n");
	end();
}

/* One device without a node of its own puts all of them by their groups. */
static void kinds_are_never_mixed(void **state)
{
	json_t *spec;

	(void)state;
	begin("multifunction");
	tree_bind(tree, SECOND, "vfio-pci");
	put_group_node(NVME);
	put_own_node(NVME, "vfio0");
	assert_int_equal(RUN(NVME, SECOND), TOOL_OK);
	assert_string_equal(said, "");
	spec = specified(out);
	assert_string_equal(node_in(spec), "/dev/vfio/vfio");
	assert_string_equal(node_in(device_at(spec, 0, NVME)), node_in(device_at(spec, 1, SECOND)));
	assert_null(strstr(out, "devices/vfio0"));
	json_decref(spec);
	assert_int_equal(RUN("--nodes", "iommufd", NVME, SECOND), TOOL_FAILED);
	says("lend: " SECOND " has no node below /dev/vfio/devices: ");
	says("give --nodes group\n");
	assert_string_equal(out, "");
	end();
}

static void others_of_the_group_are_told(void **state)
{
	(void)state;
	begin("multifunction");
	tree_bind(tree, SECOND, "vfio-pci");
	put_group_node(NVME);
	assert_int_equal(RUN(NVME), TOOL_OK);
	says(NVME " shares IOMMU group ");
	says(" with " SECOND ": no other container");
	end();
}

static void what_cannot_be_opened_is_refused(void **state)
{
	char node[32];

	(void)state;
	begin("multifunction");
	put_group_node(NVME);
	assert_int_equal(RUN(NVME), TOOL_FAILED);
	says("lend: " NVME);
	says("has also " SECOND ", with nvme: it has to come along");
	says("lend bind --siblings");
	assert_string_equal(out, "");
	tree_bind(tree, NVME, "nvme");
	tree_bind(tree, SECOND, NULL);
	assert_int_equal(RUN(NVME), TOOL_FAILED);
	says("it is with nvme, not with vfio-pci");
	says("lend bind ");
	end();
	begin("no-iommu");
	assert_int_equal(RUN(NVME), TOOL_FAILED);
	says("no IOMMU is on");
	end();
	begin("plain");
	put_group_node(NVME);
	snprintf(node, sizeof(node), "dev/vfio/%d", tree_device(tree, NVME)->is.group);
	tree_remove(tree, node);
	assert_int_equal(RUN(NVME), TOOL_FAILED);
	says(" has no node /dev/vfio/");
	assert_int_equal(RUN("0000:7f:00.0"), TOOL_FAILED);
	tree_kill(tree, NVME);
	assert_int_equal(RUN(NVME), TOOL_FAILED);
	says("does not answer");
	end();
}

/* The files of a folder but the hidden ones. */
static unsigned files_in(const char *path)
{
	DIR *dir = opendir(tree_path(tree, path));
	struct dirent *entry;
	unsigned count = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

static void file_is_replaced(void **state)
{
	struct stat made;
	char path[128];
	json_t *spec;

	(void)state;
	begin("plain");
	put_group_node(NVME);
	assert_int_equal(RUN("--install", NVME), TOOL_OK);
	assert_string_equal(out, "lend/vfio=" NVME "\n");
	tree_put(tree, "etc/cdi/lend-vfio.json", "old");
	assert_int_equal(chmod(tree_path(tree, "etc/cdi/lend-vfio.json"), 0600), 0);
	assert_int_equal(RUN("--install", NVME), TOOL_OK);
	assert_int_equal(stat(tree_path(tree, "etc/cdi/lend-vfio.json"), &made), 0);
	assert_int_equal(made.st_mode & 07777, 0644);
	assert_int_equal(files_in("etc/cdi"), 1);
	spec = specified(tree_get(tree, "etc/cdi/lend-vfio.json"));
	json_decref(spec);
	/* What fails leaves the old one. */
	tree_put(tree, "etc/cdi/lend-vfio.json", "old");
	tree_bind(tree, NVME, "nvme");
	assert_int_equal(RUN("--install", NVME), TOOL_FAILED);
	assert_string_equal(tree_get(tree, "etc/cdi/lend-vfio.json"), "old");
	tree_bind(tree, NVME, "vfio-pci");
	/* A name that cannot be replaced: nothing stays beside it. */
	tree_folder(tree, "etc/other/folder.json/x");
	snprintf(path, sizeof(path), "%s", tree_path(tree, "etc/other/folder.json"));
	assert_int_equal(RUN("-o", path, NVME), TOOL_FAILED);
	says("cannot write ");
	assert_int_equal(files_in("etc/other"), 1);
	end();
}

/* It is written to, and stays what it is. All of them are the test's own: a mistake must not reach /dev. */
static void what_is_no_file_is_written_to(void **state)
{
	struct stat made;
	char path[128];
	json_t *spec;

	(void)state;
	begin("plain");
	put_group_node(NVME);
	tree_put(tree, "etc/real.json", "a text that is longer than nothing");
	tree_link(tree, "etc/link.json", "real.json");
	snprintf(path, sizeof(path), "%s", tree_path(tree, "etc/link.json"));
	assert_int_equal(RUN("-o", path, NVME), TOOL_OK);
	assert_int_equal(lstat(path, &made), 0);
	assert_true(S_ISLNK(made.st_mode));
	spec = specified(tree_get(tree, "etc/real.json"));
	json_decref(spec);
	tree_link(tree, "etc/full", "/dev/full");
	snprintf(path, sizeof(path), "%s", tree_path(tree, "etc/full"));
	assert_int_equal(RUN("-o", path, NVME), TOOL_FAILED);
	says("No space left on device\n");
	end();
}

static void usage(void **state)
{
	(void)state;
	begin("plain");
	assert_int_equal(RUN(), TOOL_USAGE);
	says("name one");
	assert_int_equal(RUN("--install", "-o", "x", NVME), TOOL_USAGE);
	assert_int_equal(RUN("--nodes", "both", NVME), TOOL_USAGE);
	says("--nodes is group or iommufd, not 'both'");
	assert_int_equal(RUN("--help"), TOOL_OK);
	assert_non_null(strstr(out, "usage: lend cdi"));
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nodes_of_a_group),
		cmocka_unit_test(nodes_of_iommufd),
		cmocka_unit_test(kinds_are_never_mixed),
		cmocka_unit_test(others_of_the_group_are_told),
		cmocka_unit_test(what_cannot_be_opened_is_refused),
		cmocka_unit_test(file_is_replaced),
		cmocka_unit_test(what_is_no_file_is_written_to),
		cmocka_unit_test(usage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
