/* SPDX-License-Identifier: MIT */
/* What a guest's processor says of itself: the host's CPUID as KVM can give it, with our topology. */
#ifndef VMM_X86_CPUID_H
#define VMM_X86_CPUID_H

#include <linux/kvm.h>
#include <stdbool.h>

enum { CPUID_ENTRIES = 256 };

struct cpuid {
	struct kvm_cpuid2 head;
	struct kvm_cpuid_entry2 entries[CPUID_ENTRIES];
};

struct cpuid_config {
	unsigned cpus;
	bool tsc_deadline;
	unsigned tsc_khz; /* 0: unknown */
};

/** Changes `cpuid` (from KVM_GET_SUPPORTED_CPUID) for processor `id` of one socket of single-threaded cores.
 */
void cpuid_fit(struct cpuid *cpuid, const struct cpuid_config *config, unsigned id);

/** The guest's physical address bits, from leaf 0x80000008. */
unsigned cpuid_physical_bits(const struct cpuid *cpuid);

#endif
