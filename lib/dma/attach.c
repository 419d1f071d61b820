/* SPDX-License-Identifier: MIT */
/* Groups and devices coming to a space and leaving it, and the domains that they bring. Locks:
 * lib/dma/space_private.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dma/space_private.h"
#include "lib/error.h"

/* Removes all maps before `end`, NULL: all there are. The domain is closed next, which removes what it keeps.
 */
static void empty(struct lend_space *space, unsigned domain, const struct dma_map *end)
{
	struct space_domain *at = &space->domains[domain];
	uint64_t bit = UINT64_C(1) << domain;

	for (struct dma_map *map = map_tree_find(&space->maps, 0); map != end;
	     map = map_tree_next(&space->maps, map)) {
		if (map->domains & bit)
			at->ops->unmap(at->opaque, map->iova, map->length);
		map->domains &= ~bit;
	}
}

/* All maps of the space into a new domain, or none. */
static int fill(struct lend_space *space, unsigned domain, struct lend_error *error)
{
	for (struct dma_map *map = map_tree_find(&space->maps, 0); map;
	     map = map_tree_next(&space->maps, map)) {
		int ret = space_map_one(space, map, domain);

		if (ret < 0) {
			ret = space_say_map(space, map, ret, error);
			empty(space, domain, map);
			return ret;
		}
	}
	return 0;
}

/* Returns the domain that takes the user. -EINVAL: no domain fits. With any other error no more is tried. */
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
	space->windows.known = false;
	ret = fill(space, place, error);
	if (ret < 0) {
		at->ops->detach(at->opaque, user);
		at->ops->close(at->opaque);
		*at = (struct space_domain){0};
		space->windows.known = false;
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
	space_lock(space);
	domain = place(space, user, error);
	if (domain >= 0) {
		space->windows.known = false;
		space->domains[domain].users++;
		kept->user = *user;
		kept->user.name = NULL;
		kept->domain = (unsigned)domain;
		kept->next = space->users;
		space->users = kept;
	}
	space_unlock(space);
	if (domain < 0)
		free(kept);
	return domain < 0 ? domain : 0;
}

/* Whether the user is the last one of a domain that ends with it. */
static bool is_last(const struct lend_space *space, const struct space_domain *at)
{
	return at->users == 1 && !(space->keeps && at->ops->stays);
}

/* A domain is emptied before its last user leaves it, so that no device can reach the memory after this. */
void space_detach(struct lend_space *space, int fd)
{
	struct space_user **link, *user;
	struct space_domain *at;
	bool last;

	space_lock(space);
	for (link = &space->users; *link && (*link)->user.fd != fd;)
		link = &(*link)->next;
	user = *link;
	if (user) {
		*link = user->next;
		space->windows.known = false;
		at = &space->domains[user->domain];
		last = is_last(space, at);
		if (last)
			empty(space, user->domain, NULL);
		at->ops->detach(at->opaque, &user->user);
		at->users--;
		if (last) {
			at->ops->close(at->opaque);
			*at = (struct space_domain){0};
		}
	}
	space_unlock(space);
	free(user);
}
