/* SPDX-License-Identifier: MIT */
/* The table of guest memory; see maps.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/file.h"
#include "lib/server/server.h"

/* The largest page of a file that is believed: hugetlbfs says its own, and it is a power of two. */
static const uint64_t file_page_max = 1ULL << 34;

unsigned server_maps_find(const struct server_maps *maps, lend_iova_t iova)
{
	unsigned low = 0, high = maps->count;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;

		if (maps->rows[middle]->last < iova)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool server_maps_by_messages(const struct server_maps *maps, lend_iova_t iova)
{
	unsigned at = server_maps_find(maps, iova);

	return at < maps->count && maps->rows[at]->iova <= iova && !maps->rows[at]->va &&
	       maps->rows[at]->fd < 0;
}

static unsigned access_of(uint32_t flags)
{
	return (flags & WIRE_DMA_READABLE ? LEND_ACCESS_READ : 0u) |
	       (flags & WIRE_DMA_WRITABLE ? LEND_ACCESS_WRITE : 0u);
}

static int check_request(const struct wire_dma_map *request, int fd)
{
	uint32_t ways = request->flags & (WIRE_DMA_BY_MMAP | WIRE_DMA_BY_FILE);

	if (request->flags &
	    ~(uint32_t)(WIRE_DMA_READABLE | WIRE_DMA_WRITABLE | WIRE_DMA_BY_MMAP | WIRE_DMA_BY_FILE))
		return -EINVAL;
	if (ways == (WIRE_DMA_BY_MMAP | WIRE_DMA_BY_FILE) || (ways && fd < 0))
		return -EINVAL;
	if (!request->size || request->address + request->size - 1 < request->address)
		return -EINVAL;
	if ((request->address | request->size) % SERVER_PAGE)
		return -EINVAL;
	if (fd < 0)
		return 0;
	if (request->offset % SERVER_PAGE || request->offset + request->size < request->offset ||
	    request->offset + request->size > INT64_MAX)
		return -EINVAL;
	return 0;
}

/* Files and devices that are memory. A device's length is not known: what is beyond it is a SIGBUS. */
static int look_at_file(struct server_map *map, int fd, uint64_t length, uint64_t *page)
{
	struct stat about;
	int ret = file_stat(fd, &about);

	if (ret < 0)
		return ret;
	if (!S_ISREG(about.st_mode) && !S_ISCHR(about.st_mode))
		return -EINVAL;
	if (S_ISREG(about.st_mode) && map->offset + length > (uint64_t)about.st_size)
		return -EINVAL;
	map->has_file = true;
	map->dev = about.st_dev;
	map->inode = about.st_ino;
	*page = (uint64_t)about.st_blksize;
	if (*page < SERVER_PAGE || *page > file_page_max || *page & (*page - 1))
		*page = SERVER_PAGE;
	return 0;
}

static int map_file(struct server_map *map, int fd, uint64_t length, uint64_t page)
{
	uint64_t from = map->offset & ~(page - 1);
	uint64_t to = (map->offset + length + page - 1) & ~(page - 1);
	int prot = (map->access & LEND_ACCESS_READ ? PROT_READ : 0) |
		   (map->access & LEND_ACCESS_WRITE ? PROT_WRITE : 0);
	void *at = mmap(NULL, to - from, prot, MAP_SHARED, fd, (off_t)from);

	if (at == MAP_FAILED)
		return -errno;
	map->base = at;
	map->span = to - from;
	map->va = map->base + (map->offset - from);
	return 0;
}

/*
 * False: it stays mapped. The kernel joins maps of one file. To take one out of the middle it
 * needs an area more, and may have none.
 */
static bool map_end(struct server_map *map)
{
	if (map->base && munmap(map->base, map->span))
		return false;
	if (map->fd >= 0)
		close(map->fd);
	free(map);
	return true;
}

/* It is out of the table. What stays mapped is noted, for the end of the session. */
static void give_up(struct server_maps *maps, struct server_map *map)
{
	if (map_end(map))
		return;
	map->next = maps->left;
	maps->left = map;
}

/* Without its other maps there is nothing that such a map is joined with: the session ends, and it can go. */
static int check_left(struct lend_server *server)
{
	const struct server_map *map = server->maps.left;

	if (!map)
		return 0;
	server->lost =
		error_say(&server->why, -ENOMEM,
			  "memory of it at 0x%llx cannot be unmapped: the process has as many areas as "
			  "vm.max_map_count allows",
			  (unsigned long long)map->iova);
	return server->lost;
}

static bool is_same(const struct server_map *a, const struct server_map *b, bool by_file)
{
	return a->iova == b->iova && a->last == b->last && a->access == b->access &&
	       a->has_file == b->has_file && a->offset == b->offset && a->dev == b->dev &&
	       a->inode == b->inode && !a->va == by_file;
}

static int make_room(struct server_maps *maps)
{
	unsigned room = maps->room ? maps->room * 2 : 64;
	struct server_map **rows, **old = maps->rows;

	if (maps->count < maps->room)
		return 0;
	rows = malloc(room * sizeof(rows[0]));
	if (!rows)
		return -ENOMEM;
	sigbus_lock();
	if (maps->count)
		memcpy(rows, old, maps->count * sizeof(rows[0]));
	maps->rows = rows;
	maps->room = room;
	sigbus_unlock();
	free(old);
	return 0;
}

static void put(struct server_maps *maps, unsigned at, struct server_map *map)
{
	sigbus_lock();
	memmove(&maps->rows[at + 1], &maps->rows[at], (maps->count - at) * sizeof(maps->rows[0]));
	maps->rows[at] = map;
	maps->count++;
	sigbus_unlock();
}

static struct server_map *take_out(struct server_maps *maps, unsigned at)
{
	struct server_map *map = maps->rows[at];

	sigbus_lock();
	maps->count--;
	memmove(&maps->rows[at], &maps->rows[at + 1], (maps->count - at) * sizeof(maps->rows[0]));
	sigbus_unlock();
	return map;
}

static int tell_device(struct lend_server *server, const struct server_map *map, int fd)
{
	struct lend_domain_map shown = {
		.size = sizeof(shown),
		.iova = map->iova,
		.length = map->last - map->iova + 1,
		.va = map->va,
		.fd = fd,
		.offset = map->offset,
		.access = map->access,
	};

	return server->ops.map ? server->ops.map(server->device.dev, &shown) : 0;
}

/* 1: the client has that map already. */
static int find_place(const struct lend_server *server, const struct server_map *map, bool by_file,
		      unsigned *at)
{
	const struct server_maps *maps = &server->maps;

	*at = server_maps_find(maps, map->iova);
	if (*at < maps->count && maps->rows[*at]->iova <= map->last)
		return is_same(maps->rows[*at], map, by_file || !map->has_file) ? 1 : -EEXIST;
	return maps->count < SERVER_MAPS_MAX ? 0 : -ENOSPC;
}

/* `map` is in the table, or freed. */
static int enter(struct lend_server *server, struct server_map *map, int fd, bool by_file, uint64_t page)
{
	uint64_t length = map->last - map->iova + 1;
	unsigned at;
	int ret = find_place(server, map, by_file, &at);

	if (!ret)
		ret = make_room(&server->maps);
	if (!ret && map->has_file && !by_file)
		ret = map_file(map, fd, length, page);
	if (!ret) {
		/* In the table first: the slot may look at the memory, which may be a SIGBUS. */
		put(&server->maps, at, map);
		ret = tell_device(server, map, fd);
		if (!ret)
			return 0;
		take_out(&server->maps, at);
		ret = ret < 0 ? ret : -EINVAL;
	}
	give_up(&server->maps, map);
	return check_left(server) ? -ENOMEM : ret > 0 ? 0 : ret;
}

int server_maps_add(struct lend_server *server, const struct wire_dma_map *request, int fd)
{
	struct server_map *map = calloc(1, sizeof(*map));
	bool by_file = request->flags & WIRE_DMA_BY_FILE;
	uint64_t page = SERVER_PAGE;
	int ret = map ? check_request(request, fd) : -ENOMEM;

	if (!ret) {
		*map = (struct server_map){
			.iova = request->address,
			.last = request->address + request->size - 1,
			.fd = -1,
			.offset = fd >= 0 ? request->offset : 0,
			.access = access_of(request->flags),
		};
		ret = fd >= 0 ? look_at_file(map, fd, request->size, &page) : 0;
	}
	if (ret < 0) {
		free(map);
		goto close;
	}
	if (by_file)
		map->fd = fd;
	ret = enter(server, map, fd, by_file, page);
	if (by_file)
		return ret;
close:
	if (fd >= 0)
		close(fd);
	return ret;
}

static void remove_at(struct lend_server *server, unsigned at)
{
	const struct server_map *map = server->maps.rows[at];

	/*
	 * It stays in the table until the device has stopped, for a SIGBUS meanwhile. A device in the midst
	 * of waiting for a message cannot stop; it has no pointers to this one, as request_can_nest() saw to.
	 */
	if (server->ops.unmap && !server->waiters)
		server->ops.unmap(server->device.dev, map->iova, map->last - map->iova + 1);
	give_up(&server->maps, take_out(&server->maps, at));
}

int server_maps_remove(struct lend_server *server, lend_iova_t iova, uint64_t length)
{
	struct server_maps *maps = &server->maps;
	unsigned at = server_maps_find(maps, iova);

	if (!length || at == maps->count || maps->rows[at]->iova != iova ||
	    maps->rows[at]->last != iova + length - 1)
		return -ENOENT;
	remove_at(server, at);
	return check_left(server);
}

static void remove_left(struct lend_server *server)
{
	struct server_map *map = server->maps.left, *next;

	server->maps.left = NULL;
	for (; map; map = next) {
		next = map->next;
		if (!map_end(map))
			server_log(server, LEND_LOG_ERROR,
				   "memory of the client at 0x%llx stays mapped until this process ends",
				   (unsigned long long)map->iova);
	}
}

void server_maps_remove_all(struct lend_server *server)
{
	struct server_maps *maps = &server->maps;
	struct server_map **rows = maps->rows;

	while (maps->count)
		remove_at(server, maps->count - 1);
	sigbus_lock();
	maps->rows = NULL;
	maps->room = 0;
	sigbus_unlock();
	free(rows);
	remove_left(server);
}
