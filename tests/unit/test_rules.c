/* SPDX-License-Identifier: MIT */
/* The user's rules: what they do to a function. How files are read is in test_rules_file.c. */
#include <string.h>
#include <unistd.h>

#include "lib/pci/rules/quirk.h"
#include "lib/rules/rules.h"
#include "tests/unit/test_quirk.h"
#include "tests/unit/test_rules.h"

/* An i210-like card: VPD, MSI, AER, a BAR of 128 KiB. */
static struct world *card(void)
{
	struct world *world = device(0x8086, 0x1533, 0x020000);

	world->vectors[LEND_IRQ_INTX] = 1;
	world_set(world, PCI_SUBSYSTEM_VENDOR_ID, 4, 0x00011234);
	world_bar(world, 0, 0, 0x20000);
	world_set(world, world_cap(world, 0x40, PCI_CAP_ID_PM) + PCI_PM_PMC, 2, 3);
	world_msi(world, PCI_MSI_FLAGS_64BIT, 1); /* at 0x60 */
	world_cap(world, 0x70, PCI_CAP_ID_VPD);
	world_exp(world, PCI_EXP_TYPE_ENDPOINT, 0); /* at 0x80 */
	world_set(world, 0x100, 4, PCI_EXT_CAP_ID_ERR | 2 << 16 | 0x150u << 20);
	world_set(world, 0x150, 4, PCI_EXT_CAP_ID_DSN | 1 << 16);
	return world;
}

static struct world *with(const char *rules)
{
	struct world *world = card();

	world->quirks_dir = rules_dir(rules);
	assert_int_equal(world_open(world), 0);
	world_write(world, PCI_BASE_ADDRESS_0, 4, 0xe0000000);
	world_write(world, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	world_clear(world);
	return world;
}

#define FOR "{\"match\": {\"vendor\": \"8086\"}, "

static void the_example(void **state)
{
	struct world *world = card();

	(void)state;
	world->quirks_dir = "examples/quirks.d";
	assert_int_equal(world_open(world), 0);
	assert_string_equal(
		world->last_log,
		"0000:05:00.0: 10-example.json, rule 1: no INTx, no capability 03, no reset by pm, "
		"BAR 0 trapped at 0x5b50+0x4");
	assert_int_equal(world->log_lines, 1);
	assert_int_equal(world_read(world, PCI_INTERRUPT_PIN, 1), 0);
	assert_true(world->function->rules.broken_resets & 1u << RESET_PM);
	assert_false(world->function->rules.broken_resets & 1u << RESET_FLR);
	assert_false(world->function->rules.deny_rom);
	stop(world);
}

static char *slurp(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text = calloc(1, RULES_FILE_BYTES + 1);

	assert_non_null(file);
	assert_non_null(text);
	assert_true(fread(text, 1, RULES_FILE_BYTES, file) > 0);
	fclose(file);
	return text;
}

/* What the man page shows is the file, and the line. */
static void the_man_page(void **state)
{
	char *page = slurp("man/lend-quirks.5.scd"), *file = slurp("examples/quirks.d/10-example.json");

	(void)state;
	assert_non_null(strstr(page, file));
	assert_non_null(strstr(page, "10-local.json, rule 1: no INTx, no capability 03, no reset by pm, "
				     "BAR 0 trapped at 0x5b50+0x4\n"));
	for (unsigned i = 0; i < RESET_WORDS; i++)
		assert_non_null(strstr(page, reset_words[i]));
	free(page);
	free(file);
}

static void denied_capabilities(void **state)
{
	struct world *world = with("[" FOR "\"deny_capabilities\": [3, \"0x05\"], "
				   "\"deny_extended_capabilities\": [\"0x0003\"]}]");

	(void)state;
	assert_int_equal(world_read(world, 0x41, 1), 0x80); /* PM leads on to PCI Express */
	assert_int_equal(world_read(world, 0x81, 1), 0);
	assert_int_equal(world_read(world, 0x100, 4) >> 20, 0);
	world_write(world, 0x74, 4, 1); /* VPD is not to be written either */
	world_write(world, 0x62, 2, 1);
	assert_int_equal(world_count(world, "cfg_write"), 0);
	assert_int_equal(world_count(world, "irqs"), 0);
	stop(world);
}

static void trapped_pages(void **state)
{
	struct world *world = with("[" FOR "\"trap\": [{\"bar\": 0, \"offset\": \"0x5ffc\", \"length\": 8}, "
				   "{\"bar\": 0, \"offset\": \"0x1f000\", \"length\": \"0x2000\"}, "
				   "{\"bar\": 3, \"offset\": 0, \"length\": 1}]}]");
	struct lend_explain_row rows[8];

	(void)state;
	/* The second leaves the BAR, the third has none: a line each, and they are left out. */
	assert_int_equal(world->log_lines, 3);
	assert_int_equal(world->bars[0].direct_count, 2);
	assert_int_equal(world->bars[0].direct[0].length, 0x5000);
	assert_int_equal(world->bars[0].direct[1].offset, 0x7000);
	assert_int_equal(lend_function_explain(world->function, rows, 8, sizeof(*rows)), 3);
	assert_int_equal(rows[1].reason, LEND_REASON_RULE);
	assert_int_equal(rows[1].offset, 0x5000);
	assert_int_equal(rows[1].length, 0x2000);
	assert_false(rows[1].direct);
	/* The device answers there, at the guest's own width, across the range's edges. */
	world_clear(world);
	bar_get(world, 0, 0x5ffa, 4);
	bar_put(world, 0, 0x6002, 4, 1);
	world_expect_order(world, "bar_read 0 5ffa 4", "bar_write 0 6002 4 1", NULL);
	stop(world);
}

/* Each of them stands in the line of log. */
static void all_traps_are_said(void **state)
{
	struct world *world = with("[" FOR "\"trap\": [{\"bar\": 0, \"offset\": \"0x1000\", \"length\": 8}, "
				   "{\"bar\": 0, \"offset\": \"0x3000\", \"length\": 4}]}]");

	(void)state;
	assert_int_equal(world->log_lines, 1);
	assert_non_null(
		strstr(world->last_log, ": BAR 0 trapped at 0x1000+0x8, BAR 0 trapped at 0x3000+0x4"));
	stop(world);
}

static void all_that_match_apply(void **state)
{
	struct world *world =
		with("[{\"match\": {\"class\": \"02\"}, \"deny_rom\": true},"
		     "{\"match\": {\"device\": \"1533\"}, \"broken_resets\": [\"flr\", \"bus\"]},"
		     "{\"match\": {\"vendor\": \"8086\", \"device\": \"1534\"}, \"forbid_intx\": true},"
		     "{\"match\": {\"class\": \"0201\"}, \"forbid_intx\": true},"
		     "{\"match\": {\"class\": \"020001\"}, \"forbid_intx\": true},"
		     "{\"match\": {\"subsystem\": \"0002\"}, \"forbid_intx\": true},"
		     "{\"match\": {\"subsystem_vendor\": \"1234\", \"subsystem\": \"0001\", "
		     "\"class\": \"020000\"}, \"broken_resets\": [\"pm\"]}]");

	(void)state;
	assert_int_equal(world->log_lines, 3);
	assert_int_equal(world_read(world, PCI_INTERRUPT_PIN, 1), 1);
	assert_true(world->function->rules.deny_rom);
	assert_true(world->function->rules.broken_resets & 1u << RESET_FLR);
	assert_true(world->function->rules.broken_resets & 1u << RESET_BUS);
	assert_true(world->function->rules.broken_resets & 1u << RESET_PM);
	assert_false(world->function->rules.broken_resets & 1u << RESET_DEVICE_SPECIFIC);
	stop(world);
}

/* XSA-131: bytes that no capability has are read-only; those that one has are written through. */
static void strict_config(void **state)
{
	static const unsigned outside[] = {0x48, 0x5c, 0x6e, 0x78, 0xbc, 0xff, 0x15c, 0xffc};
	static const unsigned inside[] = {0x74, 0x88, 0x108, 0x158};
	struct world *world = with("[" FOR "\"strict_config\": true}]");

	(void)state;
	for (unsigned i = 0; i < sizeof(outside) / sizeof(*outside); i++)
		world_write(world, outside[i], 1, 0x5a);
	assert_int_equal(world_count(world, "cfg_write"), 0);
	for (unsigned i = 0; i < sizeof(inside) / sizeof(*inside); i++)
		world_write(world, inside[i], 1, 0x5a);
	assert_int_equal(world_count(world, "cfg_write"), 4);
	world_write(world, PCI_CACHE_LINE_SIZE, 1, 16);
	assert_int_equal(world_get(world, PCI_CACHE_LINE_SIZE, 1), 16);
	stop(world);
	world = with("[]");
	world_write(world, outside[0], 1, 0x5a);
	assert_int_equal(world_count(world, "cfg_write"), 1);
	stop(world);
}

/* What the guest never gets at is not in the way: an MSI-X that is denied has no virtual table. */
static int reset(struct world *world, struct lend_reset_report *report)
{
	world->no_bus = false; /* it has one, which is ours alone */
	world->by_id = world->owned = true;
	world->dependents[0] = (struct backend_dependent){world->device->info.bdf, -1};
	world->dependent_count = 1;
	world_clear(world);
	return lend_context_reset(world->context, &world->function, 1, report, sizeof(*report));
}

/* The kernel takes the first of a device's methods: if that one is broken, its reset is not asked for. */
static void broken_resets(void **state)
{
	struct world *world = with("[" FOR "\"broken_resets\": [\"flr\"]}]");
	struct lend_reset_report report;

	(void)state;
	world_write(world, PCI_CACHE_LINE_SIZE, 1, 1); /* it is used: the reset at open does not count */
	reset(world, &report);
	assert_int_equal(world_count(world, "reset"), 0);
	assert_int_equal(world_count(world, "bus_reset"), 1);
	assert_int_equal(report.ran, LEND_RESET_BUS);
	stop(world);
	world = with("[" FOR "\"broken_resets\": [\"flr\", \"bus\"]}]");
	world_write(world, PCI_CACHE_LINE_SIZE, 1, 1);
	assert_int_equal(reset(world, &report), -EOPNOTSUPP);
	assert_int_equal(world_count(world, "reset"), 0);
	assert_int_equal(world_count(world, "bus"), 0);
	assert_non_null(strstr(report.obstacle, "file of rules"));
	stop(world);
	world = with("[" FOR "\"broken_resets\": [\"pm\"]}]"); /* which the kernel would not take */
	world_write(world, PCI_CACHE_LINE_SIZE, 1, 1);
	assert_int_equal(reset(world, &report), 0);
	assert_int_equal(world_count(world, "reset"), 1);
	stop(world);
}

static void denied_rom(void **state)
{
	static const uint8_t bytes[2048] = {0x55, 0xaa};
	struct lend_bar bar;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct world *world = card();

		world->quirks_dir = rules_dir(i ? "[" FOR "\"deny_rom\": true}]" : "[]");
		world->regions[LEND_REGION_ROM] = (struct lend_region){.size = 4096, .readable = true};
		world->rom_length = sizeof(world->rom);
		if (i == 2) { /* one of the user's own */
			world->function_config.rom = bytes;
			world->function_config.rom_length = sizeof(bytes);
		}
		start(world);
		lend_function_bar(world->function, LEND_REGION_ROM, &bar, sizeof(bar));
		assert_int_equal(bar.size, i == 0 ? 4096 : i == 1 ? 0 : 2048);
		stop(world);
	}
}

/* Where ids are overridden, the guest's count. */
static void overridden_ids(void **state)
{
	struct world *world = card();

	(void)state;
	world->quirks_dir =
		rules_dir("[{\"match\": {\"vendor\": \"1af4\", \"class\": \"0c03\"}, \"deny_rom\": true},"
			  "{\"match\": {\"vendor\": \"8086\"}, \"forbid_intx\": true}]");
	world->function_config.ids = (struct lend_ids){
		.given = LEND_ID_VENDOR | LEND_ID_CLASS, .vendor = 0x1af4, .class_code = 0x0c0330};
	start(world);
	assert_true(world->function->rules.deny_rom);
	assert_int_equal(world_read(world, PCI_INTERRUPT_PIN, 1), 1);
	stop(world);
}

static void denied_msix(void **state)
{
	struct world *world = world_new();

	(void)state;
	world_nvme(world);
	world->quirks_dir = rules_dir("[{\"match\": {\"vendor\": \"1b36\"}, \"deny_capabilities\": [17]}]");
	start(world);
	world_start(world);
	assert_int_equal(world_read(world, 0x41, 1), 0x80);
	assert_int_equal(world->bars[0].direct_count, 1);
	stop(world);
}

/* All of its bytes, whichever of them it has; what is behind it stays open. */
static void denied_msi(void **state)
{
	static const struct {
		unsigned flags, length;
	} formats[] = {{0, 10},
		       {PCI_MSI_FLAGS_64BIT, 14},
		       {PCI_MSI_FLAGS_MASKBIT, 20},
		       {PCI_MSI_FLAGS_64BIT | PCI_MSI_FLAGS_MASKBIT, 24}};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct world *world = world_new();

		world_msi(world, formats[i].flags, 1);
		world->quirks_dir =
			rules_dir("[{\"match\": {\"vendor\": \"1b36\"}, \"deny_capabilities\": [5]}]");
		start(world);
		for (unsigned at = 0; at < 32; at++) {
			world_write(world, 0x60 + at, 1, 0xff);
			assert_int_equal(world->written[0x60 + at], at >= formats[i].length);
		}
		stop(world);
	}
}

/* Files are read once a context; a wrong one refuses every device, each with the sentence. */
static void read_once(void **state)
{
	struct world *world = with("[" FOR "\"deny_rom\": true}]");
	struct lend_function_config config = {.size = sizeof(config), .peer = world};
	struct lend_function *second;

	(void)state;
	rules_dir("[{}]"); /* the same directory */
	assert_int_equal(lend_function_new(world->device, &config, &second, NULL), 0);
	assert_true(second->rules.deny_rom);
	assert_int_equal(world->log_lines, 1); /* of the first function */
	lend_function_free(second);
	stop(world);
	world = card();
	world->quirks_dir = rules_dir("[{}]");
	assert_int_equal(world_open(world), -EINVAL);
	assert_non_null(strstr(world->error.text, "/rules.json, rule 1: it has no match"));
	world_free(world);
}

static void too_many_denied(void **state)
{
	struct world *world = card();

	(void)state;
	world->quirks_dir = rules_dir("[" FOR "\"deny_capabilities\": "
				      "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20]}," FOR
				      "\"deny_capabilities\": "
				      "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20]}]");
	assert_int_equal(world_open(world), -EINVAL);
	assert_non_null(strstr(world->error.text, "rules.json, rule 2: more than 32"));
	world_free(world);
	world = card();
	world->quirks_dir =
		rules_dir("[" FOR "\"close_vendor_registers\": [\"0001\",\"0002\",\"0003\",\"0004\"]}," FOR
			  "\"close_vendor_registers\": [\"0005\",\"0006\",\"0007\",\"0008\"]}," FOR
			  "\"close_vendor_registers\": [\"0009\"]}]");
	assert_int_equal(world_open(world), -EINVAL);
	assert_non_null(strstr(world->error.text, "rules.json, rule 3: more than 8 vendors"));
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example),         cmocka_unit_test(the_man_page),
		cmocka_unit_test(denied_capabilities), cmocka_unit_test(trapped_pages),
		cmocka_unit_test(all_traps_are_said),  cmocka_unit_test(all_that_match_apply),
		cmocka_unit_test(strict_config),       cmocka_unit_test(denied_msix),
		cmocka_unit_test(denied_msi),          cmocka_unit_test(broken_resets),
		cmocka_unit_test(denied_rom),          cmocka_unit_test(overridden_ids),
		cmocka_unit_test(read_once),           cmocka_unit_test(too_many_denied),
	};

	return cmocka_run_group_tests_name("rules", tests, NULL, rules_clean);
}
