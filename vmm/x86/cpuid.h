/* SPDX-License-Identifier: MIT */
/* What a guest's processor says of itself: the host's CPUID as KVM can give it, with our topology. */
#ifndef VMM_X86_CPUID_H
#define VMM_X86_CPUID_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>

enum { CPUID_ENTRIES = 256 };

/* struct kvm_cpuid2 with room for its entries, which C does not let stand behind it. */
struct cpuid {
	__u32 nent, padding;
	struct kvm_cpuid_entry2 entries[CPUID_ENTRIES];
};
_Static_assert(offsetof(struct cpuid, entries) == sizeof(struct kvm_cpuid2), "the kernel reads it");

static inline struct kvm_cpuid2 *cpuid_kernel(struct cpuid *cpuid)
{
	return (struct kvm_cpuid2 *)(void *)cpuid;
}

struct cpuid_config {
	unsigned cpus;
	bool tsc_deadline;
	unsigned tsc_khz; /* 0: unknown */
};

/** Changes `cpuid` (from KVM_GET_SUPPORTED_CPUID) for processor `id` of one socket of single-threaded cores.
 */
void cpuid_fit(struct cpuid *cpuid, const struct cpuid_config *config, unsigned id);

/** Bits of a guest's physical address that processor and KVM's page tables both reach; at least 36. */
unsigned cpuid_physical_bits(const struct cpuid *cpuid);

/**
 * Makes the processors' physical addresses no longer than `bits`, as far as firmware believes in that length.
 * Before cpuid_fit().
 */
void cpuid_limit_bits(struct cpuid *cpuid, unsigned bits);

/** Whether a page can have 1 GiB. */
bool cpuid_gib_pages(const struct cpuid *cpuid);

#endif
