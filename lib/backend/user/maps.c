/* SPDX-License-Identifier: MIT */
/* A sorted array: there are few maps, and they change rarely. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/backend/user/maps.h"

/* Index of the first map that ends behind `iova`. */
static size_t first_behind(const struct user_session *session, lend_iova_t iova)
{
	size_t low = 0, high = session->map_count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct domain_map *map = &session->maps[middle];

		if (map->iova + (map->length - 1) < iova)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int make_room(struct user_session *session)
{
	size_t room = session->map_room ? 2 * session->map_room : 16;
	struct domain_map *maps;

	if (session->map_count >= session->server.maps)
		return -ENOSPC;
	if (session->map_count < session->map_room)
		return 0;
	maps = reallocarray(session->maps, room, sizeof(*maps));
	if (!maps)
		return -ENOMEM;
	session->maps = maps;
	session->map_room = room;
	return 0;
}

int maps_add(struct user_session *session, const struct domain_map *map)
{
	size_t at = first_behind(session, map->iova);
	int ret;

	if (at < session->map_count && session->maps[at].iova <= map->iova + (map->length - 1))
		return -EEXIST;
	ret = make_room(session);
	if (ret < 0)
		return ret;
	memmove(&session->maps[at + 1], &session->maps[at],
		(session->map_count - at) * sizeof(*session->maps));
	session->maps[at] = *map;
	session->map_count++;
	session->map_changes++;
	return 0;
}

static struct domain_map *find(struct user_session *session, lend_iova_t iova, uint64_t length)
{
	size_t at = first_behind(session, iova);
	struct domain_map *found = at < session->map_count ? &session->maps[at] : NULL;

	return found && found->iova == iova && found->length == length ? found : NULL;
}

const struct domain_map *maps_at(struct user_session *session, lend_iova_t iova, uint64_t length)
{
	return find(session, iova, length);
}

int maps_remove(struct user_session *session, lend_iova_t iova, uint64_t length)
{
	struct domain_map *found = find(session, iova, length);

	if (!found)
		return -ENOENT;
	session->map_count--;
	session->map_changes++;
	memmove(found, found + 1,
		(size_t)(&session->maps[session->map_count] - found) * sizeof(*session->maps));
	return 0;
}

int maps_find(struct user_session *session, lend_iova_t iova, uint64_t length, unsigned access,
	      struct iovec *out, unsigned max)
{
	size_t at = first_behind(session, iova);
	unsigned count = 0;

	while (length) {
		const struct domain_map *map = at < session->map_count ? &session->maps[at] : NULL;
		uint64_t inside, part;

		if (!map || map->iova > iova || (map->access & access) != access || count == max)
			return -ENODEV;
		inside = iova - map->iova;
		part = map->length - inside < length ? map->length - inside : length;
		out[count++] = (struct iovec){(uint8_t *)map->va + inside, part};
		iova += part;
		length -= part;
		at++;
	}
	return (int)count;
}
