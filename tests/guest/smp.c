/* SPDX-License-Identifier: MIT */
/* Intel SDM volume 3, 9.4 (INIT and SIPI) and 11.12 (x2APIC). */
#include "boot.h"
#include "io.h"
#include "irq.h"
#include "smp.h"
#include "text.h"

enum { X2_COMMAND = 0x830 };
enum { OTHERS = 3 << 18, ASSERT = 1 << 14, INIT = 5 << 8, STARTUP = 6 << 8 };

void smp_main(void);

extern const char smp_trampoline[], smp_trampoline_end[];

static unsigned there = 1; /* processors that have come up */
static volatile unsigned turn, done, wanted;
static void (*volatile work)(unsigned number);

static void tell_others(uint32_t what)
{
	msr_write(X2_COMMAND, OTHERS | ASSERT | what);
}

/* A processor's life; each asks once whether a turn is for it. */
void smp_main(void)
{
	unsigned number = __atomic_fetch_add(&there, 1, __ATOMIC_ACQ_REL), seen = 0;

	irq_processor();
	for (;;) {
		while (turn == seen)
			irq_idle();
		seen = turn;
		if (number < wanted)
			work(number);
		__atomic_fetch_add(&done, 1, __ATOMIC_ACQ_REL);
	}
}

unsigned smp_start(unsigned most)
{
	static bool is_started;

	if (!is_started && most > 1) {
		is_started = true;
		memcpy((void *)SMP_TRAMPOLINE, smp_trampoline, (size_t)(smp_trampoline_end - smp_trampoline));
		tell_others(INIT);
		irq_sleep(20);
		tell_others(STARTUP | SMP_TRAMPOLINE >> 12);
		for (unsigned i = 0; i < 100 && __atomic_load_n(&there, __ATOMIC_ACQUIRE) < most; i++)
			irq_sleep(20);
	}
	return there < most ? there : most;
}

void smp_run(unsigned count, void (*what)(unsigned number))
{
	work = what;
	wanted = count;
	done = 0;
	__atomic_fetch_add(&turn, 1, __ATOMIC_ACQ_REL);
	if (there > 1)
		tell_others(VECTOR_WORK);
	what(0);
	while (__atomic_load_n(&done, __ATOMIC_ACQUIRE) < there - 1)
		irq_take();
}
