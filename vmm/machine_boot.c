/* SPDX-License-Identifier: MIT */
/* What is the same before the first boot of a machine and before each other one. */
#include <string.h>

#include "vmm/error.h"
#include "vmm/machine.h"
#include "vmm/x86/tables.h"

struct boot_config machine_boot_config(const struct vmm_config *config, const struct layout *layout)
{
	return (struct boot_config){
		.kernel_fd = config->kernel_fd,
		.initrd_fd = config->initrd_fd,
		.unpacked_fd = config->unpacked_fd,
		.unpacked_size = config->unpacked_size,
		.kernel_name = config->kernel_name,
		.initrd_name = config->initrd_name,
		.cmdline = config->cmdline ? config->cmdline : "",
		.layout = layout,
	};
}

/*
 * As the kernel's file was when it was unpacked, or is now if it was not. One that was written to since
 * then is no longer the unpacked kernel's.
 */
struct vmm_file_state machine_kernel_state(const struct vmm_config *config)
{
	struct vmm_file_state state = config->unpacked_of;

	if (!config->unpacked_size)
		(void)boot_state(config->kernel_fd, &state);
	return state;
}

/*
 * Where nobody did it ahead, or a guest has run since. A file that was overwritten in place holds
 * another kernel than the one that was unpacked, and unpacks itself.
 */
static int place_kernel(struct vmm *vmm, struct boot_config *config, struct boot_placed *placed,
			struct lend_error *error)
{
	bool changed = boot_is_changed(config->kernel_fd, &vmm->kernel);
	int ret;

	if (ahead_take(vmm, placed) && !changed)
		return 0;
	if (changed)
		config->unpacked_size = 0;
	step_begin(vmm, VMM_STEP_MAIN, "loading the kernel");
	ret = boot_place(&vmm->memory, config, placed, error);
	step_end(vmm, VMM_STEP_MAIN);
	return ret;
}

/* What firmware would leave, and the kernel that it would start. */
static int boot_direct(struct vmm *vmm, struct boot_entry *entry, struct lend_error *error)
{
	struct boot_config config = machine_boot_config(&vmm->config, &vmm->layout);
	struct boot_placed placed;
	int ret;

	step_begin(vmm, VMM_STEP_MAIN, "writing the guest's tables");
	ret = acpi_write(&vmm->memory, &vmm->layout, vmm->config.cpus, vmm->topology.has_io, &config.rsdp);
	ret = ret ? ret : smbios_write(&vmm->memory, vmm->config.uuid);
	ret = ret ? ret : reset_vector_write(&vmm->memory);
	step_end(vmm, VMM_STEP_MAIN);
	if (ret)
		return fail(error, ret, "the machine's tables do not fit into its memory: raise -m");
	ret = place_kernel(vmm, &config, &placed, error);
	ret = ret ? ret : boot_finish(&vmm->memory, &config, &placed, error);
	if (ret)
		return ret;
	*entry = placed.entry;
	if (entry->unpacked && !vmm->reboots)
		vmm_log(vmm, LEND_LOG_INFO, "%s: the kernel comes unpacked from the cache",
			vmm->config.kernel_name);
	return 0;
}

/* Everything that is the same before the first boot and before each other one. */
int machine_boot(struct vmm *vmm, struct lend_error *error)
{
	struct boot_entry entry;
	int ret;

	step_begin(vmm, VMM_STEP_MAIN, "placing bridges and BARs");
	ret = topology_assign(&vmm->topology, &vmm->layout, error);
	step_end(vmm, VMM_STEP_MAIN);
	if (!ret && !vmm->firmware)
		ret = boot_direct(vmm, &entry, error);
	if (ret)
		return ret;
	ret = vcpus_reset(&vmm->vcpus, &vmm->memory, vmm->firmware ? NULL : &entry);
	return ret ? fail(error, ret, "KVM does not take the processors' state: %s", strerror(-ret)) : 0;
}
