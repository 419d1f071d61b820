/* SPDX-License-Identifier: MIT */
/*
 * lend check and lend run on the same hosts: what the one says has failed is refused
 * by the other, in the same words, and nothing else is. Each recorded host, each of
 * its devices, each edit below.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <asm/bootparam.h>

#include "tests/unit/host_cures.h"
#include "tool/asked.c"
#include "tool/run/preflight.c"
#include "tool/clean.c"
#include "tool/say.c"

enum { NOBODY = 65534 };

static const char *const hosts[] = {"plain",    "conventional", "multifunction",
				    "no-iommu", "sriov",        "virtio-iommu"};

/* Topics that are told beforehand, and that the kernel or the open of a device decides. */
static const char *const advice[] = {
	"interrupt-remapping", "vfio-pci", "kernel", "in-use", "acs", "reserved"};

static struct files images;

static int make_kernel(void **state)
{
	struct setup_header header = {.setup_sects = 1,
				      .boot_flag = 0xaa55,
				      .header = 0x53726448,
				      .version = 0x020f,
				      .syssize = 64,
				      .xloadflags = XLF_KERNEL_64,
				      .cmdline_size = 2047,
				      .init_size = 4096,
				      .relocatable_kernel = 1,
				      .kernel_alignment = 2 << 20};
	uint8_t bytes[2048] = {0};

	(void)state;
	images = (struct files){.kernel = memfd_create("kernel", 0), .initrd = -1};
	memcpy(bytes + 0x1f1, &header, sizeof(header));
	assert_int_equal(write(images.kernel, bytes, sizeof(bytes)), sizeof(bytes));
	return 0;
}

static struct run_options machine_of(const char *address)
{
	struct run_options options = {
		.memory = 64 << 20, .cpus = 1, .kernel = "K", .append = "", .device_count = 1};

	snprintf(options.devices[0].host, sizeof(options.devices[0].host), "%s", address);
	return options;
}

/* How the host, or the machine that is asked for, differs from what was recorded. */
struct edit {
	const char *name;
	void (*make)(struct host_tree *tree, const struct lend_survey_device *device,
		     struct run_options *options);
};

static void as_it_is(struct host_tree *tree, const struct lend_survey_device *device,
		     struct run_options *options)
{
	(void)tree, (void)device, (void)options;
}

static void with_vfio(struct host_tree *tree, const struct lend_survey_device *device,
		      struct run_options *options)
{
	(void)options;
	tree_bind(tree, device->is.name, "vfio-pci");
}

static void without_kvm(struct host_tree *tree, const struct lend_survey_device *device,
			struct run_options *options)
{
	(void)device, (void)options;
	tree_remove(tree, "dev/kvm");
}

static void too_much_memory(struct host_tree *tree, const struct lend_survey_device *device,
			    struct run_options *options)
{
	with_vfio(tree, device, options);
	options->memory = 64ull << 30;
}

static void small_group(struct host_tree *tree, const struct lend_survey_device *device,
			struct run_options *options)
{
	with_vfio(tree, device, options);
	tree_put(tree, "proc/self/cgroup", "0::/a/b\n");
	tree_put(tree, "sys/fs/cgroup/a/memory.high", "50000000\n");
	tree_put(tree, "sys/fs/cgroup/a/memory.current", "1\n");
}

static void few_threads(struct host_tree *tree, const struct lend_survey_device *device,
			struct run_options *options)
{
	with_vfio(tree, device, options);
	tree_put(tree, "proc/self/cgroup", "0::/a/b\n");
	tree_put(tree, "sys/fs/cgroup/a/pids.max", "3\n");
	tree_put(tree, "sys/fs/cgroup/a/pids.current", "1\n");
}

static void few_huge_pages(struct host_tree *tree, const struct lend_survey_device *device,
			   struct run_options *options)
{
	with_vfio(tree, device, options);
	options->huge_page = 2 << 20;
	tree_put(tree, "sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "31\n");
}

static void a_node_that_is_not_there(struct host_tree *tree, const struct lend_survey_device *device,
				     struct run_options *options)
{
	with_vfio(tree, device, options);
	options->has_node = true;
	options->node = 9;
	tree_put(tree, "sys/devices/system/node/has_memory", "0\n");
}

static void no_reset(struct host_tree *tree, const struct lend_survey_device *device,
		     struct run_options *options)
{
	char path[128];

	with_vfio(tree, device, options);
	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/reset_method", device->is.name);
	tree_remove(tree, path);
	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/reset", device->is.name);
	tree_remove(tree, path);
}

static void no_reset_and_none_wanted(struct host_tree *tree, const struct lend_survey_device *device,
				     struct run_options *options)
{
	no_reset(tree, device, options);
	options->devices[0].allow_unreset = true;
}

static void reset_by(struct host_tree *tree, const struct lend_survey_device *device, const char *methods)
{
	char path[128];

	tree_bind(tree, device->is.name, "vfio-pci");
	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/reset_method", device->is.name);
	tree_put(tree, path, methods);
}

static void reset_by_power(struct host_tree *tree, const struct lend_survey_device *device,
			   struct run_options *options)
{
	(void)options;
	reset_by(tree, device, "pm\n");
}

/* A file of rules for the device, in which these resets are broken. */
static void put_rule(struct host_tree *tree, const struct lend_survey_device *device, unsigned vendor,
		     const char *broken)
{
	char path[128], text[256];

	snprintf(path, sizeof(path), "etc/lend/quirks.d/%s.json", device->is.name);
	snprintf(text, sizeof(text),
		 "[{\"match\": {\"vendor\": \"%04x\", \"device\": \"%04x\"}, \"broken_resets\": [%s]}]",
		 vendor, device->is.device, broken);
	tree_put(tree, path, text);
}

static void broken_resets(struct host_tree *tree, const struct lend_survey_device *device,
			  struct run_options *options)
{
	(void)options;
	reset_by(tree, device, "flr bus\n");
	put_rule(tree, device, device->is.vendor, "\"flr\", \"bus\"");
}

static void broken_flr(struct host_tree *tree, const struct lend_survey_device *device,
		       struct run_options *options)
{
	(void)options;
	reset_by(tree, device, "flr\n");
	put_rule(tree, device, device->is.vendor, "\"flr\"");
}

static void broken_and_none_wanted(struct host_tree *tree, const struct lend_survey_device *device,
				   struct run_options *options)
{
	broken_resets(tree, device, options);
	options->devices[0].allow_unreset = true;
}

static void a_wrong_file_of_rules(struct host_tree *tree, const struct lend_survey_device *device,
				  struct run_options *options)
{
	with_vfio(tree, device, options);
	put_rule(tree, device, device->is.vendor, "\"no such reset\"");
}

static const struct edit edits[] = {
	{"as it is", as_it_is},
	{"with vfio-pci", with_vfio},
	{"without KVM", without_kvm},
	{"too much memory", too_much_memory},
	{"a small control group", small_group},
	{"few threads", few_threads},
	{"few huge pages", few_huge_pages},
	{"node=9", a_node_that_is_not_there},
	{"no reset", no_reset},
	{"no reset, x-allow-unreset", no_reset_and_none_wanted},
	{"reset by power", reset_by_power},
	{"broken resets", broken_resets},
	{"broken flr", broken_flr},
	{"broken resets, x-allow-unreset", broken_and_none_wanted},
	{"a wrong file of rules", a_wrong_file_of_rules},
};

static struct lend_check *check_of(struct host_tree *tree, const struct run_options *options, bool starting)
{
	struct lend_check_options asked = asked_of(options);
	struct lend_bdf bdf = tree_bdf(options->devices[0].host);
	struct lend_error error = {""};
	struct lend_check *check;

	asked.starting = starting;
	if (lend_check_new(tree->context, &bdf, 1, &asked, &check, &error))
		fail_msg("%s", error.text);
	return check;
}

/* The user takes the device without a reset. */
static bool is_wanted(const struct run_options *options, const struct lend_check_row *row)
{
	return options->devices[0].allow_unreset && !strcmp(row->topic, "reset");
}

static bool is_advice(const struct lend_check_row *row)
{
	for (size_t i = 0; i < sizeof(advice) / sizeof(*advice); i++)
		if (!strcmp(row->topic, advice[i]))
			return true;
	return false;
}

static bool has_row(const struct lend_check *check, const struct lend_check_row *row)
{
	const struct lend_check_row *at;

	for (size_t i = 0; (at = lend_check_at(check, i)); i++)
		if (!strcmp(at->topic, row->topic) && !strcmp(at->device, row->device) &&
		    at->verdict == row->verdict && !strcmp(at->text, row->text) &&
		    !strcmp(at->command, row->command) && !strcmp(at->advice, row->advice) &&
		    !strcmp(at->kernel_argument, row->kernel_argument))
			return true;
	return false;
}

static unsigned resets_refused, rules_refused; /* by lend run, so far */

/* What lend run says is one of the rows that failed; silent: there is none. */
static void compare_sentence(const struct lend_check *check, const struct run_options *options, int ret,
			     const char *said, const char *where)
{
	const struct lend_check_row *row;
	struct lend_error sentence;
	bool failed = false, found = false;

	for (size_t i = 0; (row = lend_check_at(check, i)); i++) {
		if (row->verdict != LEND_FAILED || is_advice(row) || is_wanted(options, row))
			continue;
		failed = true;
		lend_check_sentence(row, &sentence);
		if (strcmp(sentence.text, said) != 0)
			continue;
		found = true;
		resets_refused += !strcmp(row->topic, "reset");
		rules_refused += !strcmp(row->topic, "rules");
	}
	if (failed != (ret != 0))
		fail_msg("%s: lend check %s, and lend run says '%s'", where, failed ? "fails" : "passes",
			 said);
	if (failed && !found)
		fail_msg("%s: lend check has no row '%s'", where, said);
}

/* Before a managed device is taken, lend run says the first row that taking does not change. */
static void compare_taking(struct host_tree *tree, const struct lend_check *check,
			   const struct run_options *options, const char *where)
{
	struct run_options managed = *options;
	struct lend_error error = {""}, sentence = {""};
	const struct lend_check_row *row;
	bool failed = false;
	int ret;

	managed.devices[0].managed = true;
	ret = preflight_taking(tree->context, &managed, &error);
	for (size_t i = 0; !failed && (row = lend_check_at(check, i)); i++) {
		failed = row->verdict == LEND_FAILED && !is_wanted(options, row) &&
			 (!strcmp(row->topic, "reset") || !strcmp(row->topic, "rules"));
		if (failed)
			lend_check_sentence(row, &sentence);
	}
	if (failed != (ret != 0) || strcmp(error.text, sentence.text) != 0)
		fail_msg("%s, managed: lend check says '%s', and lend run '%s'", where, sentence.text,
			 error.text);
	assert_int_equal(preflight_taking(tree->context, options, NULL), 0); /* nothing is taken */
}

static void compare(struct host_tree *tree, const struct run_options *options, const char *where)
{
	struct lend_check *whole = check_of(tree, options, false), *brief = check_of(tree, options, true);
	const struct lend_check_row *row;
	struct lend_error error = {""};
	int ret;

	for (size_t i = 0; (row = lend_check_at(brief, i)); i++)
		if (!has_row(whole, row))
			fail_msg("%s: only at the start: %s '%s'", where, row->topic, row->text);
	for (size_t i = 0; (row = lend_check_at(whole, i)); i++)
		if (row->verdict == LEND_FAILED && !is_advice(row) && !has_row(brief, row))
			fail_msg("%s: not at the start: %s '%s'", where, row->topic, row->text);
	ret = preflight_computer(tree->context, options, &images, &error);
	if (!ret)
		ret = preflight_devices(tree->context, options, &error);
	compare_sentence(whole, options, ret, error.text, where);
	compare_taking(tree, whole, options, where);
	lend_check_free(whole);
	lend_check_free(brief);
}

/* Each edit is made for all devices that are not part of the computer, and each is asked about. */
static void try_edit(const char *host, const struct edit *edit)
{
	struct host_tree *tree = tree_new(host);
	struct run_options options = machine_of("");
	const struct lend_survey_device *device;
	char where[128];

	for (size_t i = 0; (device = lend_survey_at(tree->survey ? tree->survey : tree_survey(tree), i)); i++)
		if (device->is.bdf.bus && !device->is.is_bridge)
			edit->make(tree, device, &options);
	for (size_t i = 0; (device = lend_survey_at(tree->survey, i)); i++) {
		snprintf(where, sizeof(where), "%s, %s, %s", host, device->is.name, edit->name);
		strcpy(options.devices[0].host, device->is.name);
		compare(tree, &options, where);
	}
	tree_free(tree);
}

static void both_say_the_same(void **state)
{
	(void)state;
	for (size_t h = 0; h < sizeof(hosts) / sizeof(*hosts); h++)
		for (size_t e = 0; e < sizeof(edits) / sizeof(*edits); e++)
			try_edit(hosts[h], &edits[e]);
	assert_true(resets_refused > 0 && rules_refused > 0);
}

/* Rules are those of the ids that the guest finds; a descriptor may be what is missing on the bus. */
static void resets_that_options_decide(void **state)
{
	struct host_tree *tree = tree_new("plain");
	const struct lend_survey_device *device = tree_device(tree, "01:00.0");
	struct run_options options = machine_of("0000:01:00.0");
	struct lend_error error = {""};

	(void)state;
	options.devices[0].managed = true;
	reset_by(tree, device, "flr bus\n");
	put_rule(tree, device, 0x1234, "\"flr\", \"bus\"");
	assert_int_equal(preflight_taking(tree->context, &options, &error), 0);
	options.devices[0].function.ids = (struct lend_ids){.given = LEND_ID_VENDOR, .vendor = 0x1234};
	assert_int_equal(preflight_taking(tree->context, &options, &error), -EPERM);
	assert_string_equal(
		error.text,
		"0000:01:00.0: nothing can reset it: what one guest left in it the next one finds, "
		"and lend run refuses it; 0000:01:00.0.json, rule 1 says that a reset by flr is "
		"broken; 0000:01:00.0.json, rule 1 says that a reset by bus is broken; give it to "
		"guests that may know of each other, with -device "
		"vfio-pci,host=0000:01:00.0,x-allow-unreset=on");
	options.devices[0].allow_unreset = true;
	assert_int_equal(preflight_taking(tree->context, &options, &error), 0);
	options.devices[0].allow_unreset = false;
	options.devices[options.device_count++].user = true;
	assert_int_equal(preflight_taking(tree->context, &options, &error), -EPERM);
	options.devices[options.device_count++].fd = 7;
	assert_int_equal(preflight_taking(tree->context, &options, &error), 0);
	tree_free(tree);
}

/* What is wrong with hosts in the tests of cures. */
static void sick_hosts(void **state)
{
	static const struct sick_host *const all[] = {sick_computers, sick_devices, sick_users};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		for (const struct sick_host *host = all[i]; host->tree; host++) {
			struct person person = {.tree = tree_new(host->tree), .user = "ann"};
			struct run_options options = machine_of("");
			struct lend_bdf bdf;

			if (host->edit)
				host->edit(&person);
			if (host->options.memory)
				options.memory = host->options.memory;
			options.huge_page = host->options.huge_page;
			bdf = tree_bdf(host->devices[0]);
			lend_bdf_format(&bdf, options.devices[0].host);
			compare(person.tree, &options, host->devices[0]);
			tree_free(person.tree);
		}
}

/* A user without rights, for whom the nodes are what they are. */
static void in_a_user(struct host_tree *tree, const struct run_options *options, const char *where)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (!geteuid() && setuid(NOBODY))
			_exit(99);
		compare(tree, options, where);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

/* A node is not there, or not for the user, or open. */
static void put_node(struct host_tree *tree, const char *path, unsigned kind)
{
	tree_remove(tree, path);
	if (!kind)
		return;
	tree_put(tree, path, "");
	chmod(tree_path(tree, path), kind == 1 ? 0600 : 0666);
}

static void nodes_of_every_kind(void **state)
{
	enum { KINDS = 3, COUNT = 5, ALL = 243 };
	struct host_tree *tree = tree_new("plain");
	struct run_options options = machine_of("0000:01:00.0");
	char group[32];
	const char *const nodes[COUNT] = {group, "dev/vfio/devices/vfio0", "dev/iommu", "dev/vfio/vfio",
					  "dev/kvm"};

	(void)state;
	chmod(tree->root, 0755);
	snprintf(group, sizeof(group), "dev/vfio/%d", tree_device(tree, "01:00.0")->is.group);
	tree_bind(tree, "0000:01:00.0", "vfio-pci");
	tree_put(tree, "sys/bus/pci/devices/0000:01:00.0/vfio-dev/vfio0/dev", "511:0\n");
	tree_put(tree, "proc/self/status", "CapEff:\t0000000000004000\n");
	for (unsigned n = 0; n < ALL; n++) {
		char where[COUNT + 1] = "";

		for (unsigned i = 0, rest = n; i < COUNT; i++, rest /= KINDS) {
			put_node(tree, nodes[i], rest % KINDS);
			where[i] = (char)('0' + rest % KINDS);
		}
		in_a_user(tree, &options, where);
	}
	tree_free(tree);
}

/* A device that no way is open to is refused, whatever the other ways are. */
static void the_way_is_the_one_that_is_open(void **state)
{
	struct host_tree *tree = tree_new("plain");
	struct run_options options = machine_of("0000:01:00.0");
	struct lend_error error = {""};
	int status;
	pid_t pid;

	(void)state;
	if (geteuid())
		skip();
	chmod(tree->root, 0755);
	tree_bind(tree, "0000:01:00.0", "vfio-pci");
	tree_put(tree, "sys/bus/pci/devices/0000:01:00.0/vfio-dev/vfio0/dev", "511:0\n");
	tree_put(tree, "proc/self/status", "CapEff:\t0000000000004000\n");
	tree_remove(tree, "dev/vfio");
	tree_put(tree, "dev/vfio/devices/vfio0", "");
	tree_put(tree, "dev/iommu", "");
	chmod(tree_path(tree, "dev/kvm"), 0666);
	chmod(tree_path(tree, "dev/vfio/devices/vfio0"), 0600);
	chmod(tree_path(tree, "dev/iommu"), 0600);
	pid = fork();
	if (!pid) {
		if (setuid(NOBODY))
			_exit(99);
		if (!preflight_devices(tree->context, &options, &error) ||
		    !strstr(error.text, "you may not open ") || !strstr(error.text, "vfio0"))
			fail_msg("%s", error.text);
		/* Who chose a way, or brings an open /dev/iommu, is told by the open. */
		options.devices[0].backend = LEND_BACKEND_IOMMUFD;
		if (preflight_devices(tree->context, &options, &error))
			_exit(2);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	tree_free(tree);
}

/* Before any device is taken: images, then the computer. */
static void what_is_said_before_a_device_is_taken(void **state)
{
	struct host_tree *tree = tree_new("plain");
	struct run_options options = machine_of("0000:01:00.0");
	struct lend_error error = {""};
	char text[2101];

	(void)state;
	options.devices[0].managed = true;
	assert_int_equal(preflight_computer(tree->context, &options, &images, &error), 0);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	options.append = text;
	assert_int_equal(preflight_computer(tree->context, &options, &images, &error), -E2BIG);
	assert_string_equal(error.text, "K: this kernel takes a command line of 2047 bytes, and -append has "
					"2100; shorten it");
	options.append = NULL;
	tree_remove(tree, "dev/kvm");
	assert_int_not_equal(preflight_computer(tree->context, &options, &images, &error), 0);
	assert_non_null(strstr(error.text, "; as root: modprobe kvm-amd"));
	/* Nothing is taken in between: it is asked once, with the devices. */
	options.devices[0].managed = false;
	assert_int_equal(preflight_computer(tree->context, &options, &images, &error), 0);
	assert_int_not_equal(preflight_devices(tree->context, &options, &error), 0);
	assert_non_null(strstr(error.text, "; as root: modprobe kvm-amd"));
	options.devices[0].managed = true;
	tree_put(tree, "dev/kvm", "");
	options.memory = 64ull << 30;
	assert_int_not_equal(preflight_computer(tree->context, &options, &images, &error), 0);
	assert_non_null(strstr(error.text, "this computer has"));
	/* Without a device no IOMMU is asked for, and a descriptor is nobody's address. */
	tree_free(tree);
	tree = tree_new("no-iommu");
	options = machine_of("");
	assert_int_equal(preflight_computer(tree->context, &options, &images, &error), 0);
	assert_int_equal(preflight_devices(tree->context, &options, &error), 0);
	strcpy(options.devices[0].host, "0000:09:00.0");
	assert_int_equal(preflight_devices(tree->context, &options, &error), -ENODEV);
	assert_non_null(strstr(error.text, "there is no PCI device 0000:09:00.0"));
	tree_free(tree);
}

/* A cure is whole or it is not there. */
static void sentences(void **state)
{
	struct lend_check_row row = {.topic = "t", .text = "it is so"};
	struct lend_error error;

	(void)state;
	lend_check_sentence(&row, &error);
	assert_string_equal(error.text, "it is so");
	strcpy(row.device, "0000:01:00.0");
	strcpy(row.advice, "do that");
	lend_check_sentence(&row, &error);
	assert_string_equal(error.text, "0000:01:00.0: it is so; do that");
	strcpy(row.command, "cmd");
	lend_check_sentence(&row, &error);
	assert_string_equal(error.text, "0000:01:00.0: it is so; as root: cmd");
	strcpy(row.kernel_argument, "a=b");
	lend_check_sentence(&row, &error);
	assert_string_equal(error.text,
			    "0000:01:00.0: it is so; add a=b to the kernel's command line, and reboot");
	row.kernel_argument[0] = '\0';
	memset(row.text, 'x', sizeof(row.text) - 1);
	memset(row.command, 'y', sizeof(row.command) - 1);
	lend_check_sentence(&row, &error);
	assert_null(strchr(error.text, 'y'));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_say_the_same),
		cmocka_unit_test(resets_that_options_decide),
		cmocka_unit_test(sick_hosts),
		cmocka_unit_test(nodes_of_every_kind),
		cmocka_unit_test(the_way_is_the_one_that_is_open),
		cmocka_unit_test(what_is_said_before_a_device_is_taken),
		cmocka_unit_test(sentences),
	};

	return cmocka_run_group_tests(tests, make_kernel, NULL);
}
