/* SPDX-License-Identifier: MIT */
/* Groups and devices coming to a space and leaving it, and the domains that they bring. Locks:
 * lib/dma/space_private.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dma/space_private.h"
#include "lib/error.h"

/* Removes all maps. The domain is closed next, which removes what it keeps. */
static void empty(struct lend_space *space, unsigned domain)
{
	struct space_domain *at = &space->domains[domain];
	uint64_t bit = UINT64_C(1) << domain;

	for (struct dma_map *map = map_tree_find(&space->maps, 0); map;
	     map = map_tree_next(&space->maps, map)) {
		if (map->domains & bit)
			at->ops->unmap(at->opaque, map->iova, map->length);
		map->domains &= ~bit;
	}
}

/* The maps of guest memory, as they are while a domain is filling. Their count; -ENOMEM. */
static int list_memory(struct lend_space *space, struct dma_map ***out)
{
	struct dma_map **list = calloc(space->maps.count + 1, sizeof(*list));
	int count = 0;

	for (struct dma_map *map = list ? map_tree_find(&space->maps, 0) : NULL; map;
	     map = map_tree_next(&space->maps, map))
		if (map->kind != LEND_RANGE_BAR)
			list[count++] = map;
	*out = list;
	return list ? count : -ENOMEM;
}

/*
 * All of the list into a domain, or nothing. `*at`: the map that failed, or else the slowest one, which took
 * `*took` ns.
 */
static int map_memory(const struct space_domain *domain, struct dma_map *const *list, int count, int *at,
		      uint64_t *took)
{
	*at = 0;
	*took = 0;
	for (int i = 0; i < count; i++) {
		uint64_t now;
		int ret = space_map_in(domain, list[i], &now);

		if (ret < 0) {
			*at = i;
			while (i--)
				domain->ops->unmap(domain->opaque, list[i]->iova, list[i]->length);
			return ret;
		}
		if (now > *took) {
			*took = now;
			*at = i;
		}
	}
	return 0;
}

/*
 * The sentence for a map that the new domain does not take. The domain is one of the space's meanwhile, since
 * the sentence says what it can address.
 */
static int say_failed(struct lend_space *space, unsigned place, const struct space_domain *new,
		      const struct dma_map *map, int ret, struct lend_error *error)
{
	space->domains[place] = *new;
	space->windows.known = false;
	ret = space_say_map(space, map, ret, error);
	space->domains[place] = (struct space_domain){0};
	space->windows.known = false;
	return ret;
}

/*
 * All of guest memory into a new domain, or nothing. The lock is held before and after it, and not
 * meanwhile.
 */
static int fill(struct lend_space *space, unsigned place, const struct space_domain *new,
		struct lend_error *error)
{
	struct dma_map **list;
	int count = list_memory(space, &list), ret, at;
	uint64_t took;

	if (count < 0)
		return error_say(error, count, "out of memory");
	space->filling = true;
	space_unlock(space);
	ret = map_memory(new, list, count, &at, &took);
	space_lock(space);
	space->filling = false;
	pthread_cond_broadcast(&space->filled);
	if (ret < 0)
		ret = say_failed(space, place, new, list[at], ret, error);
	else if (count)
		space_note_slow(space, list[at], took, false);
	for (int i = 0; i < count && !ret; i++)
		list[i]->domains |= UINT64_C(1) << place;
	free(list);
	return ret; /* static: the list is freed above */
}

/* A BAR that the domain does not take is a note. */
static void fill_bars(struct lend_space *space, unsigned domain)
{
	for (struct dma_map *map = map_tree_find(&space->maps, 0); map;
	     map = map_tree_next(&space->maps, map))
		if (map->kind == LEND_RANGE_BAR)
			space_map_one(space, map, domain);
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
	struct space_domain new = {.make = user->make};
	unsigned place = 0;
	int ret;

	while (place < DOMAINS_MAX && space->domains[place].ops)
		place++;
	if (place == DOMAINS_MAX)
		return error_say(error, -ENOSPC, "too many IOMMU domains behind one machine");
	ret = user->make(space->context, user, &new.ops, &new.opaque, error);
	if (ret < 0)
		return ret;
	ret = fill(space, place, &new, error);
	if (ret < 0) {
		new.ops->detach(new.opaque, user);
		new.ops->close(new.opaque);
		return ret;
	}
	space->domains[place] = new;
	space->windows.known = false;
	fill_bars(space, place);
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
	space_await_fill(space);
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
			empty(space, user->domain);
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
