/* SPDX-License-Identifier: MIT */
/* What a processor does when KVM has left the guest. On the processor's own thread. */
#ifndef VMM_EXITS_H
#define VMM_EXITS_H

struct vcpu;

/** Carries out the exit that KVM_RUN returned 0 for; its answer is in the processor's kvm_run. */
void exit_handle(struct vcpu *vcpu);

/** KVM_RUN returned EFAULT: a BAR that the kernel withdrew is taken out of the guest, or the machine ends. */
void exit_fault(struct vcpu *vcpu);

/** Pauses all processors and tells the machine why it has to end. */
void exit_fatal(struct vcpu *vcpu, const char *text);

#endif
