/* SPDX-License-Identifier: MIT */
/*
 * The expansion ROM (spec/vfio-pci.md, section 9): a BAR of its own at 0x30,
 * read-only and always trapped, since its bytes are read from the device once
 * and kept. Nothing of the guest reaches the device's own ROM register.
 */
#ifndef LIB_PCI_BARS_ROM_H
#define LIB_PCI_BARS_ROM_H

#include "lib/pci/function.h"

/** Decides whether there is a ROM and how large it is; -EINVAL: what the user gave makes no sense. */
int rom_setup(struct lend_function *function, const struct lend_function_config *config,
	      struct lend_error *error);
void rom_destroy(struct lend_function *function);

/** `length` bytes at `offset`, all of them inside the BAR. Takes the function's lock at the first read. */
void rom_read(struct lend_function *function, uint64_t offset, uint8_t *bytes, unsigned length);

/** Writes the function's ids into an image that was made for another device of the vendor (rom_image.c). */
void rom_fix_ids(uint8_t *image, size_t length, uint16_t vendor, uint16_t device);

#endif
