/* SPDX-License-Identifier: MIT */
/*
 * Root ports in this machine: the chip of hotplug, on the bus of ports and with an interrupt; errors
 * that a function reports; and resets of the bus below.
 */
#include <errno.h>
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
	vmm->topology.bus_reset = ports_bus_reset;
	vmm->topology.opaque = vmm;
	if (vmm->firmware)
		vmm->firmware->pm.events = 1 << GPE_HOTPLUG;
	ret = bus_add(&vmm->port_bus, &range);
	return ret ? fail(error, ret, "the chip of hotplug finds no place: %s", strerror(-ret)) : 0;
}

void ports_reset(struct vmm *vmm)
{
	__atomic_store_n(&vmm->bus_resets, 0, __ATOMIC_RELEASE);
	if (vmm->layout.hotplug)
		hotplug_reset(&vmm->hotplug);
}

void ports_free(struct vmm *vmm)
{
	if (vmm->layout.hotplug)
		hotplug_free(&vmm->hotplug);
}

bool ports_error(struct vmm *vmm, const struct lend_function *function, enum port_error what)
{
	struct pci_slot *slot = &vmm->topology.slots[topology_slot(&vmm->topology, function)];
	struct port_message message;
	int ret;

	if (slot->kind != SLOT_PORT || !slot->setup.hotplug)
		return false;
	if (!port_error(&slot->config, what, topology_requester(&vmm->topology, function), &message))
		return false;
	ret = hv_signal_msi(vmm->vm, message.address, message.data);
	if (ret && vmm_may_log(vmm))
		vmm_log(vmm, LEND_LOG_WARNING, "KVM does not take the interrupt of a root port: %s",
			strerror(-ret));
	return !ret;
}

/* The guest waits until what is below answers again, at least 100 ms. */
void ports_bus_reset(void *opaque, unsigned slot)
{
	struct vmm *vmm = opaque;

	__atomic_fetch_or(&vmm->bus_resets, 1u << slot, __ATOMIC_RELEASE);
	vcpus_order(&vmm->vcpus, VCPUS_PAUSE);
	vmm_wake(vmm);
}

static void say_bus_reset(struct vmm *vmm, const struct assigned *assigned,
			  const struct lend_reset_report *report)
{
	if (!vmm_may_log(vmm))
		return;
	if (report->result)
		vmm_log(vmm, LEND_LOG_WARNING,
			"%s: the guest resets its bus, and nothing here resets it (%s; the kernel offers %s "
			"for it alone)",
			assigned->name, strerror(-report->result),
			report->offered[0] ? report->offered : "nothing");
	else
		vmm_log(vmm, LEND_LOG_INFO, "%s: reset, because the guest resets its bus; %s", assigned->name,
			report->check);
}

static void reset_below(struct vmm *vmm, unsigned slot)
{
	struct lend_function *functions[PCI_FUNCTIONS];
	const struct assigned *owners[PCI_FUNCTIONS];
	struct lend_reset_report reports[PCI_FUNCTIONS] = {0};
	unsigned count = 0;

	for (const struct assigned *at = NULL; (at = assigned_next(vmm, at));) {
		if (!at->function || at->slot != slot || count == PCI_FUNCTIONS)
			continue;
		owners[count] = at;
		functions[count++] = at->function;
	}
	lend_context_reset(vmm->context, functions, count, reports, sizeof(*reports));
	for (unsigned i = 0; i < count; i++)
		say_bus_reset(vmm, owners[i], &reports[i]);
}

void ports_serve(struct vmm *vmm)
{
	uint32_t slots = __atomic_exchange_n(&vmm->bus_resets, 0, __ATOMIC_ACQUIRE);

	if (!slots)
		return;
	vcpus_order(&vmm->vcpus, VCPUS_PAUSE);
	vcpus_wait_parked(&vmm->vcpus);
	plugs_settle(vmm);
	for (unsigned slot = 0; slot < PCI_SLOTS; slot++)
		if (slots & 1u << slot)
			reset_below(vmm, slot);
	vmm_resume(vmm);
}
