/* SPDX-License-Identifier: MIT */
/*
 * Intel SDM volume 2, CPUID; AMD APM volume 3, appendix E; for 0x4000_0000 on
 * the kernel's Documentation/virt/kvm/x86/cpuid.rst. Each leaf that says
 * something of topology or of what KVM cannot nest is a row.
 */
#include <cpuid.h>
#include <stddef.h>

#include "vmm/x86/cpuid.h"

enum {
	ECX_VMX = 1 << 5,
	ECX_X2APIC = 1 << 21,
	ECX_DEADLINE = 1 << 24,
	EDX_HTT = 1 << 28,
	EXT_ECX_SVM = 1 << 2
};
enum { EXT_ECX_TOPOEXT = 1 << 22, EXT_ECX_CMP_LEGACY = 1 << 1 };
#define ECX_HYPERVISOR 0x80000000u
#define LEAF_TIMING    0x40000010u /* frequencies in kHz: EAX the TSC's, EBX the local APIC timer's */

enum { LEVEL_SMT = 1, LEVEL_CORE = 2 };
enum { EDX_GIB_PAGES = 1 << 26 };
enum { ECX_LA57 = 1 << 16, LEVELS4_BITS = 48, LEVELS5_BITS = 52, BITS_LEAST = 36 };

/* Bits that an APIC id of `cpus` processors takes. */
static unsigned id_bits(unsigned cpus)
{
	unsigned bits = 0;

	while ((1u << bits) < cpus)
		bits++;
	return bits;
}

static void fit_features(struct kvm_cpuid_entry2 *e, const struct cpuid_config *config, unsigned id)
{
	unsigned logical = 1u << id_bits(config->cpus);

	e->ebx = (e->ebx & 0x0000ffff) | (logical > 255 ? 255 : logical) << 16 | id << 24;
	e->ecx = (e->ecx & ~(unsigned)ECX_VMX) | ECX_HYPERVISOR | ECX_X2APIC;
	if (config->tsc_deadline)
		e->ecx |= ECX_DEADLINE;
	e->edx = config->cpus > 1 ? e->edx | EDX_HTT : e->edx & ~(unsigned)EDX_HTT;
}

/* Intel's caches: L1 and L2 belong to a core, L3 to all. Bits 25:14 sharers - 1, bits 31:26 cores - 1. */
static void fit_caches(struct kvm_cpuid_entry2 *e, const struct cpuid_config *config)
{
	unsigned level = (e->eax >> 5) & 7;
	unsigned all = (1u << id_bits(config->cpus)) - 1;

	if (!(e->eax & 0x1f))
		return;
	e->eax = (e->eax & 0x3fff) | (level >= 3 ? all : 0) << 14 | (all > 63 ? 63 : all) << 26;
}

static void fit_topology(struct kvm_cpuid_entry2 *e, const struct cpuid_config *config, unsigned id)
{
	unsigned index = e->index;

	e->eax = index == 0 ? 0 : id_bits(config->cpus);
	e->ebx = index == 0 ? 1 : config->cpus;
	e->ecx = index | (unsigned)(index == 0 ? LEVEL_SMT : index == 1 ? LEVEL_CORE : 0) << 8;
	if (index > 1)
		e->eax = e->ebx = 0;
	e->edx = id;
}

static void fit_amd_features(struct kvm_cpuid_entry2 *e, const struct cpuid_config *config)
{
	e->ecx &= ~(unsigned)EXT_ECX_SVM;
	e->ecx = config->cpus > 1 ? e->ecx | EXT_ECX_CMP_LEGACY : e->ecx & ~(unsigned)EXT_ECX_CMP_LEGACY;
}

static void fit_amd_caches(struct kvm_cpuid_entry2 *e, const struct cpuid_config *config)
{
	unsigned level = (e->eax >> 5) & 7;

	if (e->eax & 0x1f)
		e->eax = (e->eax & 0x3fff) | (level >= 3 ? (config->cpus - 1) & 0xfff : 0) << 14;
}

static void fit_amd_topology(struct kvm_cpuid_entry2 *e, unsigned id)
{
	e->eax = id;
	e->ebx = id & 0xff; /* one thread a core */
	e->ecx = 0;         /* one node */
	e->edx = 0;
}

static void clear(struct kvm_cpuid_entry2 *e)
{
	e->eax = e->ebx = e->ecx = e->edx = 0;
}

static void fit_entry(struct kvm_cpuid_entry2 *e, const struct cpuid_config *config, unsigned id)
{
	switch (e->function) {
	case 1:
		fit_features(e, config, id);
		break;
	case 4:
		fit_caches(e, config);
		break;
	case 0xb:
	case 0x1f:
		fit_topology(e, config, id);
		break;
	case 0x40000000:
		if (config->tsc_khz && e->eax < LEAF_TIMING)
			e->eax = LEAF_TIMING;
		break;
	case 0x80000001:
		fit_amd_features(e, config);
		break;
	case 0x80000008:
		e->ecx = (e->ecx & ~0xf0ffu) | (config->cpus - 1) | id_bits(config->cpus) << 12;
		break;
	case 0x8000000a: /* SVM's own leaf */
		clear(e);
		break;
	case 0x8000001d:
		fit_amd_caches(e, config);
		break;
	case 0x8000001e:
		fit_amd_topology(e, id);
		break;
	default:
		break;
	}
}

static const struct kvm_cpuid_entry2 *find(const struct cpuid *cpuid, unsigned function, unsigned index)
{
	for (unsigned i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == function && cpuid->entries[i].index == index)
			return &cpuid->entries[i];
	return NULL;
}

/* The entry {function, index}, made when KVM does not list it; NULL: the table is full. */
static struct kvm_cpuid_entry2 *need(struct cpuid *cpuid, unsigned function, unsigned index, unsigned flags)
{
	const struct kvm_cpuid_entry2 *found = find(cpuid, function, index);
	struct kvm_cpuid_entry2 *e = found ? &cpuid->entries[found - cpuid->entries] : NULL;

	if (!e && cpuid->nent < CPUID_ENTRIES) {
		e = &cpuid->entries[cpuid->nent++];
		*e = (struct kvm_cpuid_entry2){.function = function, .index = index, .flags = flags};
	}
	return e;
}

static unsigned max_leaf(const struct cpuid *cpuid)
{
	const struct kvm_cpuid_entry2 *e = find(cpuid, 0, 0);

	return e ? e->eax : 0;
}

void cpuid_fit(struct cpuid *cpuid, const struct cpuid_config *config, unsigned id)
{
	struct kvm_cpuid_entry2 *timing;

	/* KVM lists the topology leaves with fewer levels than a guest walks. */
	for (unsigned leaf = 0xb; leaf <= 0x1f; leaf += 0x1f - 0xb)
		for (unsigned index = 0; index < 3 && max_leaf(cpuid) >= leaf; index++)
			need(cpuid, leaf, index, KVM_CPUID_FLAG_SIGNIFCANT_INDEX);
	for (unsigned i = 0; i < cpuid->nent; i++)
		fit_entry(&cpuid->entries[i], config, id);
	timing = config->tsc_khz ? need(cpuid, LEAF_TIMING, 0, 0) : NULL;
	if (timing) {
		timing->eax = config->tsc_khz;
		timing->ebx = 1000000; /* KVM's APIC timer counts nanoseconds */
	}
}

/*
 * AMD APM volume 3, E.4.7: EAX[23:16] of 0x80000008, which KVM has filled since
 * Linux 6.9, is what nested paging can map. It is less than EAX[7:0] where the
 * page tables have four levels; an address between the two never answers.
 */
unsigned cpuid_physical_bits(const struct cpuid *cpuid)
{
	const struct kvm_cpuid_entry2 *sizes = find(cpuid, 0x80000008, 0);
	const struct kvm_cpuid_entry2 *features = find(cpuid, 7, 0);
	unsigned bits = sizes ? sizes->eax & 0xff : 0;
	unsigned mapped = sizes ? sizes->eax >> 16 & 0xff : 0;

	/* An older kernel does not say. Five levels are there where the processor has them. */
	if (!mapped)
		mapped = features && features->ecx & ECX_LA57 ? LEVELS5_BITS : LEVELS4_BITS;
	if (bits > mapped)
		bits = mapped;
	return bits < BITS_LEAST ? BITS_LEAST : bits;
}

/* A length that processors of this maker have, or that any has: ovmf takes another one for a mistake. */
static bool is_believed(const struct cpuid *cpuid, unsigned bits)
{
	const struct kvm_cpuid_entry2 *maker = find(cpuid, 0, 0);
	bool intel = maker && maker->ebx == signature_INTEL_ebx,
	     amd = maker && maker->ebx == signature_AMD_ebx;

	return bits > 40 || (bits == 40 && amd) || (intel && (bits == 39 || bits == 36));
}

void cpuid_limit_bits(struct cpuid *cpuid, unsigned bits)
{
	struct kvm_cpuid_entry2 *sizes = need(cpuid, 0x80000008, 0, 0);

	while (bits > BITS_LEAST && !is_believed(cpuid, bits))
		bits--;
	if (!sizes || bits >= cpuid_physical_bits(cpuid) || !is_believed(cpuid, bits))
		return;
	sizes->eax = (sizes->eax & ~0xffu) | bits;
	if (sizes->eax >> 16 & 0xff)
		sizes->eax = (sizes->eax & ~0xff0000u) | bits << 16;
}

bool cpuid_gib_pages(const struct cpuid *cpuid)
{
	const struct kvm_cpuid_entry2 *features = find(cpuid, 0x80000001, 0);

	return features && features->edx & EDX_GIB_PAGES;
}
