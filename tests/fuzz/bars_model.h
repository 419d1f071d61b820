/* SPDX-License-Identifier: MIT */
/*
 * Where the BARs of a function answer, what of them needs no trap, and what other devices reach, by the
 * guest's registers (bars_model.c). The fuzz target is bars.c.
 */
#ifndef TESTS_FUZZ_BARS_MODEL_H
#define TESTS_FUZZ_BARS_MODEL_H

#include <linux/pci_regs.h>

#include "tests/fuzz/rules.h"
#include "tests/unit/fake_world.h"

enum { PAGE = 4096, ROM = 6, BARS = 7, POWER = 0x44, LINE_OFF = 0x400 };

enum bar_kind { NONE, PORTS, NARROW, WIDE, UPPER };

struct fuzz_bar {
	enum bar_kind kind;
	bool prefetch, mapped, sparse, fails; /* `fails`: it would be mapped */
	uint64_t size;
	uint32_t value, mask; /* of its register */
	bool placed;
	uint64_t address;
};

struct bars_model {
	struct fuzz_bar bars[BARS];
	uint32_t command;
	unsigned power;
	bool removed; /* the kernel withdrew them, until the guest writes to what decides */
	bool rom_read, rom_direct;
	int table_bar; /* -1: none */
	uint64_t table, pba;
	unsigned vectors;
	uint8_t entries[64 * 16];
	struct {
		bool on, bypass, pending, held, timer;
	} line;
	bool no_mmap, fail_mmap; /* nobody maps them, or it fails */
	struct fuzz_rules rules; /* the user's */
};

extern struct bars_model model;

static inline unsigned register_of(unsigned i)
{
	return i == ROM ? PCI_ROM_ADDRESS : PCI_BASE_ADDRESS_0 + 4 * i;
}

static inline bool is_memory(const struct fuzz_bar *bar)
{
	return bar->kind == NARROW || bar->kind == WIDE;
}

/** The device is described: which of its BARs are mapped at all. */
void model_settle(void);
/** Puts each BAR where the registers say that it is. */
void model_place(void);
/** The guest writes a byte of config space. Whether it is one that decides where a BAR is. */
bool model_write(unsigned offset, uint8_t value);
/** Fails the test where the monitor, the IOMMU or the line has something else. */
void model_check(const struct world *world);
/** And where something else is said of a page, and why it traps. */
void model_check_reasons(const struct world *world);

#endif
