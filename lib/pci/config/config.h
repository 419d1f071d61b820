/* SPDX-License-Identifier: MIT */
/*
 * Config space as tables. Those who set up a capability use the config_set_*
 * functions, before the function is in use; the engine (config.c) then walks
 * the bytes. A byte of which no bit is virtual belongs to the device, writes
 * included; one whose bits all are never reaches it.
 */
#ifndef LIB_PCI_CONFIG_CONFIG_H
#define LIB_PCI_CONFIG_CONFIG_H

#include "lib/pci/function.h"

/** `length` (1 to 4) bytes read `value` and cannot be written. */
void config_set_virtual(struct lend_function *function, unsigned offset, unsigned length, uint32_t value);
/** Of `length` bytes the bits of `bits` read as in `value`; the rest stays the device's. */
void config_set_bits(struct lend_function *function, unsigned offset, unsigned length, uint32_t bits,
		     uint32_t value);
/** The bits of the state that the guest may write. */
void config_set_writable(struct lend_function *function, unsigned offset, unsigned length, uint32_t mask);
/** Writes to [offset, offset + length) do not reach the device. */
void config_set_blocked(struct lend_function *function, unsigned offset, unsigned length);
/** Says whose the bytes are. */
void config_claim(struct lend_function *function, unsigned offset, unsigned length, enum claim claim);
void config_set_hook(struct lend_function *function, unsigned offset, unsigned length, enum hook hook);

/** The state's value, whether the guest sees it or not; `length` 1 to 4. */
uint32_t config_state(const struct lend_function *function, unsigned offset, unsigned length);
void config_store(struct lend_function *function, unsigned offset, unsigned length, uint32_t value);

/** What the guest saw of it when the function was made: ids that were overridden, too. */
uint32_t config_shown(const struct lend_function *function, unsigned offset, unsigned length);
/** What the device had when it was opened. */
uint32_t config_hw(const struct lend_function *function, unsigned offset, unsigned length);

/** The device's own register: 0 or negative errno. Counted as a system call. */
int config_device_read(struct lend_function *function, unsigned offset, unsigned length, uint32_t *out);
int config_device_write(struct lend_function *function, unsigned offset, unsigned length, uint32_t value);

/** Header fields of type 0 (header.c). */
int header_setup(struct lend_function *function, struct lend_error *error);

/** Power state (power.c): takes forbidden changes of the power state out of a write's bytes. */
void pm_filter(const struct lend_function *function, unsigned offset, unsigned length, uint8_t *bytes);
/**
 * Whether a write's bytes start a function level reset (reset_write.c): the
 * kernel carries it out, and serves no BAR meanwhile.
 */
bool write_resets(const struct lend_function *function, unsigned offset, unsigned length,
		  const uint8_t *bytes);
/** D0 to D3, as the guest set it. */
unsigned pm_state(const struct lend_function *function);

#endif
