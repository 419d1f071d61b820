/* SPDX-License-Identifier: MIT */
/*
 * Intel SDM volume 3: 6.14 (64-bit IDT), 11.12 (x2APIC); 82093AA data sheet,
 * section 3 (IOAPIC). The local timer counts nanoseconds: KVM's bus clock is
 * 1 GHz (Documentation/virt/kvm/x86/cpuid.rst, leaf 0x40000010).
 */
#include <stddef.h>

#include "boot.h"
#include "io.h"
#include "irq.h"
#include "power.h"
#include "serial.h"

#define IOAPIC 0xfec00000

enum { APIC_BASE = 0x1b, APIC_BASE_X2 = 0xc00 };
enum {
	X2_ID = 0x802,
	X2_TPR = 0x808,
	X2_EOI = 0x80b,
	X2_SVR = 0x80f,
	X2_TIMER = 0x832,
	X2_LINT0 = 0x835,
	X2_COUNT = 0x838,
	X2_DIVIDE = 0x83e
};
enum { APIC_ON = 0x100, LVT_MASKED = 0x10000, DIVIDE_BY_1 = 0xb };
enum { PIN_LOW = 1 << 13, PIN_LEVEL = 1 << 15, PIN_MASKED = 1 << 16 };
enum { NMI = 2, EXCEPTIONS = 32, GATE_INTERRUPT = 0x8e00, STUB = 16 };

struct frame {
	uint64_t saved[9], vector, error, rip, cs, rflags, rsp, ss;
};

struct gate {
	uint16_t offset0, selector, type, offset1;
	uint32_t offset2, reserved;
};

extern const char irq_stubs[];
void irq_dispatch(const struct frame *frame);

static struct gate idt[256] __attribute__((aligned(16)));
static volatile uint64_t counts[256];
static void (*hooks[256])(void);
static void (*on_exception)(void) = power_panic;

static void fill_idt(void)
{
	for (unsigned i = 0; i < 256; i++) {
		uint64_t stub = (uint64_t)irq_stubs + i * STUB;

		idt[i] = (struct gate){(uint16_t)stub,         SELECTOR_CODE,          GATE_INTERRUPT,
				       (uint16_t)(stub >> 16), (uint32_t)(stub >> 32), 0};
	}
}

void irq_processor(void)
{
	struct __attribute__((packed)) {
		uint16_t limit;
		uint64_t base;
	} pointer = {sizeof(idt) - 1, (uint64_t)idt};

	__asm__ volatile("lidt %0" ::"m"(pointer) : "memory");
	msr_write(APIC_BASE, msr_read(APIC_BASE) | APIC_BASE_X2);
	msr_write(X2_TPR, 0);
	msr_write(X2_LINT0, LVT_MASKED);
	msr_write(X2_SVR, APIC_ON | VECTOR_SPURIOUS);
}

void irq_init(void)
{
	fill_idt();
	/* The old controllers, where there are some, are told to be quiet. */
	port_write(0x21, 1, 0xff);
	port_write(0xa1, 1, 0xff);
	irq_processor();
	msr_write(X2_TIMER, VECTOR_TIMER);
	msr_write(X2_DIVIDE, DIVIDE_BY_1);
}

void irq_dispatch(const struct frame *frame)
{
	uint64_t vector = frame->vector, cr2;

	if (vector == NMI)
		return;
	if (vector < EXCEPTIONS) {
		__asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
		say("\nguest: exception %lu error 0x%lx rip 0x%lx cr2 0x%lx\n", vector, frame->error,
		    frame->rip, cr2);
		on_exception();
	}
	counts[vector]++;
	if (hooks[vector])
		hooks[vector]();
	if (vector != VECTOR_SPURIOUS)
		msr_write(X2_EOI, 0);
}

uint64_t irq_count(unsigned vector)
{
	return counts[vector];
}

void irq_on_exception(void (*end)(void))
{
	on_exception = end;
}

void irq_hook(unsigned vector, void (*hook)(void))
{
	hooks[vector] = hook;
}

uint64_t irq_message_address(void)
{
	return 0xfee00000 | (msr_read(X2_ID) & 0xff) << 12;
}

static void ioapic_write(unsigned index, uint32_t value)
{
	memory_write(IOAPIC, 4, index);
	memory_write(IOAPIC + 0x10, 4, value);
}

void irq_ioapic(unsigned gsi, unsigned vector, bool level)
{
	ioapic_write(0x11 + 2 * gsi, (uint32_t)msr_read(X2_ID) << 24);
	ioapic_write(0x10 + 2 * gsi, vector | (level ? PIN_LEVEL | PIN_LOW : 0));
}

void irq_ioapic_mask(unsigned gsi)
{
	ioapic_write(0x10 + 2 * gsi, PIN_MASKED);
}

void irq_idle(void)
{
	/* The instruction behind sti still runs uninterrupted: nothing is missed in between. */
	__asm__ volatile("sti; hlt; cli" ::: "memory");
}

void irq_take(void)
{
	__asm__ volatile("sti; nop; nop; cli" ::: "memory");
}

static void start_timer(unsigned milliseconds)
{
	irq_take(); /* what an earlier timer left behind */
	counts[VECTOR_TIMER] = 0;
	msr_write(X2_COUNT, milliseconds * 1000000);
}

void irq_sleep(unsigned milliseconds)
{
	start_timer(milliseconds);
	while (!counts[VECTOR_TIMER])
		irq_idle();
}

bool irq_wait(unsigned vector, uint64_t count)
{
	start_timer(2000);
	while (counts[vector] < count && !counts[VECTOR_TIMER])
		irq_idle();
	msr_write(X2_COUNT, 0);
	return counts[vector] >= count;
}
