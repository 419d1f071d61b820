/* SPDX-License-Identifier: MIT */
/* What a function keeps for its quirks and its user's rules. */
#ifndef LIB_PCI_RULES_QUIRK_STATE_H
#define LIB_PCI_RULES_QUIRK_STATE_H

#include "lend/function.h"

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

/**
 * A write that goes past us: the hypervisor signals `fd`, and the kernel or the
 * loop writes. In use while OUT_IOEVENTFD has it; number n of a function is
 * entry n % LEARN_MAX of mirror n / LEARN_MAX.
 */
struct learned {
	int fd; /* eventfd; -1 until first used, then kept until the function is freed */
	unsigned bar, length;
	uint64_t offset, data;
};

/** The mirror of config space at one place: the write that came last, and those that are learned. */
struct learning {
	uint64_t offset, data;
	unsigned length, hits;
	bool given_up; /* the hypervisor takes none */
	struct learned learned[LEARN_MAX];
};

/** Guarded by the function's lock. All but `learning` are registers, as the guest wrote them. */
struct quirk_state {
	uint8_t ati[4];     /* ATI: address */
	uint8_t nvidia[12]; /* NVIDIA, BAR 5: master, enable, address */
	struct {
		uint8_t index;    /* of the CRT controller */
		uint8_t mode;     /* what the index register led to (nvidia_vga.c) */
		uint32_t address; /* written to the data register */
	} nvidia_vga;
	struct {
		uint32_t address, data;
		bool table; /* address is one of the MSI-X table's */
	} rtl8168;
	struct learning learning[LEARN_MIRRORS];
};

static inline struct learned *learned_at(struct quirk_state *quirks, unsigned number)
{
	return &quirks->learning[number / LEARN_MAX].learned[number % LEARN_MAX];
}

/** A BAR moves, or there was a reset: what was counted up to now is of another place or time. */
static inline void learning_restart(struct quirk_state *quirks)
{
	for (unsigned i = 0; i < LEARN_MIRRORS; i++) {
		quirks->learning[i].hits = 0;
		quirks->learning[i].given_up = false;
	}
}

/** What the user's files say of this function (rules.h); fixed. */
enum { RULES_CAPS_MAX = 32, RULES_VENDORS_MAX = 8, RESET_WORDS = 7 };
struct rules_applied {
	bool deny_rom;
	unsigned broken_resets; /* bit n: word n of rules_reset_words */
	unsigned cap_count, extended_count, vendor_count;
	uint16_t caps[RULES_CAPS_MAX], extended[RULES_CAPS_MAX];
	uint16_t vendors[RULES_VENDORS_MAX]; /* whose registers are closed */
};

#endif
