/* SPDX-License-Identifier: MIT */
/* The buffer that ACPI tables are laid into: headers, what follows from its place, and how much it holds. */
#include <errno.h>
#include <string.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/guest_memory.h"
#include "vmm/x86/acpi.h"
#include "vmm/x86/tables.h"

static struct acpi acpi;

static uint64_t little(const uint8_t *at, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t)at[i] << 8 * i;
	return value;
}

static void assert_zero(const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		assert_int_equal(bytes[i], 0);
}

/* ACPI 6.5, 5.2.6. */
static void a_table_has_a_header_and_zeros(void **state)
{
	static const uint8_t header[36] = "ABCD\x64\0\0\0\x07\0LEND  LENDVMM \1\0\0\0LEND\1\0\0";
	uint8_t *table;

	(void)state;
	memset(&acpi, 0xff, sizeof(acpi));
	acpi_begin(&acpi, 50);
	table = acpi_table(&acpi, "ABCD", 7, 100);
	assert_ptr_equal(table, acpi.bytes + 64);
	assert_memory_equal(table, header, sizeof(header));
	assert_zero(table + 36, 100 - 36);
	assert_ptr_equal(acpi_take(&acpi, 1, 64), acpi.bytes + 192);
	assert_ptr_equal(acpi_copy(&acpi, "xyz", 3), acpi.bytes + 208);
	assert_memory_equal(acpi.bytes + 208, "xyz\0", 4);
	assert_ptr_equal(acpi_take(&acpi, 1, 1), acpi.bytes + 211);
}

/* The same, 5.2.3.2. */
static void a_port_has_its_width(void **state)
{
	static const uint8_t wants[3][12] = {
		{1, 8, 0, 1, 0x34, 0x12}, {1, 16, 0, 2, 0x34, 0x12}, {1, 32, 0, 3, 0x34, 0x12}};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		uint8_t at[13] = {[12] = 0xaa};

		acpi_put_port(at, 0x1234, 1u << i);
		assert_memory_equal(at, wants[i], 12);
		assert_int_equal(at[12], 0xaa);
	}
}

/* Each kind of it runs out with -ENOSPC, and not before. */
static void what_is_full_is_full(void **state)
{
	uint8_t *table;

	(void)state;
	acpi_begin(&acpi, 64);
	assert_null(acpi_take(&acpi, ACPI_ROOM - 63, 1));
	assert_non_null(acpi_take(&acpi, ACPI_ROOM - 64 - 36, 1));
	assert_null(acpi_copy(&acpi, acpi.bytes, 37));
	assert_null(acpi_take(&acpi, 1, 256)); /* there would be room without the alignment */
	table = acpi_take(&acpi, 36, 1);
	assert_ptr_equal(table, acpi.bytes + ACPI_ROOM - 36);
	assert_null(acpi_take(&acpi, 1, 1));
	assert_null(acpi_table(&acpi, "ABCD", 1, 36));
	assert_int_equal(acpi_end(&acpi), -ENOSPC);

	for (unsigned i = 0; i < ACPI_LINKS_MAX; i++)
		assert_int_equal(acpi_link(&acpi, acpi.bytes + i, acpi.bytes + 2 * i, 4), 0);
	assert_int_equal(acpi_link(&acpi, acpi.bytes, acpi.bytes, 4), -ENOSPC);
	assert_int_equal(acpi.link_count, ACPI_LINKS_MAX);
	assert_int_equal(acpi.links[3].at, 3);
	assert_int_equal(acpi.links[3].target, 6);
	assert_int_equal(acpi.links[3].length, 4);
	for (unsigned i = 0; i < ACPI_LISTED_MAX; i++)
		assert_int_equal(acpi_list(&acpi, table), 0);
	assert_int_equal(acpi_list(&acpi, table), -ENOSPC);
	assert_int_equal(acpi.listed_count, ACPI_LISTED_MAX);
	for (unsigned i = ACPI_LISTED_MAX; i < ACPI_SUMS_MAX; i++)
		assert_int_equal(acpi_sum(&acpi, table), 0);
	assert_int_equal(acpi_sum(&acpi, table), -ENOSPC);
	assert_int_equal(acpi.sum_count, ACPI_SUMS_MAX);
}

/* The same, 5.2.5.3 and 5.2.8: the root, whose checksum is in two parts, and the table that it names. */
static void the_end_names_all_tables(void **state)
{
	static const uint8_t rsdp[36] = "RSD PTR \0LEND  \2\0\0\0\0\x24\0\0";
	static const struct {
		uint32_t at, start, length;
	} sums[] = {{73, 64, 40}, {121, 112, 48}, {169, 160, 52}, {8, 0, 20}, {32, 0, 36}};
	static const struct {
		uint32_t at, target;
	} links[] = {{196, 64}, {204, 112}, {24, 160}};

	(void)state;
	acpi_begin(&acpi, ACPI_TABLES);
	assert_int_equal(acpi_list(&acpi, acpi_table(&acpi, "AAAA", 1, 40)), 0);
	assert_int_equal(acpi_list(&acpi, acpi_table(&acpi, "BBBB", 1, 48)), 0);
	assert_int_equal(acpi_end(&acpi), 0);
	assert_memory_equal(acpi.bytes, rsdp, sizeof(rsdp));
	assert_memory_equal(acpi.bytes + 160, "XSDT\x34\0\0\0\1", 9);
	assert_int_equal(acpi.used, 160 + 52);
	assert_int_equal(acpi.sum_count, 5);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(acpi.sums[i].at, sums[i].at);
		assert_int_equal(acpi.sums[i].start, sums[i].start);
		assert_int_equal(acpi.sums[i].length, sums[i].length);
	}
	assert_int_equal(acpi.link_count, 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(acpi.links[i].at, links[i].at);
		assert_int_equal(acpi.links[i].target, links[i].target);
		assert_int_equal(acpi.links[i].length, 8);
	}
}

static void a_name_is_written_where_it_is(void **state)
{
	uint8_t table[64] = {0};

	(void)state;
	memcpy(table + 36, "\x08LOWS\x0e--------", 14);
	memcpy(table + 50, "\x08HIGS\x0e--------", 14);
	assert_int_equal(acpi_set_name(table, sizeof(table), "LOWL", 1), -ENOENT);
	assert_int_equal(acpi_set_name(table, sizeof(table), "HIGS", 0x1122334455667788), 0);
	assert_memory_equal(table + 36, "\x08LOWS\x0e--------", 14);
	assert_int_equal(little(table + 56, 8), 0x1122334455667788);
}

/* Processors fill the room; the machine has all of its tables, or is refused. */
static void tables_are_all_there_or_refused(void **state)
{
	static const struct layout layouts[] = {{.buses = 3}, {.buses = 3, .hotplug = 2}};
	static const struct acpi_ecam ecam = {0xe0000000, 256};
	struct memory *memory = guest_memory(1 << 20);

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		bool fixed = i & 1;
		const struct layout *layout = &layouts[i / 2];
		unsigned tables = (fixed ? 4u : 3u) + (layout->hotplug != 0), most = 0;

		for (unsigned cpus = 1; cpus < ACPI_ROOM / 8; cpus += cpus < ACPI_ROOM / 16 ? 100 : 3) {
			uint64_t rsdp = ADDR_ACPI, xsdt;
			int ret = fixed ? acpi_fixed(&acpi, layout, cpus, &ecam)
					: acpi_write(memory, layout, cpus, false, &rsdp);

			if (ret) {
				assert_int_equal(ret, -ENOSPC);
				continue;
			}
			assert_true(!most || cpus == most + 3 || cpus == most + 100);
			most = cpus;
			if (fixed) {
				assert_int_equal(acpi.listed_count, tables);
				continue;
			}
			xsdt = little(memory_at(memory, gpa(rsdp + 24), 8), 8);
			assert_int_equal(little(memory_at(memory, gpa(xsdt + 4), 4), 4), 36 + 8 * tables);
		}
		assert_true(most > 254); /* as many as a machine can have do fit */
	}
	guest_memory_free(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_table_has_a_header_and_zeros),
		cmocka_unit_test(a_port_has_its_width),
		cmocka_unit_test(what_is_full_is_full),
		cmocka_unit_test(the_end_names_all_tables),
		cmocka_unit_test(a_name_is_written_where_it_is),
		cmocka_unit_test(tables_are_all_there_or_refused),
	};

	return cmocka_run_group_tests_name("vmm_acpi", tests, NULL, NULL);
}
