/* SPDX-License-Identifier: MIT */
/*
 * The caller's tables (lend/backend.h) behind our own. The public ones keep
 * their layout, ours are free to change.
 */
#ifndef LIB_OPEN_GIVEN_H
#define LIB_OPEN_GIVEN_H

#include "lend/backend.h"
#include "lib/backend/backend.h"

/** A transport on the caller's. -EINVAL, -E2BIG: its table. Its close() closes the caller's if `owned`. */
struct given_transport {
	struct lend_transport_ops ops;
	void *dev;
	bool owned;
};
int given_transport_new(const struct lend_transport_ops *ops, void *dev, struct given_transport **out);
extern const struct transport_ops given_transport_ops;

/** The caller's domain; as arg of a domain_user whose make is given_domain_new(). */
struct given_domain;
struct given_domain_arg {
	const struct lend_domain_ops *key; /* the table and the pointer name a domain */
	struct lend_domain_ops ops;
	void *domain;
	struct given_domain *made; /* by given_domain_new(); NULL: there was one */
};
int given_domain_take(const struct lend_domain_ops *ops, void *domain, struct given_domain_arg *out);
/** A domain_make. Its close() closes the caller's once given_domain_own() was called. */
int given_domain_new(struct lend_context *context, const struct domain_user *user,
		     const struct domain_ops **ops, void **domain, struct lend_error *error);
void given_domain_own(struct given_domain *domain);

#endif
