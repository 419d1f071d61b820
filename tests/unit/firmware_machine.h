/* SPDX-License-Identifier: MIT */
/* For one test program each: the chips of firmware in a machine, with doubles of KVM. */
#ifndef TESTS_UNIT_FIRMWARE_MACHINE_H
#define TESTS_UNIT_FIRMWARE_MACHINE_H

#include <linux/pci_regs.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/firmware_files.h"
#include "tests/unit/mute_functions.h"
#include "tests/unit/vmm_doubles.h"
#include "vmm/firmware/files.h"
#include "vmm/firmware/firmware.h"

int hv_create_pit(int vm)
{
	(void)vm;
	return 0;
}

int hv_get_pit(int vm, struct kvm_pit_state2 *state)
{
	(void)vm;
	state->flags = 0x55;
	return 0;
}

static unsigned pits;

int hv_set_pit(int vm, const struct kvm_pit_state2 *state)
{
	(void)vm;
	assert_int_equal(state->flags, 0x55);
	pits++;
	return 0;
}

static const struct vmm_device_config devices[] = {{.boot_index = 3}};
static struct vmm_firmware_config config;

static int start(void **state)
{
	struct lend_error error;
	int ret = set_up(state);

	pits = 0;
	config = (struct vmm_firmware_config){.code_fd = firmware_file(FILE_CODE, CODE_4M),
					      .vars_fd = -1,
					      .template_fd = firmware_file(FILE_STORE, VARS_4M)};
	config.code_name = "code.fd";
	vmm.config = (struct vmm_config){.memory = MIB(256),
					 .cpus = 2,
					 .kernel_fd = -1,
					 .firmware = &config,
					 .devices = devices,
					 .device_count = 1};
	vmm.cpuid = calloc(1, sizeof(*vmm.cpuid));
	vmm.layout = (struct layout){.ram = {{.length = MIB(256)}},
				     .ram_count = 1,
				     .low_start = 0xc0000000,
				     .low_end = 0xe0000000};
	vmm.memory.pieces[0].length = MIB(256);
	ret = ret ? ret : firmware_new(&vmm, &error);
	ret = ret ? ret : firmware_init(&vmm, &error);
	assert_int_equal(ret, 0);
	vmm.topology = (struct topology){.chips = vmm.topology_chips};
	vmm.topology.slots[1].kind = SLOT_PORT;
	device->slot = 1;
	assert_int_equal(topology_place(&vmm.topology, NULL, 0), 0);
	assert_int_equal(firmware_describe(&vmm, &error), 0);
	assert_int_equal(topology_assign(&vmm.topology, &vmm.layout, &error), 0);
	return 0;
}

static int stop(void **state)
{
	firmware_free(&vmm);
	free(vmm.cpuid);
	close(config.code_fd);
	close(config.template_fd);
	return tear_down(state);
}

static inline void config_write(unsigned device_number, unsigned reg, unsigned length, uint32_t value)
{
	cf8_address_ops.write(&vmm.topology, 0, 4, 0x80000000u | device_number << 11 | (reg & 0xfc));
	cf8_data_ops.write(&vmm.topology, reg & 3, length, value);
}

static inline uint64_t memory_read(uint64_t at, unsigned length)
{
	uint64_t value;

	bus_read(&vmm.memory_bus, at, length, &value);
	return length == 8 ? value : value & ((1ull << 8 * length) - 1);
}

static inline uint64_t port_read(uint16_t port, unsigned length)
{
	uint64_t value;

	bus_read(&vmm.port_bus, port, length, &value);
	return value & ((1ull << 8 * length) - 1);
}

#endif
