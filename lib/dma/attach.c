/* SPDX-License-Identifier: MIT */
/* Groups coming to a space and leaving it, and the domains that they bring. Locks: lib/dma/space.h. */
#include <errno.h>
#include <stdlib.h>

#include "lib/dma/space.h"
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

/* The domain that takes the group, or -ENOENT. What a domain says when it does not fit is not told apart. */
static int join(struct lend_space *space, int group_fd)
{
	for (unsigned i = 0; i < DOMAINS_MAX; i++) {
		struct space_domain *at = &space->domains[i];

		if (at->ops && !at->ops->attach(at->opaque, group_fd))
			return (int)i;
	}
	return -ENOENT;
}

static int grow(struct lend_space *space, int group_fd, domain_make make, void *arg, struct lend_error *error)
{
	struct space_domain *at;
	unsigned place = 0;
	int ret;

	while (place < DOMAINS_MAX && space->domains[place].ops)
		place++;
	if (place == DOMAINS_MAX)
		return error_say(error, -ENOSPC, "too many IOMMU domains behind one machine");
	at = &space->domains[place];
	ret = make(space->context, arg, group_fd, &at->ops, &at->opaque, error);
	if (ret < 0) {
		*at = (struct space_domain){0};
		return ret;
	}
	ret = fill(space, place, error);
	if (ret < 0) {
		at->ops->detach(at->opaque, group_fd);
		at->ops->close(at->opaque);
		*at = (struct space_domain){0};
		return ret;
	}
	return (int)place;
}

int space_attach(struct lend_space *space, int group_fd, domain_make make, void *arg,
		 struct lend_error *error)
{
	struct space_group *group = calloc(1, sizeof(*group));
	int domain;

	if (!group)
		return error_say(error, -ENOMEM, "out of memory");
	pthread_mutex_lock(&space->lock);
	domain = join(space, group_fd);
	if (domain < 0)
		domain = grow(space, group_fd, make, arg, error);
	if (domain >= 0) {
		space->domains[domain].groups++;
		group->fd = group_fd;
		group->domain = (unsigned)domain;
		group->next = space->groups;
		space->groups = group;
	}
	pthread_mutex_unlock(&space->lock);
	if (domain < 0)
		free(group);
	return domain < 0 ? domain : 0;
}

/* Unmapped before the last group leaves: the memory must be out of reach while the group still holds it. */
void space_detach(struct lend_space *space, int group_fd)
{
	struct space_group **link, *group;
	struct space_domain *at;

	pthread_mutex_lock(&space->lock);
	for (link = &space->groups; *link && (*link)->fd != group_fd;)
		link = &(*link)->next;
	group = *link;
	if (group) {
		*link = group->next;
		at = &space->domains[group->domain];
		if (at->groups == 1)
			empty(space, group->domain);
		at->ops->detach(at->opaque, group_fd);
		if (!--at->groups) {
			at->ops->close(at->opaque);
			*at = (struct space_domain){0};
		}
	}
	pthread_mutex_unlock(&space->lock);
	free(group);
}
