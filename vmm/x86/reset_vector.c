/* SPDX-License-Identifier: MIT */
/*
 * What is at the processor's real-mode entry, where a PC has its firmware.
 *
 * Linux restarts by jumping there where the platform is hardware-reduced and the
 * kernel can do EFI (distributions' kernels can), because it then asks EFI, which
 * is not here, instead of writing the reset register. So the code does what
 * firmware would: it writes that register.
 */
#include "vmm/x86/tables.h"

int reset_vector_write(const struct memory *memory)
{
	static const uint8_t code[] = {
		0xba,
		PORT_RESET & 0xff,
		PORT_RESET >> 8, /* mov dx, PORT_RESET */
		0xb0,
		RESET_VALUE, /* mov al, RESET_VALUE */
		0xee,        /* out dx, al */
		0xfa,        /* cli: until the machine starts again */
		0xf4,        /* hlt */
		0xeb,
		0xfc, /* jmp to the cli */
	};

	_Static_assert(sizeof(code) <= ADDR_HIGH_RAM - ADDR_RESET_VECTOR, "the first MiB ends behind it");
	return memory_put(memory, gpa(ADDR_RESET_VECTOR), code, sizeof(code));
}
