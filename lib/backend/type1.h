/* SPDX-License-Identifier: MIT */
/* A domain that is a VFIO container with the type1v2 IOMMU. */
#ifndef LIB_BACKEND_TYPE1_H
#define LIB_BACKEND_TYPE1_H

#include "lib/backend/backend.h"

/**
 * A domain_make; its users are groups. `arg` is NULL, or points to the descriptor of
 * a container (an int, -1: none): nothing is opened then.
 */
int type1_new(struct lend_context *context, const struct domain_user *user, const struct domain_ops **ops,
	      void **domain, struct lend_error *error);

#endif
