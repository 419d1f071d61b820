/* SPDX-License-Identifier: MIT */
/* A domain that is an address space of iommufd (an IOAS) with the page tables that its devices need. */
#ifndef LIB_BACKEND_IOAS_H
#define LIB_BACKEND_IOAS_H

#include "lib/backend/backend.h"

/** What domain_user.arg points to; lives as long as the user is attached. */
struct ioas_arg {
	int iommufd;
	bool emulated; /* a mediated device: its driver pins pages itself, there are no page tables for it */
};

/** A domain_make; its users are devices that are bound to an iommufd. */
int ioas_new(struct lend_context *context, const struct domain_user *user, const struct domain_ops **ops,
	     void **domain, struct lend_error *error);

#endif
