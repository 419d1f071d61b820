/* SPDX-License-Identifier: MIT */
/*
 * The first processor at a kernel's entry, as the processor itself reads it: the hidden part of each segment
 * is what its descriptor says (Intel SDM volume 3, 3.4.5), and page tables are walked (4.5).
 */
#include <errno.h>
#include <string.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/guest_memory.h"
#include "vmm/x86/boot.h"

enum { CR0_PE = 1, CR0_ET = 1 << 4, CR4_PAE = 1 << 5, EFER_LME = 1 << 8, EFER_LMA = 1 << 10 };
enum { PRESENT = 1, WRITABLE = 2, LARGE = 1 << 7, TSS_BUSY = 11 };
#define CR0_PG 0x80000000u

static const struct boot_entry wide = {.long_mode = true, .rip = 0x100200, .rsi = 0x7000},
			       narrow = {.rip = 0x1000040, .rbx = 0xf000};

/* What KVM has in a new processor is none of the kernel's business. */
static struct kvm_sregs of_kvm(void)
{
	return (struct kvm_sregs){.cr0 = 0x60000010, .idt = {.base = 0x1000, .limit = 0xffff}};
}

static uint64_t quad(const struct memory *memory, uint64_t at)
{
	uint64_t value;

	memcpy(&value, memory_at(memory, gpa(at), 8), 8);
	return value;
}

/* A segment with base 0 is the one that its selector loads. */
static void assert_segment(const struct memory *memory, const struct kvm_sregs *sregs,
			   const struct kvm_segment *segment)
{
	uint64_t descriptor = quad(memory, sregs->gdt.base + segment->selector);
	uint32_t limit = (uint32_t)((descriptor & 0xffff) | (descriptor >> 32 & 0xf0000));

	assert_true(segment->selector && segment->selector % 8 == 0);
	assert_true(segment->selector + 7 <= sregs->gdt.limit);
	assert_int_equal(descriptor >> 16 & 0xffffff, 0);
	assert_int_equal(descriptor >> 56, 0);
	assert_int_equal(segment->base, 0);
	assert_int_equal(segment->type, descriptor >> 40 & 15);
	assert_int_equal(segment->s, descriptor >> 44 & 1);
	assert_int_equal(segment->dpl, descriptor >> 45 & 3);
	assert_int_equal(segment->present, descriptor >> 47 & 1);
	assert_int_equal(segment->avl, descriptor >> 52 & 1);
	assert_int_equal(segment->l, descriptor >> 53 & 1);
	assert_int_equal(segment->db, descriptor >> 54 & 1);
	assert_int_equal(segment->g, descriptor >> 55 & 1);
	assert_int_equal(segment->limit, segment->g ? limit << 12 | 0xfff : limit);
	assert_false(segment->unusable);
}

/* Flat code and data of the kernel's own level, and a task, which a processor with VMX has to have. */
static void assert_segments(const struct memory *memory, const struct kvm_sregs *sregs, bool long_mode)
{
	const struct kvm_segment *data[] = {&sregs->ds, &sregs->es, &sregs->fs, &sregs->gs, &sregs->ss};

	assert_int_equal(sregs->gdt.base, ADDR_GDT);
	assert_int_equal(sregs->gdt.limit % 8, 7);
	assert_int_equal(quad(memory, sregs->gdt.base), 0);
	assert_int_equal(sregs->idt.base, 0);
	assert_int_equal(sregs->idt.limit, 0);

	assert_segment(memory, sregs, &sregs->cs);
	assert_int_equal(sregs->cs.selector, 0x10); /* __BOOT_CS of the kernel's boot protocol */
	assert_int_equal(sregs->cs.limit, UINT32_MAX);
	assert_int_equal(sregs->cs.type, 11); /* code that can be read, accessed */
	assert_true(sregs->cs.s && sregs->cs.present && !sregs->cs.dpl);
	assert_int_equal(sregs->cs.l, long_mode);
	assert_int_equal(sregs->cs.db, !long_mode);
	for (unsigned i = 0; i < sizeof(data) / sizeof(*data); i++) {
		assert_segment(memory, sregs, data[i]);
		assert_int_equal(data[i]->selector, 0x18); /* __BOOT_DS */
		assert_int_equal(data[i]->limit, UINT32_MAX);
		assert_int_equal(data[i]->type, 3); /* data that can be written, accessed */
		assert_true(data[i]->s && data[i]->present && data[i]->db && !data[i]->dpl);
	}
	assert_segment(memory, sregs, &sregs->tr);
	assert_int_equal(sregs->tr.type, TSS_BUSY);
	assert_int_equal(sregs->tr.limit, 0x67);
	assert_true(sregs->tr.present && !sregs->tr.s);
}

/* The entry of a table of 512 for an address, each level nine bits. */
static uint64_t entry(const struct memory *memory, uint64_t table, uint64_t address, unsigned shift)
{
	return quad(memory, (table & ~UINT64_C(0xfff)) + (address >> shift & 511) * 8);
}

/* Where an address of the kernel is in memory, by pages of 2 MiB that can be written; all ones: nowhere. */
static uint64_t walk(const struct memory *memory, uint64_t cr3, uint64_t address)
{
	uint64_t at = cr3;

	for (unsigned shift = 39; shift > 21; shift -= 9) {
		at = entry(memory, at, address, shift);
		if (!(at & PRESENT))
			return UINT64_MAX;
		assert_int_equal(at & 0xfff, PRESENT | WRITABLE);
	}
	at = entry(memory, at, address, 21);
	assert_int_equal(at & 0x1fffff, PRESENT | WRITABLE | LARGE);
	return at - (at & 0x1fffff) + (address & 0x1fffff);
}

static void a_kernel_of_64_bits_has_4_gib_as_they_are(void **state)
{
	struct memory *memory = guest_memory(RAM);
	struct kvm_sregs sregs = of_kvm();
	struct kvm_regs regs;

	(void)state;
	/* What an earlier kernel left there. */
	memset(memory_at(memory, gpa(ADDR_GDT), ADDR_CMDLINE - ADDR_GDT), 0xff, ADDR_CMDLINE - ADDR_GDT);
	assert_int_equal(boot_registers(memory, &wide, &regs, &sregs), 0);
	assert_memory_equal(&regs, &((struct kvm_regs){.rip = 0x100200, .rsi = 0x7000, .rflags = 2}),
			    sizeof(regs));
	assert_segments(memory, &sregs, true);
	assert_int_equal(sregs.cr0, CR0_PE | CR0_ET | CR0_PG);
	assert_int_equal(sregs.cr4, CR4_PAE);
	assert_int_equal(sregs.efer, EFER_LME | EFER_LMA);
	assert_int_equal(sregs.cr3 & 0xfff, 0);
	for (uint64_t at = 0; at < ADDR_4GIB; at += 2 << 20) {
		assert_true(walk(memory, sregs.cr3, at) == at);
		assert_true(walk(memory, sregs.cr3, at + 0x1fffff) == at + 0x1fffff);
	}
	for (uint64_t at = ADDR_4GIB; at < UINT64_C(1) << 39; at += UINT64_C(1) << 30)
		assert_true(walk(memory, sregs.cr3, at) == UINT64_MAX);
	for (uint64_t at = UINT64_C(1) << 39; at < UINT64_C(1) << 48; at += UINT64_C(1) << 39)
		assert_true(walk(memory, sregs.cr3, at) == UINT64_MAX);
	/* They end where they are said to: what the kernel is told lies behind. */
	assert_int_equal(quad(memory, ADDR_PAGE_TABLES + 6 * 4096), UINT64_MAX);
	assert_int_equal(quad(memory, ADDR_GDT + sregs.gdt.limit + 1), UINT64_MAX);
	guest_memory_free(memory);
}

/* PVH: paging is off, and no tables are written for it. */
static void a_pvh_kernel_has_segments_alone(void **state)
{
	struct memory *memory = guest_memory(RAM);
	struct kvm_sregs sregs = of_kvm();
	struct kvm_regs regs;

	(void)state;
	assert_int_equal(boot_registers(memory, &narrow, &regs, &sregs), 0);
	assert_memory_equal(&regs, &((struct kvm_regs){.rip = 0x1000040, .rbx = 0xf000, .rflags = 2}),
			    sizeof(regs));
	assert_segments(memory, &sregs, false);
	assert_int_equal(sregs.cr0, CR0_PE | CR0_ET);
	assert_int_equal(sregs.cr3, 0);
	assert_int_equal(sregs.cr4, 0);
	assert_int_equal(sregs.efer, 0);
	for (uint64_t at = ADDR_PAGE_TABLES; at < ADDR_PVH_INFO; at += 8)
		assert_int_equal(quad(memory, at), 0);
	guest_memory_free(memory);
}

static void what_has_no_room_is_said(void **state)
{
	static const struct {
		uint64_t size;
		const struct boot_entry *entry;
		bool fits;
	} rows[] = {
		{ADDR_GDT, &narrow, false},
		{ADDR_GDT, &wide, false},
		{ADDR_PAGE_TABLES, &narrow, true},
		{ADDR_PAGE_TABLES + 5 * 4096, &wide, false},
		{ADDR_PAGE_TABLES + 6 * 4096, &wide, true},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct memory *memory = guest_memory(rows[i].size);
		struct kvm_sregs sregs = of_kvm();
		struct kvm_regs regs;

		assert_int_equal(boot_registers(memory, rows[i].entry, &regs, &sregs),
				 rows[i].fits ? 0 : -EFAULT);
		guest_memory_free(memory);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_kernel_of_64_bits_has_4_gib_as_they_are),
		cmocka_unit_test(a_pvh_kernel_has_segments_alone),
		cmocka_unit_test(what_has_no_room_is_said),
	};

	return cmocka_run_group_tests_name("vmm_registers", tests, NULL, NULL);
}
