/* SPDX-License-Identifier: MIT */
/*
 * Config space as tables, with a row for each byte (struct config). The files
 * of the capabilities fill the tables with config_set_*() before the function is
 * in use. config.c serves the guest's accesses from them.
 *
 * A bit is virtual or the device's. A byte without virtual bits is read from the
 * device and written to it. A byte whose eight bits are virtual is neither.
 */
#ifndef LIB_PCI_CONFIG_CONFIG_H
#define LIB_PCI_CONFIG_CONFIG_H

#include "lib/pci/function.h"

/** Makes `length` bytes (1 to 4) virtual: they read `value`, and the guest cannot write them. */
void config_set_virtual(struct lend_function *function, unsigned offset, unsigned length, uint32_t value);
/** Makes the bits in `bits` virtual: they read as in `value`. The other bits stay the device's. */
void config_set_bits(struct lend_function *function, unsigned offset, unsigned length, uint32_t bits,
		     uint32_t value);
/** Sets which bits of the state the guest may write. */
void config_set_writable(struct lend_function *function, unsigned offset, unsigned length, uint32_t mask);
/** Sets which bits of the state a written 1 clears; those are not writable else. */
void config_set_cleared(struct lend_function *function, unsigned offset, unsigned length, uint32_t bits);
/** Keeps writes to [offset, offset + length) from the device. */
void config_set_blocked(struct lend_function *function, unsigned offset, unsigned length);
/** Notes whose the bytes are. */
void config_claim(struct lend_function *function, unsigned offset, unsigned length, enum claim claim);
/** Sets which hook runs when the guest writes one of the bytes. */
void config_set_hook(struct lend_function *function, unsigned offset, unsigned length, enum hook hook);

/** Reads or writes the state, whether the guest sees these bits or not; `length` is 1 to 4. */
uint32_t config_state(const struct lend_function *function, unsigned offset, unsigned length);
void config_store(struct lend_function *function, unsigned offset, unsigned length, uint32_t value);

/** Notes the state as it is now: what a reset leaves. */
void config_begin(struct lend_function *function);
/** What was noted; `length` is 1 to 4, as of the next one. */
uint32_t config_start(const struct lend_function *function, unsigned offset, unsigned length);
/** The virtual bits. */
uint32_t config_virt(const struct lend_function *function, unsigned offset, unsigned length);

/** What the guest sees there, with the device's bits as they were at open and with the user's ids. */
uint32_t config_shown(const struct lend_function *function, unsigned offset, unsigned length);
/** The device's bytes as they were when it was opened. */
uint32_t config_hw(const struct lend_function *function, unsigned offset, unsigned length);

/** Reads or writes the device's own register: 0 or negative errno. Counts as a system call. */
int config_device_read(struct lend_function *function, unsigned offset, unsigned length, uint32_t *out);
int config_device_write(struct lend_function *function, unsigned offset, unsigned length, uint32_t value);

/** Sets up the header (header.c). -EPROTO: the device does not answer; -ENOTSUP: it is a bridge. */
int header_setup(struct lend_function *function, struct lend_error *error);

/** Takes a change of the power state that is not allowed out of a write's bytes (power.c). */
void pm_filter(const struct lend_function *function, unsigned offset, unsigned length, uint8_t *bytes);
/**
 * Whether a write's bytes start a function level reset (reset_write.c). The
 * kernel carries the reset out, and serves no BAR meanwhile.
 */
bool write_resets(const struct lend_function *function, unsigned offset, unsigned length,
		  const uint8_t *bytes);
/** The power state that the guest set: 0 (D0) to 3 (D3hot). */
unsigned pm_state(const struct lend_function *function);

#endif
