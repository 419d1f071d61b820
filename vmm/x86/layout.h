/* SPDX-License-Identifier: MIT */
/*
 * Where things are in the guest: every fixed address, port and interrupt, and
 * the plan of what depends on the devices (RAM around the holes, the windows
 * of the PCI host bridge).
 */
#ifndef VMM_X86_LAYOUT_H
#define VMM_X86_LAYOUT_H

#include "lend/space.h"
#include "vmm/memory.h"
#include "vmm/x86/fixed.h"

/* Below 1 MiB: what boot leaves for the kernel. */
#define ADDR_GDT          0x6000ULL
#define ADDR_BOOT_PARAMS  0x7000ULL
#define ADDR_RNG_SEED     0x8000ULL /* a struct setup_data behind boot_params */
#define ADDR_PAGE_TABLES  0x9000ULL /* PML4, PDPT and four directories: 6 pages */
#define ADDR_PVH_INFO     0xf000ULL
#define ADDR_CMDLINE      0x20000ULL
#define CMDLINE_MAX       0x10000ULL
#define ADDR_LOW_END      0x9f000ULL /* RAM below ends here */
#define ADDR_VGA          0xa0000ULL /* legacy VGA memory: no RAM where a device has it */
#define ADDR_VGA_END      0xc0000ULL
#define ADDR_ACPI         0xe0000ULL
#define ADDR_ACPI_END     0xf0000ULL
#define ADDR_SMBIOS       0xf0000ULL /* where the kernel scans for its entry point */
#define ADDR_RESET_VECTOR 0xffff0ULL /* ffff:0, the real-mode entry */
#define ADDR_HIGH_RAM     0x100000ULL

/*
 * Below 4 GiB, from the top: firmware's flash, what KVM and the chips occupy, then ECAM, then the window
 * of BARs. Firmware chooses the place of ECAM itself.
 */
#define ADDR_FLASH        0xff800000ULL /* at the lowest: 8 MiB of it */
#define ADDR_TSS          0xfeffd000ULL /* three pages */
#define ADDR_IDENTITY_MAP 0xfeffc000ULL
#define ADDR_LAPIC        0xfee00000ULL
#define ADDR_IOAPIC       0xfec00000ULL
#define ADDR_ECAM         ((uint64_t)FIXED_ECAM)
#define ADDR_4GIB         0x100000000ULL

/*
 * Of a direct boot: the window below 4 GiB ends at ECAM and begins where RAM ends: here, or lower for
 * large BARs.
 */
#define LOW_WINDOW_DEFAULT 0xe0000000ULL
#define LOW_WINDOW_LOWEST  0x80000000ULL

/** Whose places those below 4 GiB are: ours, or those that the firmware expects. */
enum layout_kind { LAYOUT_DIRECT, LAYOUT_FIRMWARE };

struct layout_needs {
	enum layout_kind kind;
	uint64_t memory;
	uint64_t low, high; /* bytes of BARs below 4 GiB (with alignment) and above */
	uint64_t low_align, high_align;
	unsigned buses;
	uint32_t hotplug; /* as in struct layout */
	unsigned physical_bits;
	const struct lend_iova_window *windows; /* what devices can address; ascending */
	size_t window_count;
};

struct layout {
	struct memory_piece ram[MEMORY_PIECES_MAX];
	unsigned ram_count;
	uint64_t low_start, low_end;   /* [start, end) */
	uint64_t high_start, high_end; /* start == end: none */
	unsigned buses;                /* that ECAM shows, from 0 */
	uint32_t hotplug;              /* slots of ports where devices come and go; 0: none */
};

/** How many bits an address has at the most that does not lie behind the last window; 63 without one. */
unsigned layout_reached_bits(const struct lend_iova_window *windows, size_t count);

/** The most bytes that BARs can have below 4 GiB. */
uint64_t layout_low_most(enum layout_kind kind);

/** Plans the address space. -ENOSPC with a sentence when something does not fit. */
int layout_plan(const struct layout_needs *needs, struct layout *out, struct lend_error *error);

#endif
