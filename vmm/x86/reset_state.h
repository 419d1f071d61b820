/* SPDX-License-Identifier: MIT */
/*
 * A processor's state as KVM makes it, kept so that a reboot can put it back:
 * what a new processor has is what a reset leaves.
 */
#ifndef VMM_X86_RESET_STATE_H
#define VMM_X86_RESET_STATE_H

#include <linux/kvm.h>
#include <stdbool.h>

struct reset_msrs {
	unsigned count;
	struct kvm_msr_entry entries[];
};

struct reset_state {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_fpu fpu;
	struct kvm_xcrs xcrs;
	struct kvm_lapic_state lapic;
	struct kvm_vcpu_events events;
	struct kvm_debugregs debug;
	struct kvm_mp_state mp;
	struct reset_msrs *msrs;
};

/** Reads the state of a new vCPU, with the MTRRs as firmware would leave them, or off. */
int reset_state_take(struct reset_state *state, int kvm, int vcpu, bool mtrrs_off);

/** Puts it back, less regs and sregs, which the caller may have changed and which go first. */
int reset_state_put(const struct reset_state *state, int vcpu, const struct kvm_regs *regs,
		    const struct kvm_sregs *sregs);

/**
 * Writes the TSC, which goes on counting, with the value that it has. After a shutdown
 * (a triple fault) KVM makes an AMD processor's control block anew and leaves the
 * guest's offset of the TSC out: the guest would see the host's count, and the
 * deadlines that it sets for its timer would never come. Of all processors or of none:
 * KVM keeps those in step that are written together.
 */
void reset_state_tsc(int vcpu);

void reset_state_free(struct reset_state *state);

#endif
