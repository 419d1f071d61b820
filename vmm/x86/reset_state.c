/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "vmm/kvm.h"
#include "vmm/x86/reset_state.h"

enum { MSR_TSC = 0x10, MSR_MTRR_DEF_TYPE = 0x2ff };
/* Enabled, fixed ranges enabled, default write-back: else a 6.1 guest turns PAT off, and write-combining with
 * it. */
enum { MTRR_DEFAULT = 0xc06 };

static int list_msrs(int kvm, struct kvm_msr_list **out)
{
	struct kvm_msr_list *list = calloc(1, sizeof(*list) + RESET_MSRS * sizeof(list->indices[0]));
	int ret;

	if (!list)
		return -ENOMEM;
	list->nmsrs = RESET_MSRS;
	ret = hv_msr_list(kvm, list);
	if (ret) {
		free(list);
		return ret;
	}
	*out = list;
	return 0;
}

/* struct kvm_msrs with one entry, which C does not let stand behind it. */
struct one_msr {
	__u32 nmsrs, pad;
	struct kvm_msr_entry entry;
};
_Static_assert(offsetof(struct one_msr, entry) == sizeof(struct kvm_msrs), "the kernel reads it");

/* One at a time: KVM lists some that this processor's CPUID then refuses. */
static void read_msr(struct reset_msrs *msrs, int vcpu, uint32_t index)
{
	struct one_msr one = {.nmsrs = 1, .entry.index = index};

	/* The TSC goes on counting over a reboot, as the host's does. */
	if (index == MSR_TSC || index == MSR_MTRR_DEF_TYPE ||
	    hv_get_msrs(vcpu, (struct kvm_msrs *)(void *)&one) != 1)
		return;
	if (msrs->count < RESET_MSRS)
		msrs->entries[msrs->count++] = one.entry;
}

static int take_msrs(struct reset_state *state, int kvm, int vcpu)
{
	struct kvm_msr_list *list = NULL;
	int ret = list_msrs(kvm, &list);

	if (ret)
		return ret;
	state->msrs = calloc(1, sizeof(*state->msrs));
	if (state->msrs) {
		state->msrs->count = 1;
		state->msrs->entries[0] =
			(struct kvm_msr_entry){.index = MSR_MTRR_DEF_TYPE, .data = MTRR_DEFAULT};
		for (unsigned i = 0; i < list->nmsrs; i++)
			read_msr(state->msrs, vcpu, list->indices[i]);
	}
	free(list);
	return state->msrs ? 0 : -ENOMEM;
}

int reset_state_take(struct reset_state *state, int kvm, int vcpu)
{
	int ret = take_msrs(state, kvm, vcpu);

	ret = ret ? ret : hv_get_regs(vcpu, &state->regs);
	ret = ret ? ret : hv_get_sregs(vcpu, &state->sregs);
	ret = ret ? ret : hv_get_fpu(vcpu, &state->fpu);
	ret = ret ? ret : hv_get_xcrs(vcpu, &state->xcrs);
	ret = ret ? ret : hv_get_lapic(vcpu, &state->lapic);
	ret = ret ? ret : hv_get_events(vcpu, &state->events);
	ret = ret ? ret : hv_get_debug(vcpu, &state->debug);
	ret = ret ? ret : hv_get_mp_state(vcpu, &state->mp);
	return ret;
}

/*
 * What has its value already is not written: KVM complains in the host's log of
 * some that it lists and cannot set. One that it does not take back is left.
 */
static void put_msrs(const struct reset_msrs *msrs, int vcpu)
{
	for (unsigned i = 0; i < msrs->count; i++) {
		struct one_msr one = {.nmsrs = 1, .entry.index = msrs->entries[i].index};

		if (hv_get_msrs(vcpu, (struct kvm_msrs *)(void *)&one) == 1 &&
		    one.entry.data == msrs->entries[i].data)
			continue;
		one.entry = msrs->entries[i];
		hv_set_msrs(vcpu, (struct kvm_msrs *)(void *)&one);
	}
}

int reset_state_put(const struct reset_state *state, int vcpu, const struct kvm_regs *regs,
		    const struct kvm_sregs *sregs)
{
	int ret = hv_set_sregs(vcpu, sregs); /* first: the APIC base decides how the LAPIC is read */

	ret = ret ? ret : hv_set_regs(vcpu, regs);
	ret = ret ? ret : hv_set_fpu(vcpu, &state->fpu);
	ret = ret ? ret : hv_set_xcrs(vcpu, &state->xcrs);
	ret = ret ? ret : hv_set_debug(vcpu, &state->debug);
	ret = ret ? ret : hv_set_lapic(vcpu, &state->lapic);
	if (ret)
		return ret;
	put_msrs(state->msrs, vcpu); /* after the LAPIC: the deadline timer lives there */
	ret = hv_set_events(vcpu, &state->events);
	return ret ? ret : hv_set_mp_state(vcpu, &state->mp);
}

void reset_state_free(struct reset_state *state)
{
	free(state->msrs);
	state->msrs = NULL;
}
