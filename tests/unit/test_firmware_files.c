/* SPDX-License-Identifier: MIT */
/* What the firmware is told of memory, windows, processors, boot order and names. */
#include <errno.h>
#include <string.h>

#include "tests/unit/cmocka.h"
#include "vmm/firmware/files.h"
#include "vmm/x86/tables.h"

static const uint8_t uuid[16] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
				 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
static const struct lend_iova_window everything[] = {{0, UINT64_MAX}};
static const struct lend_iova_window reserved[] = {
	{0, MIB(256) - 1}, {MIB(257), 0xfedfffff}, {ADDR_4GIB, 0x13fffffff}, {0x180000000, (1ULL << 39) - 1}};

static struct fw_cfg fw_cfg;
static struct lend_error error;

static uint64_t little(const uint8_t *at, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t)at[i] << 8 * i;
	return value;
}

static const struct fw_cfg_item *file(const char *name)
{
	for (unsigned i = 0; i < fw_cfg.file_count; i++)
		if (!strcmp(fw_cfg.files[i].name, name))
			return &fw_cfg.files[i];
	return NULL;
}

static struct layout plan(uint64_t memory, const struct lend_iova_window *windows, size_t count)
{
	const struct layout_needs needs = {.kind = LAYOUT_FIRMWARE,
					   .memory = memory,
					   .physical_bits = 46,
					   .windows = windows,
					   .window_count = count,
					   .buses = 2};
	struct layout layout;

	assert_int_equal(layout_plan(&needs, &layout, &error), 0);
	return layout;
}

/* Adds everything anew; `more` is without layout, processors and uuid. */
static int add(const struct layout *layout, const struct fw_facts *more)
{
	struct fw_facts facts = more ? *more : (struct fw_facts){0};

	facts.layout = layout;
	facts.cpus = 300;
	facts.uuid = uuid;
	fw_cfg_free(&fw_cfg);
	fw_cfg_init(&fw_cfg, NULL);
	return files_add(&fw_cfg, &facts, &error);
}

/* All memory is there, from 0 on, and below 4 GiB no higher than 2 GiB. */
static void memory_is_told(void **state)
{
	static const struct {
		uint64_t memory;
		bool reserved;
	} rows[] = {{MIB(64), false}, {GIB(2), false},         {GIB(2) + MIB(2), false}, {GIB(1024), false},
		    {MIB(64), true},  {GIB(2) + MIB(2), true}, {GIB(4) + MIB(512), true}};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct layout layout = rows[i].reserved ? plan(rows[i].memory, reserved, 4)
							: plan(rows[i].memory, everything, 1);
		const struct fw_cfg_item *e820;
		uint64_t total = 0, end = 0;

		assert_int_equal(add(&layout, NULL), 0);
		e820 = file("etc/e820");
		assert_non_null(e820);
		assert_int_equal(e820->length % 20, 0);
		assert_int_equal(little(e820->bytes, 8), 0);
		for (uint32_t j = 0; j < e820->length; j += 20) {
			uint64_t base = little(e820->bytes + j, 8), length = little(e820->bytes + j + 8, 8);

			assert_int_equal(little(e820->bytes + j + 16, 4), MAP_RAM);
			assert_true(base >= end);
			end = base + length;
			assert_true(end <= GIB(2) || base >= ADDR_4GIB);
			assert_false(rows[i].reserved && base < MIB(257) && end > MIB(256));
			total += length;
		}
		assert_int_equal(total, rows[i].memory);
	}
}

static void windows_are_told(void **state)
{
	static const struct {
		unsigned at, bytes;
		uint64_t value;
	} rows[] = {
		{0, 8, 1},
		{8, 8, 120},
		{16, 8, 0},
		{24, 8, 0x700c9},
		{32, 4, 5},
		{36, 4, 0x0000ff00},
		{40, 8, 0x6000},
		{48, 8, 0xa000},
		{56, 8, 0xc0000000},
		{64, 8, 0x20000000},
		{72, 8, 0},
		{80, 8, 0},
		{88, 8, 0x10000000000},
		{96, 8, 0x20000000},
		{104, 8, 0},
		{112, 8, 0},
		{120, 8, 0},
		{128, 8, 0},
	};
	struct layout layout = {.ram = {{.length = GIB(1)}},
				.ram_count = 1,
				.low_start = 0xc0000000,
				.low_end = 0xe0000000,
				.high_start = 0x10000000000,
				.high_end = 0x10020000000};

	(void)state;
	for (unsigned none = 0; none < 2; none++) {
		const struct fw_cfg_item *windows;

		assert_int_equal(add(&layout, NULL), 0);
		windows = file(FILES_WINDOWS);
		assert_int_equal(windows->length, 136);
		for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++)
			assert_int_equal(little(windows->bytes + rows[i].at, rows[i].bytes),
					 none && (rows[i].at == 88 || rows[i].at == 96) ? 0 : rows[i].value);
		layout.high_end = layout.high_start; /* no window above 4 GiB */
	}
}

static void old_firmware_has_windows_of_its_own(void **state)
{
	static const struct {
		unsigned bits;
		bool gib_pages;
		uint64_t start, end;
	} rows[] = {{39, true, 0x7000000000, 0x8000000000},
		    {39, false, 0x7000000000, 0x8000000000},
		    {48, true, 0x380000000000, 0x400000000000},
		    {48, false, 0xe000000000, 0x10000000000}};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct layout layout = {0};

		files_old_windows(&layout, rows[i].bits, rows[i].gib_pages);
		assert_int_equal(layout.low_start, 0xc0000000);
		assert_int_equal(layout.low_end, 0xfc000000);
		assert_int_equal(layout.high_start, rows[i].start);
		assert_int_equal(layout.high_end, rows[i].end);
	}
}

static const uint8_t *number(uint16_t key)
{
	for (unsigned i = 0; i < fw_cfg.number_count; i++)
		if (fw_cfg.numbers[i].key == key)
			return fw_cfg.numbers[i].bytes;
	return NULL;
}

static void numbers_and_names_are_told(void **state)
{
	static const uint8_t swapped[16] = {0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66,
					    0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
	const struct layout layout = plan(GIB(1), everything, 1);
	const struct fw_cfg_item *tables, *anchor;
	uint8_t sum = 0;

	(void)state;
	for (unsigned menu = 0; menu < 2; menu++) {
		const struct fw_facts facts = {.boot_menu = menu};

		assert_int_equal(add(&layout, &facts), 0);
		assert_int_equal(little(number(FW_CFG_CPUS), 2), 300);
		assert_int_equal(little(number(FW_CFG_BOOT_MENU), 2), menu);
	}
	tables = file("etc/smbios/smbios-tables");
	anchor = file("etc/smbios/smbios-anchor");
	assert_int_equal(tables->bytes[0], 1); /* the firmware writes type 0 itself */
	assert_non_null(memmem(tables->bytes, tables->length, swapped, 16));
	assert_memory_equal(tables->bytes + tables->length - 6, "\x7f\4\2\0\0\0", 6);
	assert_int_equal(anchor->length, 24);
	assert_memory_equal(anchor->bytes, "_SM3_", 5);
	assert_int_equal(little(anchor->bytes + 12, 4), tables->length);
	for (unsigned i = 0; i < anchor->length; i++)
		sum = (uint8_t)(sum + anchor->bytes[i]);
	assert_int_equal(sum, 0);
	assert_null(file("etc/system-states"));
}

static void boot_order(const struct fw_boot *boot, unsigned count, const char *text)
{
	const struct layout layout = plan(GIB(1), everything, 1);
	const struct fw_facts facts = {.boot = boot, .boot_count = count};
	const struct fw_cfg_item *order;

	assert_int_equal(add(&layout, &facts), 0);
	order = file("bootorder");
	if (!text) {
		assert_null(order);
		return;
	}
	assert_non_null(order);
	assert_int_equal(order->length, strlen(text) + 1);
	assert_memory_equal(order->bytes, text, order->length);
}

static void the_boot_order_is_told(void **state)
{
	const struct layout layout = plan(GIB(1), everything, 1);
	static const struct fw_boot rows[] = {{7, 1, true, 0},
					      {0, 0x1e, false, 3},
					      {-1, 3, true, 0},
					      {2, 0x10, true, 3},
					      {1000000, 4, false, 0}},
				    same[] = {{1, 1, true, 0}, {2, 2, true, 0}, {1, 3, true, 0}};
	const struct fw_facts equal = {.boot = same, .boot_count = 3};

	(void)state;
	boot_order(NULL, 0, NULL);
	boot_order(rows + 2, 1, NULL);
	boot_order(rows, 1, "/pci@i0cf8/pci-bridge@1/lend@0");
	boot_order(rows, 5,
		   "/pci@i0cf8/lend@1e,3\n/pci@i0cf8/pci-bridge@10/lend@0,3\n"
		   "/pci@i0cf8/pci-bridge@1/lend@0\n/pci@i0cf8/lend@4");
	assert_int_equal(add(&layout, &equal), -EINVAL);
	assert_non_null(strstr(error.text, "bootindex=1"));
}

static void the_users_files_are_added(void **state)
{
	const struct layout layout = plan(GIB(1), everything, 1);
	static const struct {
		struct vmm_fw_file file;
		int want;
	} rows[] = {
		{{"opt/a", "words", 5}, 0},
		{{"etc/e820", "", 0}, -EEXIST},
		{{"opt/56789012345678901234567890123456789012345678901234567", "", 0}, -EINVAL},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct fw_facts facts = {.files = &rows[i].file, .file_count = 1};

		error.text[0] = '\0';
		assert_int_equal(add(&layout, &facts), rows[i].want);
		if (rows[i].want)
			assert_non_null(strstr(error.text, rows[i].file.name));
		else
			assert_memory_equal(file(rows[i].file.name)->bytes, rows[i].file.bytes,
					    rows[i].file.length);
	}
}

static int stop(void **state)
{
	(void)state;
	fw_cfg_free(&fw_cfg);
	return 0;
}

#define TEST(name) cmocka_unit_test_teardown(name, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(memory_is_told),
		TEST(windows_are_told),
		TEST(old_firmware_has_windows_of_its_own),
		TEST(numbers_and_names_are_told),
		TEST(the_boot_order_is_told),
		TEST(the_users_files_are_added),
	};

	return cmocka_run_group_tests_name("firmware_files", tests, NULL, NULL);
}
