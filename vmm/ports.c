/* SPDX-License-Identifier: MIT */
/* The chip of hotplug in this machine: on the bus of ports, and with an interrupt. */
#include <string.h>

#include "vmm/error.h"
#include "vmm/firmware/firmware.h"
#include "vmm/kvm.h"
#include "vmm/machine.h"

/* With the chip's lock, which the power management's is taken inside of. */
static void set_level(void *opaque, bool high)
{
	struct vmm *vmm = opaque;
	int ret;

	if (vmm->firmware) {
		pm_event(&vmm->firmware->pm, GPE_HOTPLUG, high);
		return;
	}
	ret = hv_irq_line(vmm->vm, GSI_HOTPLUG, high);
	if (ret && vmm_may_log(vmm))
		vmm_log(vmm, LEND_LOG_WARNING, "KVM does not take the interrupt of hotplug: %s",
			strerror(-ret));
}

int ports_init(struct vmm *vmm, struct lend_error *error)
{
	const struct hotplug_calls calls = {.ejected = plug_ejected,
					    .refused = plug_refused,
					    .seen = plug_seen,
					    .level = set_level,
					    .opaque = vmm};
	const struct bus_range range = {.start = PORT_HOTPLUG,
					.length = HOTPLUG_LENGTH,
					.ops = &hotplug_ops,
					.opaque = &vmm->hotplug};
	int ret;

	if (!vmm->layout.hotplug)
		return 0;
	hotplug_init(&vmm->hotplug, &calls, vmm->layout.hotplug, topology_ports(&vmm->topology, true));
	vmm->topology.commanded = plug_commanded;
	vmm->topology.opaque = vmm;
	if (vmm->firmware)
		vmm->firmware->pm.events = 1 << GPE_HOTPLUG;
	ret = bus_add(&vmm->port_bus, &range);
	return ret ? fail(error, ret, "the chip of hotplug finds no place: %s", strerror(-ret)) : 0;
}

void ports_reset(struct vmm *vmm)
{
	if (vmm->layout.hotplug)
		hotplug_reset(&vmm->hotplug);
}

void ports_free(struct vmm *vmm)
{
	if (vmm->layout.hotplug)
		hotplug_free(&vmm->hotplug);
}
