/* SPDX-License-Identifier: MIT */
/*
 * The only file of the machine that calls ioctl: one function a call of KVM,
 * returning 0 (or a descriptor, or a count) or a negative errno.
 */
#ifndef VMM_KVM_H
#define VMM_KVM_H

#include <linux/kvm.h>
#include <stddef.h>
#include <stdint.h>

int hv_open(const char *path);
int hv_check(int fd, unsigned capability);
int hv_vcpu_mmap_size(int kvm);
int hv_supported_cpuid(int kvm, struct kvm_cpuid2 *cpuid);
int hv_msr_list(int kvm, struct kvm_msr_list *list);

int hv_create_vm(int kvm);
int hv_set_tss(int vm, uint64_t address);
int hv_set_identity_map(int vm, uint64_t address);
int hv_create_irqchip(int vm);
/** The timer of a PC at ports 0x40 to 0x43, and 0x61 without the speaker. */
int hv_create_pit(int vm);
int hv_get_pit(int vm, struct kvm_pit_state2 *state);
int hv_set_pit(int vm, const struct kvm_pit_state2 *state);
int hv_set_slot(int vm, uint32_t slot, uint32_t flags, uint64_t gpa, uint64_t size, const void *va);
int hv_set_routes(int vm, const struct kvm_irq_routing *routing);
int hv_irqfd(int vm, unsigned gsi, int eventfd, uint32_t flags);
int hv_irqfd_resample(int vm, unsigned gsi, int eventfd, int resamplefd);
int hv_irq_line(int vm, unsigned gsi, int level);
/** Delivers a message interrupt. */
int hv_signal_msi(int vm, uint64_t address, uint32_t data);
/** Signals the eventfd at writes; flags: KVM_IOEVENTFD_FLAG_DATAMATCH, _PIO, _DEASSIGN. */
int hv_ioeventfd(int vm, uint64_t address, unsigned length, uint64_t data, int eventfd, uint32_t flags);
/** Keeps writes to memory, or to ports, in the ring of the processors (KVM_CAP_COALESCED_MMIO, _PIO), or no
 * more. */
int hv_coalesce(int vm, uint64_t at, uint32_t length, uint32_t port, int kept);
int hv_get_irqchip(int vm, struct kvm_irqchip *chip);
int hv_set_irqchip(int vm, struct kvm_irqchip *chip);

int hv_create_vfio(int vm);
int hv_vfio_file(int vfio, int fd, int add);

int hv_create_vcpu(int vm, unsigned id);
int hv_run(int vcpu);
int hv_set_cpuid(int vcpu, const struct kvm_cpuid2 *cpuid);
int hv_tsc_khz(int vcpu);
/** The guest's clock shows that it was paused: its watchdogs do not take the pause for a lockup. */
int hv_clock_paused(int vcpu);
int hv_get_regs(int vcpu, struct kvm_regs *regs);
int hv_set_regs(int vcpu, const struct kvm_regs *regs);
int hv_get_sregs(int vcpu, struct kvm_sregs *sregs);
int hv_set_sregs(int vcpu, const struct kvm_sregs *sregs);
int hv_get_msrs(int vcpu, struct kvm_msrs *msrs);
int hv_set_msrs(int vcpu, const struct kvm_msrs *msrs);
int hv_get_lapic(int vcpu, struct kvm_lapic_state *lapic);
int hv_set_lapic(int vcpu, const struct kvm_lapic_state *lapic);
int hv_get_fpu(int vcpu, struct kvm_fpu *fpu);
int hv_set_fpu(int vcpu, const struct kvm_fpu *fpu);
int hv_get_xcrs(int vcpu, struct kvm_xcrs *xcrs);
int hv_set_xcrs(int vcpu, const struct kvm_xcrs *xcrs);
int hv_get_events(int vcpu, struct kvm_vcpu_events *events);
int hv_set_events(int vcpu, const struct kvm_vcpu_events *events);
int hv_get_debug(int vcpu, struct kvm_debugregs *debug);
int hv_set_debug(int vcpu, const struct kvm_debugregs *debug);
int hv_get_mp_state(int vcpu, struct kvm_mp_state *state);
int hv_set_mp_state(int vcpu, const struct kvm_mp_state *state);

#endif
