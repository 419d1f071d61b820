/* SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <string.h>

#include "vmm/kvm.h"
#include "vmm/x86/msrs.h"

enum { CALL_MAX = 255 };

/* struct kvm_msrs with its entries, which C does not let stand behind it. */
struct call {
	__u32 nmsrs, pad;
	struct kvm_msr_entry entries[CALL_MAX];
};
_Static_assert(offsetof(struct call, entries) == sizeof(struct kvm_msrs), "the kernel reads it");

static void fill(struct call *call, const struct kvm_msr_entry *entries, unsigned count)
{
	call->nmsrs = count < CALL_MAX ? count : CALL_MAX;
	call->pad = 0;
	memcpy(call->entries, entries, call->nmsrs * sizeof(*entries));
}

unsigned msrs_read(int vcpu, struct kvm_msr_entry *entries, unsigned count)
{
	struct call call;
	unsigned kept = 0;

	for (unsigned at = 0; at < count;) {
		unsigned done;
		int ret;

		fill(&call, entries + at, count - at);
		ret = hv_get_msrs(vcpu, (struct kvm_msrs *)(void *)&call);
		done = ret < 0 ? 0 : (unsigned)ret;
		memcpy(entries + kept, call.entries, done * sizeof(*entries));
		kept += done;
		at += done < call.nmsrs ? done + 1 : done;
	}
	return kept;
}

void msrs_write(int vcpu, const struct kvm_msr_entry *entries, unsigned count)
{
	struct call call;

	for (unsigned at = 0; at < count;) {
		int ret;

		fill(&call, entries + at, count - at);
		ret = hv_set_msrs(vcpu, (const struct kvm_msrs *)(const void *)&call);
		at += ret < 0 ? 1 : (unsigned)ret < call.nmsrs ? (unsigned)ret + 1 : (unsigned)ret;
	}
}

/* Of `now`, some of `wanted` in the same order, the entries that differ, with their wanted values. */
static unsigned keep_differing(const struct kvm_msr_entry *wanted, struct kvm_msr_entry *now, unsigned count)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < count; wanted++) {
		if (wanted->index != now[i].index)
			continue;
		if (wanted->data != now[i++].data)
			now[kept++] = *wanted;
	}
	return kept;
}

void msrs_put(int vcpu, const struct kvm_msr_entry *entries, unsigned count)
{
	struct kvm_msr_entry now[CALL_MAX];

	for (unsigned at = 0; at < count; at += CALL_MAX) {
		unsigned part = count - at < CALL_MAX ? count - at : CALL_MAX, read;

		memcpy(now, entries + at, part * sizeof(*now));
		read = msrs_read(vcpu, now, part);
		msrs_write(vcpu, now, keep_differing(entries + at, now, read));
	}
}
