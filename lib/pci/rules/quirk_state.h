/* SPDX-License-Identifier: MIT */
/* What a function stores for its quirks. */
#ifndef LIB_PCI_RULES_QUIRK_STATE_H
#define LIB_PCI_RULES_QUIRK_STATE_H

#include "lend/function.h"
#include "lib/pci/bars/doorbells.h"

/** What the user chose; fixed. */
struct quirk_options {
	bool vga;                 /* x-vga */
	bool no_geforce;          /* x-no-geforce-quirks */
	bool no_ioeventfd;        /* x-no-kvm-ioeventfd */
	bool no_device_ioeventfd; /* x-no-vfio-ioeventfd */
	bool has_clique;
	uint8_t clique; /* x-nv-gpudirect-clique */
};

enum { LEARN_MIRRORS = 2, LEARN_MAX = 10, LEARN_HITS = 10 };

/** One mirror of config space: the last write to it, how often it came in a row, and learned writes. */
struct learning {
	uint64_t offset, data;
	unsigned length, hits;
	bool given_up; /* the hypervisor refused one: none is learned any more */
	/*
	 * The hypervisor signals `fd` for a learned write, and the kernel or the loop
	 * writes to the device. It is in use while OUT_IOEVENTFD says so. `fd` is -1 until
	 * first used, and then kept until the function is freed.
	 */
	struct ioeventfd learned[LEARN_MAX];
};

/** Guarded by the function's lock. All but `learning` are registers as the guest wrote them. */
struct quirk_state {
	uint8_t ati[4];     /* ATI: address */
	uint8_t nvidia[12]; /* NVIDIA, BAR 5: master, enable, address */
	struct {
		uint8_t index;    /* of the CRT controller */
		uint8_t mode;     /* value of register 0x38 (nvidia_vga.c) */
		uint32_t address; /* written to the data register */
	} nvidia_vga;
	struct {
		uint32_t address, data;
		bool table; /* the address is in the MSI-X table */
	} rtl8168;
	struct learning learning[LEARN_MIRRORS];
};

/** Learned write `number` of a function. */
static inline struct ioeventfd *learned_at(struct quirk_state *quirks, unsigned number)
{
	return &quirks->learning[number / LEARN_MAX].learned[number % LEARN_MAX];
}

/** Counts anew: a BAR moves, or the device was reset. */
static inline void learning_restart(struct quirk_state *quirks)
{
	for (unsigned i = 0; i < LEARN_MIRRORS; i++) {
		quirks->learning[i].hits = 0;
		quirks->learning[i].given_up = false;
	}
}

#endif
