/* SPDX-License-Identifier: MIT */
/*
 * The expansion ROM (spec 9): a BAR with its register at 0x30. It is read-only, and
 * its bytes are read from the device once and kept. From then on the guest reads our
 * copy without a trap, where the copy has whole pages. No write of the guest reaches
 * the device's own ROM register.
 */
#ifndef LIB_PCI_BARS_ROM_H
#define LIB_PCI_BARS_ROM_H

#include "lib/pci/function.h"

/** Decides whether there is a ROM and how large it is. -EINVAL: the user's file or size is not possible. */
int rom_setup(struct lend_function *function, const struct lend_function_config *config,
	      struct lend_error *error);
void rom_destroy(struct lend_function *function);

/** Reads `length` bytes at `offset`, all inside the BAR. The first read takes the function's lock. */
void rom_read(struct lend_function *function, uint64_t offset, uint8_t *bytes, unsigned length);

/** The part of a ROM that needs no trap now: 1 with `*out` filled in, or 0. */
size_t rom_direct(const struct lend_function *function, struct lend_bar_direct *out);

/** Writes the function's device id into an image made for another device of the same vendor (rom_image.c). */
void rom_fix_ids(uint8_t *image, size_t length, uint16_t vendor, uint16_t device);

#endif
