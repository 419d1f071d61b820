/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/kvm.h"
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

static bool is_firmware(uint32_t index)
{
	for (unsigned i = 0; i < FIRMWARE; i++)
		if (firmware[i].index == index)
			return true;
	return false;
}

/* One at a time: KVM lists some that this processor's CPUID then refuses. */
static void read_msr(struct reset_msrs *msrs, int vcpu, uint32_t index)
{
	struct one_msr one = {.nmsrs = 1, .entry.index = index};

	/* The TSC goes on counting over a reboot, as the host's does. */
	if (index == MSR_TSC || is_firmware(index) || hv_get_msrs(vcpu, (struct kvm_msrs *)(void *)&one) != 1)
		return;
	if (msrs->count < RESET_MSRS)
		msrs->entries[msrs->count++] = one.entry;
}

static unsigned read_banks(int vcpu)
{
	struct one_msr one = {.nmsrs = 1, .entry.index = MSR_MCG_CAP};
	unsigned banks;

	if (hv_get_msrs(vcpu, (struct kvm_msrs *)(void *)&one) != 1)
		return 0;
	banks = one.entry.data & MCG_CAP_BANKS;
	return banks < RESET_BANKS ? banks : RESET_BANKS;
}

static int take_msrs(struct reset_state *state, int kvm, int vcpu, bool mtrrs_off)
{
	struct kvm_msr_list *list = NULL;
	int ret = list_msrs(kvm, &list);

	if (ret)
		return ret;
	state->msrs = calloc(1, sizeof(*state->msrs));
	if (state->msrs) {
		state->msrs->count = FIRMWARE;
		memcpy(state->msrs->entries, firmware, sizeof(firmware));
		for (unsigned i = 0; i < FIRMWARE && mtrrs_off; i++)
			state->msrs->entries[i].data = 0;
		for (unsigned i = 0; i < list->nmsrs; i++)
			read_msr(state->msrs, vcpu, list->indices[i]);
		for (unsigned i = 0; i < sizeof(unlisted) / sizeof(*unlisted); i++)
			read_msr(state->msrs, vcpu, unlisted[i]);
		state->banks = read_banks(vcpu);
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

/*
 * The banks of machine check errors (control, status, address and more of each).
 * KVM makes them of zeros, its list has none of them, and the guest writes them. One
 * call for all, since there are 32 banks.
 */
static void clear_banks(unsigned banks, int vcpu)
{
	struct {
		__u32 nmsrs, pad;
		struct kvm_msr_entry entries[RESET_BANKS * MSRS_PER_BANK];
	} all = {.nmsrs = banks * MSRS_PER_BANK};
	uint64_t any = 0;

	for (unsigned i = 0; i < all.nmsrs; i++)
		all.entries[i].index = MSR_MC0 + i;
	if (hv_get_msrs(vcpu, (struct kvm_msrs *)(void *)&all) != (int)all.nmsrs)
		return;
	for (unsigned i = 0; i < all.nmsrs; i++) {
		any |= all.entries[i].data;
		all.entries[i].data = 0;
	}
	if (any)
		hv_set_msrs(vcpu, (struct kvm_msrs *)(void *)&all);
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
	clear_banks(state->banks, vcpu);
	ret = hv_set_events(vcpu, &state->events);
	return ret ? ret : hv_set_mp_state(vcpu, &state->mp);
}

void reset_state_tsc(int vcpu)
{
	struct one_msr one = {.nmsrs = 1, .entry.index = MSR_TSC};

	if (hv_get_msrs(vcpu, (struct kvm_msrs *)(void *)&one) == 1)
		hv_set_msrs(vcpu, (struct kvm_msrs *)(void *)&one);
}

void reset_state_free(struct reset_state *state)
{
	free(state->msrs);
	state->msrs = NULL;
}
