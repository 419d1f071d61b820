/* SPDX-License-Identifier: MIT */
/* The hooks of the table of quirks (table.c), each in a file of its own, and what they share. */
#ifndef LIB_PCI_QUIRKS_QUIRKS_H
#define LIB_PCI_QUIRKS_QUIRKS_H

#include "lib/pci/rules/quirk.h"

/*
 * Read or write `length` bytes at `offset` of virtual config space, through a
 * window. Bytes at `limit` and above read all ones, and writes to them are
 * ignored. Without the function's lock (mirror.c).
 */
void mirror_read(struct lend_function *function, unsigned offset, unsigned limit, uint8_t *bytes,
		 unsigned length);
void mirror_write(struct lend_function *function, unsigned offset, unsigned limit, const uint8_t *bytes,
		  unsigned length);

/** Write or read a shadow of the guest's registers, little endian. Both take the function's lock. */
void shadow_write(struct lend_function *function, uint8_t *registers, const uint8_t *bytes, unsigned length);
uint32_t shadow_read(struct lend_function *function, const uint8_t *registers);

/**
 * Counts a write of the guest through mirror `number`, which must have no effect
 * but on the device's own register. The tenth of the same in a row is handed to
 * the hypervisor (nvidia_ioeventfd.c). Without the lock.
 */
void learn_write(struct lend_function *function, unsigned number, unsigned bar, uint64_t offset,
		 const uint8_t *bytes, unsigned length);

void ati_vga_setup(struct lend_function *function, const struct quirk *row);
void ati_bar4_setup(struct lend_function *function, const struct quirk *row);
void ati_bar2_setup(struct lend_function *function, const struct quirk *row);
void nvidia_vga_setup(struct lend_function *function, const struct quirk *row);
void nvidia_bar5_setup(struct lend_function *function, const struct quirk *row);
void nvidia_bar0_setup(struct lend_function *function, const struct quirk *row);
void rtl8168_setup(struct lend_function *function, const struct quirk *row);
int nvidia_clique(struct lend_function *function, const struct cap *caps, unsigned count,
		  struct quirk_cap *out, struct lend_error *error);
int vmd_shadow(struct lend_function *function, const struct cap *caps, unsigned count, struct quirk_cap *out,
	       struct lend_error *error);
int amd_reset(struct lend_function *function);

#endif
