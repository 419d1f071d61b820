/* SPDX-License-Identifier: MIT */
/* What the machine tells of itself. */
#include <string.h>

#include "vmm/machine.h"

void vmm_stats(const struct vmm *vmm, struct vmm_stats *out)
{
	*out = (struct vmm_stats){
		.config = __atomic_load_n(&vmm->topology.accesses, __ATOMIC_RELAXED),
		.serial = vmm->serial.accesses,
		.reboots = vmm->reboots,
		.boot_ns = vmm->boot_ns,
	};
	for (unsigned i = 0; i < vmm->vcpus.count; i++) {
		const struct vcpu *vcpu = &vmm->vcpus.vcpu[i];

		out->exits += vcpu->exits;
		out->mmio += vcpu->mmio;
		out->pio += vcpu->pio;
		out->faults += vcpu->faults;
	}
	for (unsigned i = 0; i < 0x100; i++)
		out->port[i] = __atomic_load_n(&vmm->vcpus.port[i], __ATOMIC_RELAXED);
	out->device_count = vmm->assigned_count;
	for (unsigned i = 0; i < vmm->assigned_count; i++) {
		const struct lend_device_info *info = lend_device_info(vmm->assigned[i].device);
		struct lend_function_counters counters;

		memcpy(out->devices[i].name, info->name, sizeof(out->devices[i].name));
		out->devices[i].backend = info->backend;
		lend_function_count(vmm->assigned[i].function, &counters);
		out->bar += counters.bar_reads + counters.bar_writes;
	}
}

static void explain_backend(struct vmm *vmm, const struct lend_device_info *info)
{
	vmm_log(vmm, LEND_LOG_INFO, "%s: backend: %s", info->name,
		info->backend == LEND_BACKEND_IOMMUFD ? "iommufd (the device's own node and /dev/iommu)"
						      : "legacy (its group and a type1 container)");
}

void vmm_explain(struct vmm *vmm)
{
	struct lend_explain_row rows[64];

	for (unsigned i = 0; i < vmm->assigned_count; i++) {
		const struct lend_device_info *info = lend_device_info(vmm->assigned[i].device);
		const char *name = info->name;
		size_t count = lend_function_explain(vmm->assigned[i].function, rows, 64);

		explain_backend(vmm, info);
		for (size_t j = 0; j < count && j < 64; j++)
			vmm_log(vmm, LEND_LOG_INFO, "%s: BAR %u %#llx to %#llx %s: %s", name, rows[j].region,
				(unsigned long long)rows[j].offset,
				(unsigned long long)(rows[j].offset + rows[j].length - 1),
				rows[j].direct ? "direct" : "trapped", rows[j].text);
	}
}
