/* SPDX-License-Identifier: MIT */
/* What a machine tells of its exits; its devices are none, so no function is asked. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/cmocka.h"
#include "vmm/firmware/firmware.h"
#include "vmm/report.h"

void vmm_log(struct vmm *vmm, enum lend_log_level level, const char *format, ...)
{
	(void)vmm, (void)level, (void)format;
}

static struct vmm vmm;

static int set_up(void **state)
{
	(void)state;
	vmm = (struct vmm){.interrupts = -1};
	return 0;
}

/* Of more ports than there is room for, those that were used least are left out. */
static void the_busiest_ports_are_told(void **state)
{
	struct vmm_stats stats;

	(void)state;
	for (unsigned i = 0; i < VMM_PORTS_MAX; i++)
		vmm.vcpus.port[i] = 2;
	vmm.vcpus.port[0x3f8] = 7;
	vmm.vcpus.port[0x608] = 9;
	vmm.vcpus.port[PORTS_COUNTED - 1] = 1;
	vmm_stats(&vmm, &stats);
	assert_int_equal(stats.port_count, VMM_PORTS_MAX);
	assert_int_equal(stats.ports[0].port, 0x608);
	assert_int_equal(stats.ports[0].count, 9);
	assert_int_equal(stats.ports[1].port, 0x3f8);
	for (unsigned i = 2; i < VMM_PORTS_MAX; i++)
		assert_int_equal(stats.ports[i].port, i - 2);
	assert_int_equal(stats.flash, 0);
}

static void both_flash_chips_are_counted(void **state)
{
	struct firmware firmware = {.code.chip = {.accesses = 2}, .store.chip = {.accesses = 5, .shows = 3}};
	struct vmm_stats stats;

	(void)state;
	vmm.firmware = &firmware;
	vmm_stats(&vmm, &stats);
	assert_int_equal(stats.flash, 7);
	assert_int_equal(stats.flash_slots, 3);
	assert_int_equal(stats.port_count, 0);
}

static char report[1024];

static void take_line(void *opaque, const char *line)
{
	(void)opaque;
	snprintf(report + strlen(report), sizeof(report) - strlen(report), "%s\n", line);
}

static void report_names_the_busiest_ports(void **state)
{
	const struct lend_context_config config = {.size = sizeof(config)};
	const struct lend_host_ops ops = {.size = sizeof(ops)};

	(void)state;
	assert_int_equal(lend_context_new(&config, &vmm.context), 0);
	assert_int_equal(lend_space_new(vmm.context, &ops, NULL, &vmm.space), 0);
	vmm_report(&vmm, take_line, NULL);
	assert_null(strstr(report, "I/O ports"));
	for (unsigned i = 0; i < 20; i++)
		vmm.vcpus.port[0x100 + i] = UINT64_MAX - i;
	vmm_report(&vmm, take_line, NULL);
	assert_non_null(strstr(report, "the most used first: 0x100 18446744073709551615, 0x101 "));
	assert_non_null(strstr(report, ", 0x105 18446744073709551610\n"));
	lend_space_free(vmm.space);
	lend_context_free(vmm.context);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_busiest_ports_are_told, set_up),
		cmocka_unit_test_setup(both_flash_chips_are_counted, set_up),
		cmocka_unit_test_setup(report_names_the_busiest_ports, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
