/* SPDX-License-Identifier: MIT */
/* Between the files of the fake world. */
#ifndef TESTS_UNIT_FAKE_PRIVATE_H
#define TESTS_UNIT_FAKE_PRIVATE_H

#include "tests/unit/fake_world.h"

/** Adds a line to the record. */
LEND_PRINTF(2, 3) void fake_record(struct world *world, const char *format, ...);
/** Counts a call that can fail; whether it is its turn to. Any thread. */
bool fake_turn(struct world *world);
/** As fake_record(), for a call that can fail: negative when it is its turn to. */
LEND_PRINTF(2, 3) int fake_step(struct world *world, const char *format, ...);
LEND_PRINTF(2, 3) void fake_violation(struct world *world, const char *format, ...);

/** What the kernel makes of config space as it is now, where world->filtered; then a byte read and written.
 */
void fake_kernel_look(struct world *world);
uint8_t fake_kernel_read(const struct world *world, unsigned at);
/** The byte that the device has after the write. */
uint8_t fake_kernel_write(const struct world *world, unsigned at, uint8_t value);

extern const struct transport_ops fake_transport;
extern const struct lend_host_ops fake_host;
int fake_domain_make(struct lend_context *context, const struct domain_user *user,
		     const struct domain_ops **ops, void **domain, struct lend_error *error);

#endif
