/* SPDX-License-Identifier: MIT */
/* Guest memory for the device: as pieces of the caller's memory, or copied. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/server/dma.h"
#include "lib/server/server.h"

/* The map that has `iova` and allows the access; NULL: there is none. */
static struct server_map *find(struct lend_server *server, lend_iova_t iova, unsigned access)
{
	const struct server_maps *maps = &server->maps;
	unsigned at = server_maps_find(maps, iova);
	struct server_map *map = at < maps->count ? maps->rows[at] : NULL;

	if (!map || map->iova > iova || (map->access & access) != access)
		return NULL;
	if (!__atomic_load_n(&map->broken, __ATOMIC_RELAXED))
		return map;
	if (!map->told)
		server_log(server, LEND_LOG_WARNING,
			   "the file of guest memory at 0x%llx became shorter; the client broke it, and the "
			   "device reaches it no more",
			   (unsigned long long)map->iova);
	map->told = true;
	return NULL;
}

static uint64_t piece_length(const struct server_map *map, lend_iova_t iova, uint64_t length)
{
	uint64_t rest = map->last - iova;

	return length - 1 < rest ? length : rest + 1;
}

int lend_server_memory(struct lend_server *server, lend_iova_t iova, uint64_t length, unsigned access,
		       struct iovec *out, unsigned max)
{
	unsigned count = 0;

	if (!length || iova + (length - 1) < iova)
		return -EINVAL;
	while (length) {
		const struct server_map *map = find(server, iova, access);
		uint64_t piece;

		if (!map)
			return -EFAULT;
		if (!map->va)
			return -EREMOTE;
		if (count == max)
			return -E2BIG;
		piece = piece_length(map, iova, length);
		out[count++] = (struct iovec){map->va + (iova - map->iova), piece};
		iova += piece;
		length -= piece;
	}
	return (int)count;
}

/* By the file, whole. */
static int copy_file(const struct server_map *map, uint64_t at, uint8_t *to, const uint8_t *from,
		     uint64_t length)
{
	while (length) {
		off_t offset = (off_t)(map->offset + at);
		ssize_t done =
			from ? pwrite(map->fd, from, length, offset) : pread(map->fd, to, length, offset);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return -EIO;
		at += (uint64_t)done;
		length -= (uint64_t)done;
		from = from ? from + done : NULL;
		to = to ? to + done : NULL;
	}
	return 0;
}

/* What one message takes: the map may be gone when it is answered. */
static uint64_t message_length(const struct lend_server *server, uint64_t length)
{
	uint64_t most = server->client.data < WIRE_DATA_MAX ? server->client.data : WIRE_DATA_MAX;

	return length < most ? length : most;
}

static int copy_piece(struct lend_server *server, const struct server_map *map, lend_iova_t iova, uint8_t *to,
		      const uint8_t *from, uint64_t length, const struct timespec *until)
{
	uint64_t at = iova - map->iova;

	if (map->va && from)
		memcpy(map->va + at, from, length);
	else if (map->va)
		/* static: one of `to` and `from` is given */
		memcpy(to, map->va + at, length);
	else if (map->fd >= 0)
		return copy_file(map, at, to, from, length);
	else
		return dma_message(server, iova, to, from, length, until);
	/* What was copied from a file that was cut are zeros. */
	return __atomic_load_n(&map->broken, __ATOMIC_RELAXED) ? -EFAULT : 0;
}

static int copy(struct lend_server *server, lend_iova_t iova, uint8_t *to, const uint8_t *from,
		uint64_t length)
{
	unsigned access = from ? LEND_ACCESS_WRITE : LEND_ACCESS_READ;
	struct timespec until = {0}; /* one for all messages: a client may take a byte in each */
	int ret = 0;

	if (length && iova + (length - 1) < iova)
		return -EFAULT;
	while (length && !ret) {
		const struct server_map *map = find(server, iova, access);
		uint64_t piece;

		if (!map)
			return -EFAULT;
		piece = piece_length(map, iova, length);
		if (!map->va && map->fd < 0) {
			piece = message_length(server, piece);
			if (!until.tv_sec)
				until = dma_deadline(server, length);
		}
		ret = copy_piece(server, map, iova, to, from, piece, &until);
		iova += piece;
		length -= piece;
		from = from ? from + piece : NULL;
		to = to ? to + piece : NULL;
	}
	return ret;
}

int lend_server_read_memory(struct lend_server *server, lend_iova_t iova, void *data, uint64_t length)
{
	return copy(server, iova, data, NULL, length);
}

int lend_server_write_memory(struct lend_server *server, lend_iova_t iova, const void *data, uint64_t length)
{
	return copy(server, iova, NULL, data, length);
}
