/* SPDX-License-Identifier: MIT */
/* lend check and lend run say the same: on each recorded host, of each of its devices, after each edit below.
 */
#include <stdio.h>
#include <string.h>

#include "tests/unit/host_cures.h"
#include "tests/unit/preflight.h"

static const char *const hosts[] = {"plain",    "conventional", "multifunction",
				    "no-iommu", "sriov",        "virtio-iommu"};

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
	assert_true(refused.resets > 0 && refused.rules > 0);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_say_the_same),
		cmocka_unit_test(resets_that_options_decide),
		cmocka_unit_test(sick_hosts),
	};

	return cmocka_run_group_tests(tests, make_kernel, NULL);
}
