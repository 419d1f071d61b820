/* SPDX-License-Identifier: MIT */
/* What a reboot puts back, with a double of KVM that keeps a processor's state and the chips'. */
#include <string.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"
#include "vmm/kvm.h"
#include "vmm/machine.h"
#include "vmm/x86/reset_state.h"

enum { EFER = 0xc0000080, STAR = 0xc0000081, TSC = 0x10, SPEC_CTRL = 0x48, MSRS = 64 };

static struct {
	struct {
		uint32_t index;
		uint64_t value;
	} msrs[MSRS];
	unsigned msr_count, sets;
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_fpu fpu;
	struct kvm_xcrs xcrs;
	struct kvm_lapic_state lapic;
	struct kvm_vcpu_events events;
	struct kvm_debugregs debug;
	struct kvm_mp_state mp;
	struct kvm_irqchip chips[3];
	bool refuses_spec_ctrl;
} kvm;

static uint64_t *msr(uint32_t index)
{
	for (unsigned i = 0; i < kvm.msr_count; i++)
		if (kvm.msrs[i].index == index)
			return &kvm.msrs[i].value;
	assert_true(kvm.msr_count < MSRS);
	kvm.msrs[kvm.msr_count].index = index;
	kvm.msrs[kvm.msr_count].value = 0;
	return &kvm.msrs[kvm.msr_count++].value;
}

int hv_msr_list(int fd, struct kvm_msr_list *list)
{
	/* Also one of the MTRRs, as some kernels list them. */
	static const uint32_t listed[] = {TSC, EFER, STAR, SPEC_CTRL, 0x250};

	(void)fd;
	list->nmsrs = sizeof(listed) / sizeof(*listed);
	memcpy(list->indices, listed, sizeof(listed));
	return 0;
}

int hv_get_msrs(int vcpu, struct kvm_msrs *msrs)
{
	struct kvm_msr_entry entry;

	(void)vcpu;
	memcpy(&entry, (uint8_t *)msrs + sizeof(*msrs), sizeof(entry));
	if (entry.index == SPEC_CTRL && kvm.refuses_spec_ctrl)
		return 0;
	entry.data = *msr(entry.index);
	memcpy((uint8_t *)msrs + sizeof(*msrs), &entry, sizeof(entry));
	return 1;
}

int hv_set_msrs(int vcpu, const struct kvm_msrs *msrs)
{
	struct kvm_msr_entry entry;

	(void)vcpu;
	memcpy(&entry, (const uint8_t *)msrs + sizeof(*msrs), sizeof(entry));
	assert_int_equal(msrs->nmsrs, 1);
	*msr(entry.index) = entry.data;
	kvm.sets++;
	return 1;
}

#define STATE(name, type, field)                                                                             \
	int hv_get_##name(int vcpu, struct type *out)                                                        \
	{                                                                                                    \
		(void)vcpu;                                                                                  \
		*out = kvm.field;                                                                            \
		return 0;                                                                                    \
	}                                                                                                    \
	int hv_set_##name(int vcpu, const struct type *in)                                                   \
	{                                                                                                    \
		(void)vcpu;                                                                                  \
		kvm.field = *in;                                                                             \
		return 0;                                                                                    \
	}
STATE(regs, kvm_regs, regs)
STATE(sregs, kvm_sregs, sregs)
STATE(fpu, kvm_fpu, fpu)
STATE(xcrs, kvm_xcrs, xcrs)
STATE(lapic, kvm_lapic_state, lapic)
STATE(events, kvm_vcpu_events, events)
STATE(debug, kvm_debugregs, debug)
STATE(mp_state, kvm_mp_state, mp)

int hv_get_irqchip(int vm, struct kvm_irqchip *chip)
{
	(void)vm;
	*chip = kvm.chips[chip->chip_id];
	return 0;
}

int hv_set_irqchip(int vm, struct kvm_irqchip *chip)
{
	(void)vm;
	assert_true(chip->chip_id < 3);
	kvm.chips[chip->chip_id] = *chip;
	return 0;
}

/* What chips.c needs besides, and no test here calls. */
#define SILENT(name, ...)                                                                                    \
	int name(__VA_ARGS__)                                                                                \
	{                                                                                                    \
		return 0;                                                                                    \
	}
#pragma GCC diagnostic ignored "-Wunused-parameter"
SILENT(hv_check, int fd, unsigned capability)
SILENT(hv_create_irqchip, int vm)
SILENT(hv_irqfd, int vm, unsigned gsi, int eventfd, uint32_t flags)
SILENT(hv_irqfd_resample, int vm, unsigned gsi, int eventfd, int resamplefd)
SILENT(hv_irq_line, int vm, unsigned gsi, int level)
SILENT(hv_port_eventfd, int vm, uint16_t port, int eventfd)
SILENT(hv_set_routes, int vm, const struct kvm_irq_routing *routing)
SILENT(hv_set_slot, int vm, uint32_t slot, uint32_t flags, uint64_t at, uint64_t size, const void *va)
SILENT(hv_ioeventfd, int vm, uint64_t address, unsigned length, uint64_t data, int eventfd, uint32_t flags)
SILENT(hv_vfio_file, int vfio, int fd, int add)

/* vmm.c stays out, and with it what it needs of KVM. */
void vmm_request(struct vmm *vmm, enum request request, const char *text)
{
	(void)vmm, (void)request, (void)text;
}

static void a_processor_is_as_kvm_made_it(void **state)
{
	struct reset_state reset = {0};
	struct kvm_lapic_state lapic;
	struct kvm_regs regs = {.rip = 0x1000};
	struct kvm_sregs sregs = {.cr3 = 0x9000};

	(void)state;
	memset(&kvm, 0, sizeof(kvm));
	*msr(EFER) = 0x500;
	*msr(TSC) = 1000;
	*msr(STAR) = 7;
	kvm.lapic.regs[0x20] = 1;
	kvm.fpu.fcw = 0x37f;
	kvm.xcrs.nr_xcrs = 1;
	kvm.debug.dr7 = 0x400;
	kvm.mp.mp_state = KVM_MP_STATE_UNINITIALIZED;
	kvm.events.smi.pending = 1;
	lapic = kvm.lapic;
	assert_int_equal(reset_state_take(&reset, -1, -1), 0);
	/* A guest was there. */
	*msr(EFER) = 0xd01;
	*msr(STAR) = 99;
	*msr(TSC) = 5000;
	*msr(0x2ff) = 0;
	*msr(0x259) = 6;
	memset(&kvm.lapic, 0xff, sizeof(kvm.lapic));
	memset(&kvm.fpu, 0xff, sizeof(kvm.fpu));
	memset(&kvm.xcrs, 0xff, sizeof(kvm.xcrs));
	memset(&kvm.debug, 0xff, sizeof(kvm.debug));
	memset(&kvm.events, 0xff, sizeof(kvm.events));
	kvm.mp.mp_state = KVM_MP_STATE_RUNNABLE;
	assert_int_equal(reset_state_put(&reset, -1, &regs, &sregs), 0);
	assert_int_equal(*msr(EFER), 0x500);
	assert_int_equal(*msr(STAR), 7);
	assert_int_equal(*msr(TSC), 5000); /* it goes on counting */
	assert_memory_equal(&kvm.lapic, &lapic, sizeof(lapic));
	assert_int_equal(kvm.fpu.fcw, 0x37f);
	assert_int_equal(kvm.xcrs.nr_xcrs, 1);
	assert_int_equal(kvm.debug.dr7, 0x400);
	assert_int_equal(kvm.events.smi.pending, 1);
	assert_int_equal(kvm.mp.mp_state, KVM_MP_STATE_UNINITIALIZED);
	assert_int_equal(kvm.regs.rip, 0x1000);
	assert_int_equal(kvm.sregs.cr3, 0x9000);
	/* What has its value already is not written: KVM complains of some in the host's log. */
	kvm.sets = 0;
	assert_int_equal(reset_state_put(&reset, -1, &regs, &sregs), 0);
	assert_int_equal(kvm.sets, 0);
	reset_state_free(&reset);
}

/* Fixed ranges that are on and zero would be an uncached first MiB. */
static void memory_is_cached_from_the_first_byte_on(void **state)
{
	const uint64_t write_back = 0x0606060606060606;
	struct reset_state reset = {0};
	const struct kvm_regs regs = {0};
	const struct kvm_sregs sregs = {0};

	(void)state;
	memset(&kvm, 0, sizeof(kvm));
	assert_int_equal(reset_state_take(&reset, -1, -1), 0);
	assert_int_equal(reset_state_put(&reset, -1, &regs, &sregs), 0);
	assert_int_equal(*msr(0x2ff), 0xc06);
	assert_true(*msr(0x250) == write_back && *msr(0x258) == write_back);
	assert_true(*msr(0x259) == 0); /* the legacy VGA range */
	for (uint32_t index = 0x268; index <= 0x26f; index++)
		assert_true(*msr(index) == write_back);
	reset_state_free(&reset);
}

static void the_chips_are_as_kvm_made_them(void **state)
{
	static struct vmm vmm;

	(void)state;
	memset(&kvm, 0, sizeof(kvm));
	memset(&vmm, 0, sizeof(vmm));
	assert_int_equal(loop_init(&vmm.loop), 0);
	assert_int_equal(serial_init(&vmm.serial, &vmm.loop, -1, -1), 0);
	for (unsigned i = 0; i < 3; i++) {
		vmm.chips[i].chip_id = i;
		vmm.chips[i].chip.dummy[0] = (char)(10 + i);
		memset(&kvm.chips[i], 0x55, sizeof(kvm.chips[i]));
	}
	assert_int_equal(chips_reset(&vmm), 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(kvm.chips[i].chip_id, i);
		assert_int_equal(kvm.chips[i].chip.dummy[0], 10 + i);
	}
	loop_free(&vmm.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_processor_is_as_kvm_made_it),
		cmocka_unit_test(memory_is_cached_from_the_first_byte_on),
		cmocka_unit_test(the_chips_are_as_kvm_made_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
