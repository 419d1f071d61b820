/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/kvm.h"
#include "vmm/x86/msrs.h"
#include "vmm/x86/reset_state.h"

enum { MSR_TSC = 0x10, MSR_MCG_CAP = 0x179, MCG_CAP_BANKS = 0xff, MSR_MC0 = 0x400, MSRS_PER_BANK = 4 };

/*
 * The MTRRs as firmware would leave them (Intel SDM volume 3, 12.11): both kinds
 * on, all of memory write-back but the legacy VGA range. Off, a Linux 6.1 guest
 * turns PAT off, and write-combining with it. The fixed ranges count as soon as
 * they are on: zero is uncached, and KVM honours that where a device is not
 * coherent, for the guest's first MiB.
 */
#define WRITE_BACK 0x0606060606060606ull
static const struct kvm_msr_entry firmware[] = {
	/* The variable ranges, eight pairs of base and mask: none. KVM's list names no MTRR. */
	{.index = 0x200},
	{.index = 0x201},
	{.index = 0x202},
	{.index = 0x203},
	{.index = 0x204},
	{.index = 0x205},
	{.index = 0x206},
	{.index = 0x207},
	{.index = 0x208},
	{.index = 0x209},
	{.index = 0x20a},
	{.index = 0x20b},
	{.index = 0x20c},
	{.index = 0x20d},
	{.index = 0x20e},
	{.index = 0x20f},
	{.index = 0x250, .data = WRITE_BACK}, /* 0 to 0x7ffff */
	{.index = 0x258, .data = WRITE_BACK}, /* 0x80000 to 0x9ffff */
	{.index = 0x259, .data = 0},          /* 0xa0000 to 0xbffff: uncached */
	{.index = 0x268, .data = WRITE_BACK}, /* eight of 32 KiB from 0xc0000 on */
	{.index = 0x269, .data = WRITE_BACK},
	{.index = 0x26a, .data = WRITE_BACK},
	{.index = 0x26b, .data = WRITE_BACK},
	{.index = 0x26c, .data = WRITE_BACK},
	{.index = 0x26d, .data = WRITE_BACK},
	{.index = 0x26e, .data = WRITE_BACK},
	{.index = 0x26f, .data = WRITE_BACK},
	{.index = 0x2ff, .data = 0xc06}, /* enabled, fixed ranges enabled, default write-back */
};
enum { FIRMWARE = sizeof(firmware) / sizeof(firmware[0]) };

/* What a guest can write, and KVM keeps for it without naming it in its list. */
static const uint32_t unlisted[] = {
	0x1d9,      /* debug control */
	0xc0010140, /* AMD: errata that the system software is to work around, how many bits */
	0xc0010141, /* and the bits */
	0xc0011029, /* AMD: decode configuration */
};

enum { UNLISTED = sizeof(unlisted) / sizeof(*unlisted), LIST_MAX = 512, BANKS_MAX = 32 };

static int list_msrs(int kvm, struct kvm_msr_list **out)
{
	struct kvm_msr_list *list = calloc(1, sizeof(*list) + LIST_MAX * sizeof(list->indices[0]));
	int ret;

	if (!list)
		return -ENOMEM;
	list->nmsrs = LIST_MAX;
	ret = hv_msr_list(kvm, list);
	if (ret) {
		free(list);
		return ret;
	}
	*out = list;
	return 0;
}

static unsigned read_banks(int vcpu)
{
	struct kvm_msr_entry capability = {.index = MSR_MCG_CAP};
	unsigned banks = msrs_read(vcpu, &capability, 1) ? capability.data & MCG_CAP_BANKS : 0;

	return banks < BANKS_MAX ? banks : BANKS_MAX;
}

/* Those whose values are known: the firmware's, and the banks of machine check errors (control, status,
 * address and more of each), which KVM makes of zeros. Its list has none of them. */
static void add_known(struct reset_msrs *msrs, unsigned banks, bool mtrrs_off)
{
	memcpy(msrs->entries, firmware, sizeof(firmware));
	for (unsigned i = 0; i < FIRMWARE && mtrrs_off; i++)
		msrs->entries[i].data = 0;
	msrs->count = FIRMWARE;
	for (unsigned i = 0; i < banks * MSRS_PER_BANK; i++)
		msrs->entries[msrs->count++].index = MSR_MC0 + i;
}

/* KVM lists some that this processor's CPUID then refuses. */
static void add_read(struct reset_msrs *msrs, int vcpu, const struct kvm_msr_list *list)
{
	unsigned known = msrs->count, count = known;

	for (unsigned i = 0; i < list->nmsrs + UNLISTED; i++) {
		uint32_t index = i < list->nmsrs ? list->indices[i] : unlisted[i - list->nmsrs];
		/* The TSC goes on counting over a reboot, as the host's does. */
		bool left_out = index == MSR_TSC;

		for (unsigned k = 0; k < known; k++)
			left_out |= msrs->entries[k].index == index;
		if (!left_out)
			msrs->entries[count++].index = index;
	}
	msrs->count = known + msrs_read(vcpu, msrs->entries + known, count - known);
}

static int take_msrs(struct reset_state *state, int kvm, int vcpu, bool mtrrs_off)
{
	struct kvm_msr_list *list = NULL;
	unsigned banks = read_banks(vcpu), most;
	int ret = list_msrs(kvm, &list);

	if (ret)
		return ret;
	most = FIRMWARE + banks * MSRS_PER_BANK + list->nmsrs + UNLISTED;
	state->msrs = calloc(1, sizeof(*state->msrs) + most * sizeof(state->msrs->entries[0]));
	if (state->msrs) {
		add_known(state->msrs, banks, mtrrs_off);
		add_read(state->msrs, vcpu, list);
	}
	free(list);
	return state->msrs ? 0 : -ENOMEM;
}

int reset_state_take(struct reset_state *state, int kvm, int vcpu, bool mtrrs_off)
{
	int ret = take_msrs(state, kvm, vcpu, mtrrs_off);

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
	/* After the LAPIC: the deadline timer lives there. */
	msrs_put(vcpu, state->msrs->entries, state->msrs->count);
	ret = hv_set_events(vcpu, &state->events);
	return ret ? ret : hv_set_mp_state(vcpu, &state->mp);
}

void reset_state_tsc(int vcpu)
{
	struct kvm_msr_entry tsc = {.index = MSR_TSC};

	if (msrs_read(vcpu, &tsc, 1))
		msrs_write(vcpu, &tsc, 1);
}

void reset_state_free(struct reset_state *state)
{
	free(state->msrs);
	state->msrs = NULL;
}
