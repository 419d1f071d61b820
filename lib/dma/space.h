/* SPDX-License-Identifier: MIT */
/* What opening and the function ask of a space. Its insides are in space_private.h. */
#ifndef LIB_DMA_SPACE_H
#define LIB_DMA_SPACE_H

#include "lend/space.h"
#include "lib/backend/backend.h"

struct lend_context *space_context(const struct lend_space *space);

/** The monitor's operations, every slot filled, and its pointer. */
const struct lend_host_ops *space_ops(const struct lend_space *space);
void *space_host(const struct lend_space *space);

/** Whether a device of the space reaches `iova`: a BAR is a range of it too where no IOMMU takes it. */
bool space_reaches(struct lend_space *space, lend_iova_t iova);

/**
 * Attaches a user to the first domain of its kind in the space that fits it,
 * else to a new one, which gets all ranges. Takes the space's lock. Any thread;
 * may block for long.
 */
int space_attach(struct lend_space *space, const struct domain_user *user, struct lend_error *error);

/** Detaches the user with this descriptor. A domain without users is emptied and closed. */
void space_detach(struct lend_space *space, int fd);

#endif
