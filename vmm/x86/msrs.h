/* SPDX-License-Identifier: MIT */
/*
 * Many MSRs of a vCPU in few calls. KVM ends a call at the first MSR that it refuses, so each of those
 * costs one more; it takes fewer than 256 at once.
 */
#ifndef VMM_X86_MSRS_H
#define VMM_X86_MSRS_H

#include <linux/kvm.h>

/** Reads them in place, and leaves out what KVM refuses. How many are left, in the same order. */
unsigned msrs_read(int vcpu, struct kvm_msr_entry *entries, unsigned count);

/** Writes them, whatever they have now. One that KVM does not take is left as it is. */
void msrs_write(int vcpu, const struct kvm_msr_entry *entries, unsigned count);

/**
 * Gives them these values. What has its value already is not written: KVM complains in the host's
 * log of some that it lists and cannot set.
 */
void msrs_put(int vcpu, const struct kvm_msr_entry *entries, unsigned count);

#endif
