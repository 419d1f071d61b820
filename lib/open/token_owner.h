/* SPDX-License-Identifier: MIT */
/*
 * Whether a VF token is due, and what to say of one. vfio-pci asks for a token where a
 * virtual function is opened whose physical one it drives too, so that two users agree that the
 * one may have what the other made. A physical function takes one, which is set by its first user.
 */
#ifndef LIB_OPEN_TOKEN_OWNER_H
#define LIB_OPEN_TOKEN_OWNER_H

#include "lend/host.h"

/**
 * Before anything is opened. -EACCES: a token is due and `token` is NULL; -EINVAL: there is one and
 * the kernel takes none; both with a sentence. 0 also where sysfs does not say.
 */
int token_check(struct lend_context *context, const struct lend_host_device *host, const char *token,
		struct lend_error *error);

/**
 * The kernel refused the device with -EACCES, with the token that was given or without one. `context` is
 * NULL where sysfs is not looked at. Returns -EACCES.
 */
int token_say_refused(struct lend_context *context, const struct lend_host_device *host, bool given,
		      struct lend_error *error);

/** The kernel takes no token for it (-EINVAL), which sysfs did not say before. Returns -EINVAL. */
int token_say_not_taken(const struct lend_host_device *host, struct lend_error *error);

#endif
