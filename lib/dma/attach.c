/* SPDX-License-Identifier: MIT */
/* Groups and devices coming to a space and leaving it, and the domains that they bring. Locks:
 * lib/dma/space_private.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dma/space_private.h"
#include "lib/error.h"

/* All maps of the space into a new domain, or none. */
static int fill(struct lend_space *space, unsigned domain, struct lend_error *error)
{
	struct space_domain *at = &space->domains[domain];
	uint64_t bit = UINT64_C(1) << domain;
	size_t done;
	int ret;

	for (done = 0; done < space->maps.count; done++) {
		ret = space_map_one(space, &space->maps.at[done], domain);
		if (ret < 0) {
			ret = space_say_map(space, &space->maps.at[done], ret, error);
			goto unmap;
		}
	}
	return 0;

unmap:
	while (done--) {
		struct dma_map *map = &space->maps.at[done];

		if (map->domains & bit)
			at->ops->unmap(at->opaque, map->iova, map->length);
		map->domains &= ~bit;
	}
	return ret;
}

static void empty(struct lend_space *space, unsigned domain)
{
	struct space_domain *at = &space->domains[domain];
	uint64_t bit = UINT64_C(1) << domain;

	for (size_t i = space->maps.count; i--;) {
		struct dma_map *map = &space->maps.at[i];

		if (map->domains & bit)
			at->ops->unmap(at->opaque, map->iova, map->length);
		map->domains &= ~bit;
	}
}

/* The domain that takes the user; -EINVAL: none does. Any other error is final. */
static int join(struct lend_space *space, const struct domain_user *user)
{
	for (unsigned i = 0; i < DOMAINS_MAX; i++) {
		struct space_domain *at = &space->domains[i];
		int ret;

		if (!at->ops || at->make != user->make)
			continue;
		ret = at->ops->attach(at->opaque, user);
		if (ret != -EINVAL)
			return ret < 0 ? ret : (int)i;
	}
	return -EINVAL;
}

static int grow(struct lend_space *space, const struct domain_user *user, struct lend_error *error)
{
	struct space_domain *at;
	unsigned place = 0;
	int ret;

	while (place < DOMAINS_MAX && space->domains[place].ops)
		place++;
	if (place == DOMAINS_MAX)
		return error_say(error, -ENOSPC, "too many IOMMU domains behind one machine");
	at = &space->domains[place];
	ret = user->make(space->context, user, &at->ops, &at->opaque, error);
	if (ret < 0) {
		*at = (struct space_domain){0};
		return ret;
	}
	at->make = user->make;
	ret = fill(space, place, error);
	if (ret < 0) {
		at->ops->detach(at->opaque, user);
		at->ops->close(at->opaque);
		*at = (struct space_domain){0};
		return ret;
	}
	return (int)place;
}

static int place(struct lend_space *space, const struct domain_user *user, struct lend_error *error)
{
	int domain = join(space, user);

	if (domain == -EINVAL)
		return grow(space, user, error);
	if (domain == -EADDRINUSE)
		return error_say(
			error, domain,
			"%s: guest memory that is mapped already lies on addresses that are reserved "
			"for it; give it together with the others",
			user->name);
	if (domain < 0)
		return error_say(error, domain, "%s: cannot put it behind the machine's IOMMU: %s",
				 user->name, strerror(-domain));
	return domain;
}

int space_attach(struct lend_space *space, const struct domain_user *user, struct lend_error *error)
{
	struct space_user *kept = calloc(1, sizeof(*kept));
	int domain;

	if (!kept)
		return error_say(error, -ENOMEM, "out of memory");
	pthread_mutex_lock(&space->lock);
	domain = place(space, user, error);
	if (domain >= 0) {
		space->domains[domain].users++;
		kept->user = *user;
		kept->user.name = NULL;
		kept->domain = (unsigned)domain;
		kept->next = space->users;
		space->users = kept;
	}
	pthread_mutex_unlock(&space->lock);
	if (domain < 0)
		free(kept);
	return domain < 0 ? domain : 0;
}

/* Unmapped before the last user leaves: the memory must be out of reach while the user still holds it. */
void space_detach(struct lend_space *space, int fd)
{
	struct space_user **link, *user;
	struct space_domain *at;

	pthread_mutex_lock(&space->lock);
	for (link = &space->users; *link && (*link)->user.fd != fd;)
		link = &(*link)->next;
	user = *link;
	if (user) {
		*link = user->next;
		at = &space->domains[user->domain];
		if (at->users == 1)
			empty(space, user->domain);
		at->ops->detach(at->opaque, &user->user);
		if (!--at->users) {
			at->ops->close(at->opaque);
			*at = (struct space_domain){0};
		}
	}
	pthread_mutex_unlock(&space->lock);
	free(user);
}
