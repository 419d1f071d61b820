/* SPDX-License-Identifier: MIT */
/* What lend check says of a device's reset where the user has rules of his own, lend-quirks(5). */
#include <stdio.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "lend/check.h"
#include "lend/function.h"
#include "lib/le.h"
#include "lib/reset_way.h"
#include "tests/unit/host_tree.h"

#define METHODS "sys/bus/pci/devices/0000:01:00.0/reset_method"
#define RESET   "sys/bus/pci/devices/0000:01:00.0/reset"
#define CONFIG  "sys/bus/pci/devices/0000:01:00.0/config"
#define RULES   "etc/lend/quirks.d/10-card.json"
#define NVME    "{\"match\": {\"vendor\": \"1b36\", \"device\": \"0010\"}, "
#define SAYS    "; 10-card.json, rule 1 says that a reset by "
#define NOTHING "nothing can reset it: what one guest left in it the next one finds, and lend run refuses it"

static struct lend_check *made;

static void check(struct host_tree *tree, const char *address, const struct lend_check_options *options)
{
	struct lend_bdf bdf = tree_bdf(address);
	struct lend_error error = {""};

	lend_check_free(made);
	if (lend_check_new(tree->context, &bdf, 1, options, &made, &error))
		fail_msg("%s", error.text);
}

static const struct lend_check_row *row(const char *topic)
{
	const struct lend_check_row *at;

	for (size_t i = 0; (at = lend_check_at(made, i)); i++)
		if (!strcmp(at->topic, topic))
			return at;
	return NULL;
}

static void is(const char *topic, enum lend_verdict verdict, const char *text)
{
	const struct lend_check_row *at = row(topic);

	if (!at || at->verdict != verdict || strcmp(at->text, text) != 0)
		fail_msg("%s: %d '%s' instead of %d '%s'", topic, at ? (int)at->verdict : -1,
			 at ? at->text : "no row", (int)verdict, text);
}

/* The tree "plain", with rules that its context has not read yet; a drive is alone on its bus there. */
static struct host_tree *with(const char *rules, const char *methods)
{
	struct host_tree *tree = tree_new("plain");

	tree_put(tree, RULES, rules);
	tree_put(tree, METHODS, methods);
	return tree;
}

static void a_rule_decides(void **state)
{
	static const struct {
		const char *rules, *methods;
		enum lend_verdict verdict;
		const char *text;
	} cases[] = {
		{"[]", "flr bus\n", LEND_PASSED, "it can be reset alone (flr bus)"},
		{"[" NVME "\"broken_resets\": [\"flr\"]}]", "flr bus\n", LEND_PASSED,
		 "it can be reset with its bus" SAYS "flr is broken"},
		{"[" NVME "\"broken_resets\": [\"flr\", \"bus\"]}]", "flr bus\n", LEND_FAILED,
		 NOTHING SAYS "flr is broken" SAYS "bus is broken"},
		{"[" NVME "\"broken_resets\": [\"flr\"]}]", "flr\n", LEND_FAILED,
		 NOTHING SAYS "flr is broken"},
		/* What is broken and would not be taken anyway is not worth a word. */
		{"[" NVME "\"broken_resets\": [\"bus\", \"pm\"]}]", "flr bus\n", LEND_PASSED,
		 "it can be reset alone (flr bus)"},
		{"[" NVME "\"broken_resets\": [\"bus\"]}]", "bus\n", LEND_FAILED,
		 NOTHING SAYS "bus is broken"},
		{"[" NVME "\"broken_resets\": [\"bus\"]}]", "pm bus\n", LEND_NOTE,
		 "its only reset (pm bus) may leave things in it: some devices keep their state" SAYS
		 "bus is broken"},
		{"[" NVME "\"broken_resets\": [\"pm\"]}]", "pm bus\n", LEND_PASSED,
		 "it can be reset with its bus" SAYS "pm is broken"},
		{"[" NVME "\"broken_resets\": [\"pm\"]}]", "pm\n", LEND_FAILED, NOTHING SAYS "pm is broken"},
		/* Each rule that matches counts, and none that does not. */
		{"[" NVME
		 "\"deny_rom\": true}, {\"match\": {\"class\": \"01\"}, \"broken_resets\": [\"flr\"]}]",
		 "flr bus\n", LEND_PASSED,
		 "it can be reset with its bus; 10-card.json, rule 2 says that a reset by flr is broken"},
		{"[{\"match\": {\"subsystem_vendor\": \"1af4\", \"subsystem\": \"1100\"}, "
		 "\"broken_resets\": [\"flr\"]}]",
		 "flr bus\n", LEND_PASSED, "it can be reset with its bus" SAYS "flr is broken"},
		{"[{\"match\": {\"vendor\": \"8086\"}, \"broken_resets\": [\"flr\"]}, "
		 "{\"match\": {\"vendor\": \"1b36\", \"class\": \"02\"}, \"broken_resets\": [\"flr\"]}]",
		 "flr bus\n", LEND_PASSED, "it can be reset alone (flr bus)"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct host_tree *tree = with(cases[i].rules, cases[i].methods);

		check(tree, "01:00.0", NULL);
		is("reset", cases[i].verdict, cases[i].text);
		assert_null(row("rules"));
		tree_free(tree);
	}
}

/* Each method of the kernel, as the only one. */
static void each_method(void **state)
{
	(void)state;
	for (unsigned broken = 0; broken < RESET_WORDS; broken++) {
		char rules[128];
		struct host_tree *tree;

		snprintf(rules, sizeof(rules), "[" NVME "\"broken_resets\": [\"%s\"]}]", reset_words[broken]);
		tree = with(rules, "");
		for (unsigned listed = 0; listed < RESET_WORDS; listed++) {
			tree_put(tree, METHODS, reset_words[listed]);
			check(tree, "01:00.0", NULL);
			assert_int_equal(row("reset")->verdict, listed == broken     ? LEND_FAILED
								: listed == RESET_PM ? LEND_NOTE
										     : LEND_PASSED);
		}
		tree_free(tree);
	}
}

/* The bus is what is left, and another function on it is not handed over yet. */
static void with_others_on_the_bus(void **state)
{
	struct host_tree *tree = tree_new("multifunction");

	(void)state;
	tree_put(tree, RULES, "[{\"match\": {\"class\": \"01\"}, \"broken_resets\": [\"flr\"]}]");
	tree_put(tree, METHODS, "flr\n");
	tree_bind(tree, "0000:01:00.0", "vfio-pci");
	tree_bind(tree, "0000:01:00.1", NULL);
	check(tree, "01:00.0", NULL);
	is("reset", LEND_FAILED,
	   "it can only be reset with its bus, and 0000:01:00.1 on that bus is not with vfio-pci" SAYS
	   "flr is broken");
	assert_string_equal(row("reset")->command, "lend bind 0000:01:00.1");
	tree_bind(tree, "0000:01:00.1", "vfio-pci");
	check(tree, "01:00.0", NULL);
	is("reset", LEND_PASSED,
	   "it can be reset with its bus, which takes along 0000:01:00.1" SAYS "flr is broken");
	/* The kernel does not reset the bus for one of them, and goes on in its list. */
	tree_put(tree, METHODS, "bus flr\n");
	check(tree, "01:00.0", NULL);
	is("reset", LEND_PASSED,
	   "it can be reset with its bus, which takes along 0000:01:00.1" SAYS "flr is broken");
	tree_put(tree, METHODS, "bus acpi\n");
	check(tree, "01:00.0", NULL);
	is("reset", LEND_PASSED, "it can be reset alone (bus acpi)");
	tree_free(tree);
}

/* Rules are those of the ids that the guest finds. */
static void ids_of_the_guest(void **state)
{
	struct host_tree *tree = with("[" NVME "\"broken_resets\": [\"flr\", \"bus\"]}]", "flr bus\n");
	struct lend_ids ids = {.given = LEND_ID_DEVICE, .device = 0x0011};
	const struct lend_check_options options = {.size = sizeof(options), .ids = &ids};

	(void)state;
	check(tree, "01:00.0", &options);
	is("reset", LEND_PASSED, "it can be reset alone (flr bus)");
	ids.device = 0x0010;
	check(tree, "01:00.0", &options);
	assert_int_equal(row("reset")->verdict, LEND_FAILED);
	ids = (struct lend_ids){.given = LEND_ID_VENDOR | LEND_ID_DEVICE, .vendor = 0x1002, .device = 0x6649};
	tree_remove(tree, METHODS);
	tree_remove(tree, RESET);
	check(tree, "01:00.0", &options);
	is("reset", LEND_PASSED, "lend knows how to reset it");
	tree_free(tree);
}

/* A config space with these capabilities, each of 16 bytes from 0x40 on. */
static void put_config(const struct host_tree *tree, uint8_t id, unsigned at, uint32_t value)
{
	uint8_t bytes[256] = {0x36, 0x1b, 0x10, 0x00};
	FILE *file = fopen(tree_path(tree, CONFIG), "w");

	assert_non_null(file);
	bytes[PCI_STATUS] = PCI_STATUS_CAP_LIST;
	bytes[PCI_CAPABILITY_LIST] = 0x40;
	bytes[0x40] = id;
	le_store(bytes + 0x40 + at, 4, value);
	assert_int_equal(fwrite(bytes, 1, sizeof(bytes), file), sizeof(bytes));
	fclose(file);
}

/* Before 5.15 the kernel lists no methods: registers tell which one it tries first, as for lend run. */
static void kernels_without_a_list(void **state)
{
	struct host_tree *tree = with("[" NVME "\"broken_resets\": [\"flr\", \"pm\"]}]", "");

	(void)state;
	tree_remove(tree, METHODS);
	tree_put(tree, RESET, "");
	put_config(tree, PCI_CAP_ID_EXP, PCI_EXP_DEVCAP, PCI_EXP_DEVCAP_FLR);
	check(tree, "01:00.0", NULL);
	is("reset", LEND_PASSED, "it can be reset with its bus" SAYS "flr is broken");
	put_config(tree, PCI_CAP_ID_AF, 0, 0x03000000 | PCI_CAP_ID_AF);
	check(tree, "01:00.0", NULL);
	is("reset", LEND_PASSED, "it can be reset with its bus" SAYS "flr is broken");
	put_config(tree, PCI_CAP_ID_PM, PCI_PM_CTRL, 0);
	check(tree, "01:00.0", NULL);
	is("reset", LEND_PASSED, "it can be reset with its bus" SAYS "pm is broken");
	/* A method that nothing here tells, and that no rule is for. */
	put_config(tree, PCI_CAP_ID_PM, PCI_PM_CTRL, PCI_PM_CTRL_NO_SOFT_RESET);
	check(tree, "01:00.0", NULL);
	is("reset", LEND_PASSED, "the kernel can reset it");
	/* A list that was emptied by hand: the kernel has no way, and the bus is still there for VFIO. */
	tree_put(tree, METHODS, "\n");
	check(tree, "01:00.0", NULL);
	is("reset", LEND_PASSED, "it can be reset with its bus");
	tree_free(tree);
}

/* One wrong file refuses every device: nobody can tell whom it was meant for. */
static void a_wrong_file(void **state)
{
	struct host_tree *tree =
		with("[{\"match\": {\"vendor\": \"ffff\"}, \"broken_reset\": [\"flr\"]}]", "flr\n");
	char text[320];

	(void)state;
	snprintf(text, sizeof(text),
		 "%s, rule 1: there is no key 'broken_reset': no device is handed out while a file of rules "
		 "is "
		 "wrong",
		 tree_path(tree, RULES));
	check(tree, "01:00.0", NULL);
	is("rules", LEND_FAILED, text);
	assert_string_equal(row("rules")->device, "");
	assert_non_null(strstr(row("rules")->advice, "man lend-quirks"));
	is("reset", LEND_PASSED, "it can be reset alone (flr)");
	/* A machine without devices has no use for rules. */
	lend_check_free(made);
	assert_int_equal(lend_check_new(tree->context, NULL, 0, NULL, &made, NULL), 0);
	assert_null(row("rules"));
	tree_free(tree);
}

/* Rules that are right each and too much together, for the device that all of them match. */
static void too_many_for_one(void **state)
{
	struct host_tree *tree = with(
		"[" NVME "\"close_vendor_registers\": [\"0001\",\"0002\",\"0003\",\"0004\",\"0005\"]}," NVME
		"\"close_vendor_registers\": [\"0006\",\"0007\",\"0008\",\"0009\"]}]",
		"flr\n");

	(void)state;
	check(tree, "01:00.0", NULL);
	is("rules", LEND_FAILED, "10-card.json, rule 2: more than 8 vendors in all rules");
	assert_string_equal(row("rules")->device, "0000:01:00.0");
	check(tree, "02:00.0", NULL);
	assert_null(row("rules"));
	tree_free(tree);
}

static int forget(void **state)
{
	(void)state;
	lend_check_free(made);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rule_decides),         cmocka_unit_test(each_method),
		cmocka_unit_test(with_others_on_the_bus), cmocka_unit_test(ids_of_the_guest),
		cmocka_unit_test(kernels_without_a_list), cmocka_unit_test(a_wrong_file),
		cmocka_unit_test(too_many_for_one),
	};

	return cmocka_run_group_tests(tests, NULL, forget);
}
