/* SPDX-License-Identifier: MIT */
/*
 * A domain behind the caller's table. It needs no lock: one thread at a time calls a domain, though the
 * space may call two of its domains at once.
 */
#include <errno.h>
#include <stdlib.h>

#include "lib/error.h"
#include "lib/open/given.h"
#include "lib/sized.h"

struct given_domain {
	const struct lend_domain_ops *key;
	struct lend_domain_ops ops;
	void *domain;
	bool owned;
};

static int given_map(void *domain, const struct domain_map *map)
{
	const struct given_domain *given = domain;
	const struct lend_domain_map what = {
		.size = sizeof(what),
		.iova = map->iova,
		.length = map->length,
		.va = map->va,
		.fd = map->fd,
		.offset = map->offset,
		.access = map->access,
		.peer = map->peer,
	};

	return given->ops.map(given->domain, &what);
}

static int given_unmap(void *domain, lend_iova_t iova, uint64_t length)
{
	const struct given_domain *given = domain;

	return given->ops.unmap(given->domain, iova, length);
}

static size_t given_windows(void *domain, struct lend_iova_window *out, size_t max)
{
	const struct given_domain *given = domain;

	if (given->ops.windows)
		return given->ops.windows(given->domain, out, max);
	if (max)
		out[0] = (struct lend_iova_window){0, UINT64_MAX};
	return 1;
}

static int given_attach(void *domain, const struct domain_user *user)
{
	const struct given_domain *given = domain;
	const struct given_domain_arg *arg = user->arg;

	return given->key == arg->key && given->domain == arg->domain ? 0 : -EINVAL;
}

static int given_detach(void *domain, const struct domain_user *user)
{
	(void)domain, (void)user;
	return 0;
}

static void given_close(void *domain)
{
	struct given_domain *given = domain;

	if (given->owned && given->ops.close)
		given->ops.close(given->domain);
	free(given);
}

int given_domain_take(const struct lend_domain_ops *ops, void *domain, struct given_domain_arg *out)
{
	int ret = sized_take(&out->ops, sizeof(out->ops), ops, sizeof(ops->size));

	if (ret < 0)
		return ret;
	out->key = ops;
	out->domain = domain;
	out->made = NULL;
	return out->ops.map && out->ops.unmap ? 0 : -EINVAL;
}

int given_domain_new(struct lend_context *context, const struct domain_user *user,
		     const struct domain_ops **ops, void **domain, struct lend_error *error)
{
	static const struct domain_ops own = {
		.map = given_map,
		.unmap = given_unmap,
		.windows = given_windows,
		.attach = given_attach,
		.detach = given_detach,
		.close = given_close,
	};
	struct given_domain_arg *arg = user->arg;
	struct given_domain *given = calloc(1, sizeof(*given));

	(void)context;
	if (!given)
		return error_say(error, -ENOMEM, "%s: out of memory", user->name);
	given->key = arg->key;
	given->ops = arg->ops;
	given->domain = arg->domain;
	arg->made = given;
	*ops = &own;
	*domain = given;
	return 0;
}

void given_domain_own(struct given_domain *domain)
{
	domain->owned = true;
}
