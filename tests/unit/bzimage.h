/* SPDX-License-Identifier: MIT */
/*
 * The header of a bzImage that each loader of ours takes (Documentation/arch/x86/boot.rst): one
 * sector for the boot sector, one for the set-up, and the text behind them.
 */
#ifndef TESTS_UNIT_BZIMAGE_H
#define TESTS_UNIT_BZIMAGE_H

#include <asm/bootparam.h>
#include <stdint.h>
#include <string.h>

enum { BZIMAGE_TEXT = 1024 }; /* where the text begins */

static inline struct setup_header bzimage_header(uint32_t text)
{
	return (struct setup_header){.setup_sects = 1,
				     .boot_flag = 0xaa55,
				     .header = 0x53726448,
				     .version = 0x020f,
				     .syssize = text / 16,
				     .xloadflags = XLF_KERNEL_64,
				     .pref_address = 16 << 20,
				     .init_size = 1 << 20,
				     .initrd_addr_max = 0x7fffffff,
				     .relocatable_kernel = 1,
				     .kernel_alignment = 2 << 20,
				     .cmdline_size = 2047};
}

static inline void bzimage_put(uint8_t *bytes, struct setup_header header)
{
	memcpy(bytes + 0x1f1, &header, sizeof(header));
}

#endif
