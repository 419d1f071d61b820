/* SPDX-License-Identifier: MIT */
/*
 * Interrupts: off while the guest works and taken only in irq_idle() and irq_take(),
 * so no code but a hook has to expect one. All that is routed, and the timer, are the
 * first processor's.
 */
#ifndef GUEST_IRQ_H
#define GUEST_IRQ_H

#include <stdbool.h>
#include <stdint.h>

enum {
	VECTOR_TIMER = 0x20,
	VECTOR_SERIAL,
	VECTOR_WORK, /* of another processor: there is something to do */
	VECTOR_INTX = 0x30,
	VECTOR_MSI,
	VECTOR_MSIX = 0x40, /* and up to VECTOR_LAST */
	VECTOR_LAST = 0xef,
	VECTOR_SPURIOUS = 0xff
};

void irq_init(void);
/* ... of another processor, with the same handlers. */
void irq_processor(void);
/* What an exception does once it is said: power_panic() at first. */
void irq_on_exception(void (*end)(void));

/* How often a vector arrived. */
uint64_t irq_count(unsigned vector);
/* Called for each arrival, before the interrupt is acknowledged; NULL: nobody. */
void irq_hook(unsigned vector, void (*hook)(void));

/* An interrupt message to this processor. */
uint64_t irq_message_address(void);
/* Routes a pin of the IOAPIC, level and active low as PCI's are, or edge. */
void irq_ioapic(unsigned gsi, unsigned vector, bool level);
void irq_ioapic_mask(unsigned gsi);

/* Sleeps until an interrupt came. */
void irq_idle(void);
/* Takes what is waiting. */
void irq_take(void);
/* Sleeps; at most 4 s. */
void irq_sleep(unsigned milliseconds);
/* Sleeps until a vector arrived that often; false after 2 s. */
bool irq_wait(unsigned vector, uint64_t count);

#endif
