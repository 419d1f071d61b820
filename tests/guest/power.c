/* SPDX-License-Identifier: MIT */
/* The ports of lend's machine (vmm/x86/fixed.h), and behind them those of a q35, where the first do nothing.
 */
#include "io.h"
#include "power.h"

static void __attribute__((noreturn)) stop(void)
{
	for (;;)
		__asm__ volatile("cli; hlt");
}

void power_off(void)
{
	port_write(0x600, 1, 5 << 2 | 0x20);
	port_write(0x604, 2, 0x2000);
	stop();
}

void power_reset(void)
{
	port_write(0x602, 1, 1);
	port_write(0xcf9, 1, 6);
	stop();
}

void power_panic(void)
{
	port_write(0x505, 1, 1);
	power_off();
}

void power_fault(void)
{
	struct __attribute__((packed)) {
		uint16_t limit;
		uint64_t base;
	} none = {0, 0};

	__asm__ volatile("lidt %0; int3" ::"m"(none));
	stop();
}
