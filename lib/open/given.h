/* SPDX-License-Identifier: MIT */
/*
 * The caller's tables (lend/backend.h) behind our own (lib/backend/backend.h).
 * The public ones keep their layout; ours may change.
 */
#ifndef LIB_OPEN_GIVEN_H
#define LIB_OPEN_GIVEN_H

#include "lend/backend.h"
#include "lib/backend/backend.h"

/** A transport behind the caller's table. */
struct given_transport {
	struct lend_transport_ops ops;
	void *dev;
	bool owned; /* close() closes the caller's too */
};
/** Makes one. -EINVAL: the table has no size, or lacks a slot that it must have; -E2BIG; -ENOMEM. */
int given_transport_new(const struct lend_transport_ops *ops, void *dev, struct given_transport **out);
extern const struct transport_ops given_transport_ops;

struct given_domain;
/** The caller's domain: the `arg` of a domain_user whose `make` is given_domain_new(). */
struct given_domain_arg {
	const struct lend_domain_ops *key; /* with `domain` it tells which domain it is */
	struct lend_domain_ops ops;
	void *domain;
	struct given_domain *made; /* set by given_domain_new(); NULL: the domain was there already */
};
/** Fills `out`. -EINVAL: the table has no size, or lacks a slot that it must have; -E2BIG. */
int given_domain_take(const struct lend_domain_ops *ops, void *domain, struct given_domain_arg *out);
/** A domain_make. Its close() closes the caller's domain too, once given_domain_own() was called. */
int given_domain_new(struct lend_context *context, const struct domain_user *user,
		     const struct domain_ops **ops, void **domain, struct lend_error *error);
void given_domain_own(struct given_domain *domain);

#endif
