/* SPDX-License-Identifier: MIT */
/* What a reboot puts back, with a double of KVM that keeps a processor's state and the chips'. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"
#include "vmm/kvm.h"
#include "vmm/machine.h"
#include "vmm/x86/reset_state.h"

enum {
	EFER = 0xc0000080,
	STAR = 0xc0000081,
	TSC = 0x10,
	SPEC_CTRL = 0x48,
	MSRS = 1024,
	CALL_MAX = 255, /* KVM refuses more entries at once */
	LISTED_MORE = 300,
	BANKS = 0x179,
	BANK_0 = 0x400,
	OSVW = 0xc0010140,
	MORE = 0x1000
};

static struct {
	struct {
		uint32_t index;
		uint64_t value;
	} msrs[MSRS];
	unsigned msr_count, gets, sets;
	unsigned more; /* MSRs that the list has besides */
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_fpu fpu;
	struct kvm_xcrs xcrs;
	struct kvm_lapic_state lapic;
	struct kvm_vcpu_events events;
	struct kvm_debugregs debug;
	struct kvm_mp_state mp;
	struct kvm_irqchip chips[3];
	bool refuses_spec_ctrl, no_osvw, keeps_star;
	bool has_offset;       /* of the TSC: a write of it makes one */
	unsigned resets, offs; /* that the machine was asked for */
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
	assert_true(list->nmsrs >= sizeof(listed) / sizeof(*listed) + kvm.more);
	list->nmsrs = sizeof(listed) / sizeof(*listed) + kvm.more;
	memcpy(list->indices, listed, sizeof(listed));
	for (unsigned i = 0; i < kvm.more; i++)
		list->indices[sizeof(listed) / sizeof(*listed) + i] = MORE + i;
	return 0;
}

int hv_get_msrs(int vcpu, struct kvm_msrs *msrs)
{
	(void)vcpu;
	kvm.gets++;
	if (msrs->nmsrs > CALL_MAX)
		return -E2BIG;
	for (unsigned i = 0; i < msrs->nmsrs; i++) {
		uint8_t *at = (uint8_t *)msrs + sizeof(*msrs) + i * sizeof(struct kvm_msr_entry);
		struct kvm_msr_entry entry;

		memcpy(&entry, at, sizeof(entry));
		if ((entry.index == SPEC_CTRL && kvm.refuses_spec_ctrl) ||
		    (entry.index / 2 == OSVW / 2 && kvm.no_osvw))
			return (int)i;
		entry.data = *msr(entry.index);
		memcpy(at, &entry, sizeof(entry));
	}
	return (int)msrs->nmsrs;
}

int hv_set_msrs(int vcpu, const struct kvm_msrs *msrs)
{
	(void)vcpu;
	kvm.sets++;
	if (msrs->nmsrs > CALL_MAX)
		return -E2BIG;
	for (unsigned i = 0; i < msrs->nmsrs; i++) {
		struct kvm_msr_entry entry;

		memcpy(&entry, (const uint8_t *)msrs + sizeof(*msrs) + i * sizeof(entry), sizeof(entry));
		assert_false(entry.index / 2 == OSVW / 2 && kvm.no_osvw);
		if (entry.index == STAR && kvm.keeps_star)
			return (int)i;
		*msr(entry.index) = entry.data;
		kvm.has_offset |= entry.index == TSC;
	}
	return (int)msrs->nmsrs;
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

/* Writes that KVM takes, of so many bytes to a port. */
static struct {
	uint64_t port;
	unsigned length;
} taken[8];
static unsigned taken_count;

int hv_ioeventfd(int vm, uint64_t address, unsigned length, uint64_t data, int eventfd, uint32_t flags)
{
	(void)vm, (void)data;
	assert_true(eventfd >= 0 && taken_count < 8);
	assert_int_equal(flags, KVM_IOEVENTFD_FLAG_PIO); /* whatever is written */
	taken[taken_count].port = address;
	taken[taken_count++].length = length;
	return 0;
}

static bool is_taken(uint64_t port, unsigned length)
{
	for (unsigned i = 0; i < taken_count; i++)
		if (taken[i].port == port && taken[i].length == length)
			return true;
	return false;
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
SILENT(hv_create_pit, int vm)
SILENT(hv_get_pit, int vm, struct kvm_pit_state2 *state)
SILENT(hv_set_pit, int vm, const struct kvm_pit_state2 *state)
SILENT(hv_irqfd, int vm, unsigned gsi, int eventfd, uint32_t flags)
SILENT(hv_irqfd_resample, int vm, unsigned gsi, int eventfd, int resamplefd)
SILENT(hv_irq_line, int vm, unsigned gsi, int level)
SILENT(hv_set_routes, int vm, const struct kvm_irq_routing *routing)
SILENT(hv_set_slot, int vm, uint32_t slot, uint32_t flags, uint64_t at, uint64_t size, const void *va)
SILENT(hv_vfio_file, int vfio, int fd, int add)

/* vmm.c stays out, and with it what it needs of KVM. */
void vmm_request(struct vmm *vmm, enum request request, const char *text)
{
	(void)vmm, (void)text;
	kvm.resets += request == REQUEST_RESET;
	kvm.offs += request == REQUEST_OFF;
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
	assert_int_equal(reset_state_take(&reset, -1, -1, false), 0);
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
	/* The TSC is written as it is: a write puts the offset back that KVM forgets at a shutdown. */
	kvm.has_offset = false;
	reset_state_tsc(-1);
	assert_true(kvm.has_offset);
	assert_int_equal(*msr(TSC), 5000);
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
	assert_int_equal(reset_state_take(&reset, -1, -1, false), 0);
	for (uint32_t index = 0x200; index <= 0x20f; index++)
		*msr(index) = 0x80000000; /* as a guest leaves the variable ranges */
	assert_int_equal(reset_state_put(&reset, -1, &regs, &sregs), 0);
	for (uint32_t index = 0x200; index <= 0x20f; index++)
		assert_true(*msr(index) == 0);
	assert_int_equal(*msr(0x2ff), 0xc06);
	assert_true(*msr(0x250) == write_back && *msr(0x258) == write_back);
	assert_true(*msr(0x259) == 0); /* the legacy VGA range */
	for (uint32_t index = 0x268; index <= 0x26f; index++)
		assert_true(*msr(index) == write_back);
	reset_state_free(&reset);
}

/* What KVM keeps for a guest, and its list does not name: errors' banks, errata, debug control. */
static void what_is_in_no_list_is_put_back_too(void **state)
{
	static const uint32_t odd[] = {0x1d9, OSVW, OSVW + 1, 0xc0011029};
	const struct kvm_regs regs = {0};
	const struct kvm_sregs sregs = {0};

	(void)state;
	for (unsigned amd = 0; amd < 2; amd++)
		for (unsigned banks = 0; banks <= 32; banks += 8) {
			struct reset_state reset = {0};

			memset(&kvm, 0, sizeof(kvm));
			kvm.no_osvw = !amd;
			*msr(BANKS) = 0x0f000100 | banks;
			*msr(BANK_0 + 4 * banks) = 77; /* behind the last one */
			for (unsigned i = 0; i < 4; i++)
				*msr(odd[i]) = 10 + i;
			assert_int_equal(reset_state_take(&reset, -1, -1, false), 0);
			for (unsigned i = 0; i < 4 * banks; i++)
				*msr(BANK_0 + i) = UINT64_MAX;
			for (unsigned i = 0; i < 4; i++)
				*msr(odd[i]) = 99;
			assert_int_equal(reset_state_put(&reset, -1, &regs, &sregs), 0);
			for (unsigned i = 0; i < 4 * banks; i++)
				assert_true(*msr(BANK_0 + i) == 0);
			assert_int_equal(*msr(BANK_0 + 4 * banks), 77);
			for (unsigned i = 0; i < 4; i++)
				assert_int_equal(*msr(odd[i]), !amd && odd[i] / 2 == OSVW / 2 ? 99 : 10 + i);
			reset_state_free(&reset);
		}
}

/* A call for all, and one more for each MSR that KVM refuses; the calls do not grow with the list. */
static void msrs_go_in_few_calls(void **state)
{
	const struct kvm_regs regs = {0};
	const struct kvm_sregs sregs = {0};
	struct reset_state reset = {0};

	(void)state;
	memset(&kvm, 0, sizeof(kvm));
	kvm.more = LISTED_MORE;
	kvm.refuses_spec_ctrl = kvm.no_osvw = true; /* three MSRs */
	*msr(BANKS) = 32;
	for (unsigned i = 0; i < LISTED_MORE; i++)
		*msr(MORE + i) = i;
	assert_int_equal(reset_state_take(&reset, -1, -1, false), 0);
	assert_in_range(kvm.gets, 1, 1 + 2 + 3);
	assert_int_equal(kvm.sets, 0);
	for (unsigned i = 0; i < LISTED_MORE; i++)
		*msr(MORE + i) = i % 2 ? i : 77;
	*msr(STAR) = 9;
	kvm.keeps_star = true;
	kvm.gets = 0;
	assert_int_equal(reset_state_put(&reset, -1, &regs, &sregs), 0);
	assert_int_equal(kvm.gets, 2);
	assert_in_range(kvm.sets, 2, 3); /* KVM keeps one, and takes what is behind it */
	for (unsigned i = 0; i < LISTED_MORE; i++)
		assert_int_equal(*msr(MORE + i), i);
	assert_int_equal(*msr(STAR), 9);
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

/* Each way in which a program that knows no ACPI resets a PC, by the port and the value that it writes. */
static void a_pc_is_reset_by_its_ports(void **state)
{
	static const struct {
		uint16_t port;
		uint8_t reads, harmless, resets;
	} rows[] = {
		{0x64, 0x00, 0xff, 0xfe},  {0x64, 0x00, 0xaa, 0xf0},  {0x64, 0x00, 0x60, 0xf2},
		{0x92, 0x02, 0x02, 0x03},  {0x92, 0x02, 0xfe, 0x01},  {0xcf9, 0x00, 0x02, 0x06},
		{0xcf9, 0x00, 0x0a, 0x0e}, {0x602, 0x00, 0x00, 0x01},
	};
	static struct vmm vmm;

	(void)state;
	for (unsigned cf8 = 0; cf8 < 2; cf8++) {
		memset(&vmm, 0, sizeof(vmm));
		memset(&kvm, 0, sizeof(kvm));
		taken_count = 0;
		vmm.config.serial_fd = -1;
		vmm.config.cf8 = cf8;
		assert_int_equal(loop_init(&vmm.loop), 0);
		bus_init(&vmm.memory_bus);
		bus_init(&vmm.port_bus);
		assert_int_equal(chips_init(&vmm, NULL), 0);
		/* Where nothing answers KVM takes config addresses, and no byte that resets. */
		assert_int_equal(is_taken(0xcf8, 4), !cf8);
		assert_true(is_taken(0x70, 1) && is_taken(0x71, 1));
		assert_int_equal(taken_count, cf8 ? 2 : 3);
		for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
			uint64_t value;

			assert_false(is_taken(rows[i].port, 1));
			kvm.resets = 0;
			assert_int_equal(bus_read(&vmm.port_bus, rows[i].port, 1, &value), 0);
			assert_int_equal(value, rows[i].reads);
			assert_int_equal(bus_write(&vmm.port_bus, rows[i].port, 1, rows[i].harmless), 0);
			assert_int_equal(kvm.resets, 0);
			assert_int_equal(bus_write(&vmm.port_bus, rows[i].port, 1, rows[i].resets), 0);
			assert_int_equal(kvm.resets, 1);
			/* It is one port, and its neighbours are nobody's. */
			if (rows[i].port >= 0x100)
				continue;
			assert_int_equal(bus_read(&vmm.port_bus, rows[i].port - 1, 1, &value), -ENXIO);
			assert_int_equal(bus_read(&vmm.port_bus, rows[i].port + 1, 1, &value), -ENXIO);
		}
		/* An access is that of the port at which it begins: these bytes are an address. */
		kvm.resets = 0;
		assert_int_equal(bus_write(&vmm.port_bus, 0xcf8, 4, 0x80000600), cf8 ? 0 : -ENXIO);
		assert_int_equal(kvm.resets, 0);
		/* ACPI's sleep control: type 5, and only with the bit that starts it. */
		for (unsigned value = 0; value < 0x40; value++) {
			kvm.offs = 0;
			assert_int_equal(bus_write(&vmm.port_bus, 0x600, 1, value), 0);
			assert_int_equal(kvm.offs, (value >> 2 & 15) == (8 | 5));
		}
		chips_free(&vmm);
		loop_free(&vmm.loop);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_processor_is_as_kvm_made_it),
		cmocka_unit_test(memory_is_cached_from_the_first_byte_on),
		cmocka_unit_test(what_is_in_no_list_is_put_back_too),
		cmocka_unit_test(msrs_go_in_few_calls),
		cmocka_unit_test(a_pc_is_reset_by_its_ports),
		cmocka_unit_test(the_chips_are_as_kvm_made_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
