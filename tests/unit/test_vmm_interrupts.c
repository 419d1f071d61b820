/* SPDX-License-Identifier: MIT */
/* The host's table of interrupts, as computers of one processor and of thousands have it. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"
#include "vmm/interrupts.h"

/* A table of `rows` vectors; vector 1 has interrupted i + 1 times on processor i, the others never. */
static FILE *table(unsigned processors, unsigned rows)
{
	FILE *file = tmpfile();

	assert_non_null(file);
	fprintf(file, "           ");
	for (unsigned i = 0; i < processors; i++)
		fprintf(file, "CPU%-8u", i);
	fprintf(file, "\n  9: %10u  IO-APIC   9-fasteoi   acpi\n", 7);
	for (unsigned row = 0; row < rows; row++) {
		fprintf(file, "%3u: ", 30 + row);
		for (unsigned i = 0; i < processors; i++)
			fprintf(file, "%10u ", row == 1 ? i + 1 : 0);
		fprintf(file, " PCI-MSIX-0000:01:00.0   %u-edge      vfio-msix[%u](0000:01:00.0)\n", row,
			row);
	}
	fprintf(file, "NMI: %10u   Non-maskable interrupts\nERR: %10u\n", 3, 0);
	fflush(file);
	return file;
}

static void check(unsigned processors, unsigned rows)
{
	FILE *file = table(processors, rows);
	struct interrupts interrupts;
	char last[64];

	interrupts_read(fileno(file), &interrupts);
	assert_int_equal(interrupts.count, rows);
	assert_int_equal(interrupts_count(&interrupts, "vfio-msix[0](0000:01:00.0)"), 0);
	assert_int_equal(interrupts_count(&interrupts, "vfio-msix[1](0000:01:00.0)"),
			 (uint64_t)processors * (processors + 1) / 2);
	snprintf(last, sizeof(last), "vfio-msix[%u](0000:01:00.0)", rows - 1);
	assert_true(interrupts_count(&interrupts, last) >= 0);
	assert_int_equal(interrupts_count(&interrupts, "vfio-msix[1](0000:02:00.0)"), -1);
	assert_int_equal(interrupts_count(&interrupts, "acpi"), -1);
	interrupts_free(&interrupts);
	fclose(file);
}

static void one_processor(void **state)
{
	(void)state;
	check(1, 2);
}

/* A line of 4 KiB, and one of 90 KiB in a table of 18 MiB. */
static void many_processors(void **state)
{
	(void)state;
	check(372, 300);
	check(8192, 200);
}

/* Beyond the bound the beginning counts; nothing is written behind the text. */
static void a_table_without_end(void **state)
{
	FILE *file = tmpfile();
	struct interrupts interrupts;

	(void)state;
	assert_non_null(file);
	fprintf(file, " 45: 1 2 PCI vfio-intx(0000:01:00.0)\n");
	fflush(file);
	assert_int_equal(ftruncate(fileno(file), 65 << 20), 0);
	interrupts_read(fileno(file), &interrupts);
	assert_int_equal(interrupts_count(&interrupts, "vfio-intx(0000:01:00.0)"), 3);
	interrupts_free(&interrupts);
	fclose(file);
}

static void no_table(void **state)
{
	struct interrupts interrupts;

	(void)state;
	interrupts_read(-1, &interrupts);
	assert_int_equal(interrupts_count(&interrupts, "vfio-intx(0000:01:00.0)"), -1);
	interrupts_free(&interrupts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_processor),
		cmocka_unit_test(many_processors),
		cmocka_unit_test(a_table_without_end),
		cmocka_unit_test(no_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
