/* SPDX-License-Identifier: MIT */
/*
 * What the physical side and the function ask of a space. Declared here, below
 * both, and filled in by lib/dma, so that knowledge points one way.
 */
#ifndef LIB_BACKEND_SPACE_H
#define LIB_BACKEND_SPACE_H

#include "lend/space.h"
#include "lib/backend/backend.h"

struct lend_context *space_context(const struct lend_space *space);

/** The monitor's operations, every slot filled, and its pointer. */
const struct lend_host_ops *space_ops(const struct lend_space *space);
void *space_host(const struct lend_space *space);

/** Makes a domain with the group behind it (its descriptor, or any number below 0 for none). */
typedef int (*domain_make)(struct lend_context *context, void *arg, int group_fd,
			   const struct domain_ops **ops, void **domain, struct lend_error *error);

/**
 * Puts a group behind the first domain of the space that takes it, else behind
 * a new one, into which all ranges go first. `group_fd` names it to
 * space_detach(). Takes the space's lock. Any thread; may block for long.
 */
int space_attach(struct lend_space *space, int group_fd, domain_make make, void *arg,
		 struct lend_error *error);

/** Takes a group off its domain; a domain without groups is unmapped and closed. */
void space_detach(struct lend_space *space, int group_fd);

#endif
