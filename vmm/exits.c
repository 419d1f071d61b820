/* SPDX-License-Identifier: MIT */
/*
 * One function for each reason that KVM gives for leaving the guest. A trapped
 * access goes to its bus. A reason after which the guest cannot go on ends the
 * machine.
 */
#include <stdio.h>
#include <string.h>

#include "vmm/exits.h"
#include "vmm/kvm.h"
#include "vmm/vcpu.h"

void exit_fatal(struct vcpu *vcpu, const char *text)
{
	vcpus_order(vcpu->all, VCPUS_PAUSE);
	vcpu->all->ops->fatal(vcpu->all->opaque, text);
}

/* Looked at first, since many processors share the line that it is in. */
static void touch(struct vcpus *all)
{
	if (!__atomic_load_n(&all->touched, __ATOMIC_RELAXED))
		__atomic_store_n(&all->touched, true, __ATOMIC_RELAXED);
}

static void do_ports(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	unsigned size = run->io.size;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;

	vcpu->pio++;
	touch(vcpu->all);
	if (run->io.port < PORTS_COUNTED)
		__atomic_fetch_add(&vcpu->all->port[run->io.port], 1, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < run->io.count; i++, data += size) {
		uint64_t value = 0;

		if (run->io.direction == KVM_EXIT_IO_IN) {
			bus_read_again(vcpu->all->port_bus, &vcpu->port_hint, run->io.port, size, &value);
			memcpy(data, &value, size);
		} else {
			memcpy(&value, data, size);
			bus_write_again(vcpu->all->port_bus, &vcpu->port_hint, run->io.port, size, value);
		}
	}
}

static void do_memory(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	unsigned length = run->mmio.len;
	uint64_t value = 0;

	vcpu->mmio++;
	touch(vcpu->all);
	if (run->mmio.is_write) {
		memcpy(&value, run->mmio.data, length);
		bus_write_again(vcpu->all->memory_bus, &vcpu->memory_hint, run->mmio.phys_addr, length,
				value);
	} else {
		bus_read_again(vcpu->all->memory_bus, &vcpu->memory_hint, run->mmio.phys_addr, length,
			       &value);
		memcpy(run->mmio.data, &value, length);
	}
}

/*
 * A triple fault resets a PC, and is the last way in which Linux reboots. One
 * before the guest has used any device is a program that cannot run here: the
 * next start would come to the same place, for ever and without a word.
 */
static void do_shutdown(struct vcpu *vcpu)
{
	char text[128];

	if (__atomic_load_n(&vcpu->all->touched, __ATOMIC_RELAXED)) {
		vcpus_order(vcpu->all, VCPUS_PAUSE);
		vcpu->all->ops->shutdown(vcpu->all->opaque, vcpu->id);
		return;
	}
	snprintf(text, sizeof(text),
		 "the guest's processor %u shut down (triple fault) before the guest used any device",
		 vcpu->id);
	exit_fatal(vcpu, text);
}

static void do_internal_error(struct vcpu *vcpu)
{
	char text[128];
	struct kvm_regs regs = {0};

	hv_get_regs(vcpu->fd, &regs);
	snprintf(text, sizeof(text), "KVM cannot go on (internal error %u) on processor %u at %#llx",
		 vcpu->run->internal.suberror, vcpu->id, (unsigned long long)regs.rip);
	exit_fatal(vcpu, text);
}

static void do_entry_failure(struct vcpu *vcpu)
{
	char text[128];

	snprintf(text, sizeof(text), "KVM cannot enter the guest (hardware reason %#llx) on processor %u",
		 (unsigned long long)vcpu->run->fail_entry.hardware_entry_failure_reason, vcpu->id);
	exit_fatal(vcpu, text);
}

static void handle(struct vcpu *vcpu)
{
	char text[128];

	switch (vcpu->run->exit_reason) {
	case KVM_EXIT_IO:
		do_ports(vcpu);
		break;
	case KVM_EXIT_MMIO:
		do_memory(vcpu);
		break;
	case KVM_EXIT_INTR:
		break;
	case KVM_EXIT_SHUTDOWN:
		do_shutdown(vcpu);
		break;
	case KVM_EXIT_FAIL_ENTRY:
		do_entry_failure(vcpu);
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		do_internal_error(vcpu);
		break;
	default:
		snprintf(text, sizeof(text), "KVM left the guest for a reason that is not handled (%u)",
			 vcpu->run->exit_reason);
		exit_fatal(vcpu, text);
	}
}

void exit_handle(struct vcpu *vcpu)
{
	struct posted *posted = vcpu->all->posted;

	vcpu->exits++;
	if (posted)
		posted_fetch(posted);
	handle(vcpu);
	if (posted)
		posted_settle(posted);
}

/*
 * The kernel withdrew a BAR. Its memory slots are removed and the guest is
 * entered again, so that the access traps. If one instruction faults twice and
 * no processor has removed a slot in between, it would fault for ever: the
 * machine ends.
 */
void exit_fault(struct vcpu *vcpu)
{
	struct vcpus *all = vcpu->all;
	char text[128];
	struct kvm_regs regs = {0};
	int count = all->ops->fault(all->opaque);
	uint64_t removed =
		__atomic_add_fetch(&all->removed, count > 0 ? (unsigned)count : 0, __ATOMIC_SEQ_CST);

	vcpu->faults++;
	hv_get_regs(vcpu->fd, &regs);
	if (count > 0 || vcpu->fault_rip != regs.rip || vcpu->fault_removed != removed) {
		vcpu->fault_rip = count > 0 ? 0 : regs.rip;
		vcpu->fault_removed = removed;
		return;
	}
	snprintf(text, sizeof(text), "processor %u cannot reach memory that it was given (EFAULT at %#llx)",
		 vcpu->id, (unsigned long long)regs.rip);
	exit_fatal(vcpu, text);
}
