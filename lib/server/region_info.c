/* SPDX-License-Identifier: MIT */
/* What regions are: size, what of them can be mapped, and which writes signal an eventfd. */
#include <errno.h>
#include <string.h>

#include "lib/server/requests.h"

static bool can_map(const struct lend_server *server, const struct lend_server_region *region)
{
	return region->size && region->fd > 0 && server->client.fds;
}

/* The areas follow the fixed part as a capability. Returns the bytes of the reply. */
static size_t put_areas(const struct lend_server_region *region, uint8_t *out)
{
	const struct lend_area whole = {0, region->size};
	const struct lend_area *areas = region->areas ? region->areas : &whole;
	struct wire_sparse sparse = {.count = region->areas ? region->area_count : 1};
	const struct wire_cap cap = {.id = WIRE_CAP_SPARSE, .version = 1};
	uint8_t *at = out + sizeof(struct wire_region_info);

	memcpy(at, &cap, sizeof(cap));
	memcpy(at + sizeof(cap), &sparse, sizeof(sparse));
	at += sizeof(cap) + sizeof(sparse);
	for (unsigned i = 0; i < sparse.count; i++, at += sizeof(struct wire_area))
		memcpy(at, &(struct wire_area){areas[i].offset, areas[i].length}, sizeof(struct wire_area));
	return (size_t)(at - out);
}

static size_t reply_size(const struct lend_server_region *region)
{
	unsigned areas = region->areas ? region->area_count : 1;

	return sizeof(struct wire_region_info) + sizeof(struct wire_cap) + sizeof(struct wire_sparse) +
	       areas * sizeof(struct wire_area);
}

int region_info_request(struct lend_server *server, struct server_message *message,
			struct server_reply *reply)
{
	const struct lend_server_region *region;
	struct wire_region_info info;
	size_t size = sizeof(info), room;
	uint8_t *out;

	memcpy(&info, message->payload, sizeof(info));
	if (info.argsz < sizeof(info) || info.index >= LEND_REGION_COUNT)
		return -EINVAL;
	region = &server->device.regions[info.index];
	room = info.argsz;
	info = (struct wire_region_info){.index = info.index, .size = region->size};
	if (region->size)
		info.flags = (region->readable ? WIRE_REGION_CAN_READ : 0u) |
			     (region->writable ? WIRE_REGION_CAN_WRITE : 0u);
	out = server_scratch(server, reply_size(region));
	if (!out)
		return -ENOMEM;
	if (can_map(server, region)) {
		info.flags |= WIRE_REGION_CAN_MAP;
		size = reply_size(region);
	}
	info.argsz = (uint32_t)size;
	if (size > sizeof(info) && size <= room) {
		info.flags |= WIRE_REGION_CAPS;
		info.cap_offset = sizeof(info);
		info.offset = region->offset;
		put_areas(region, out);
		reply->fds = &region->fd;
		reply->fd_count = 1;
	} else {
		size = sizeof(info);
	}
	memcpy(out, &info, sizeof(info));
	reply_add(reply, out, size);
	return 0;
}

/* The number of a descriptor among those that were chosen; it is added if it is new. `max`: no room. */
static unsigned choose_fd(int *fds, unsigned *count, unsigned max, int fd)
{
	unsigned i = 0;

	while (i < *count && fds[i] != fd)
		i++;
	if (i < max && i == *count)
		fds[(*count)++] = fd;
	return i;
}

/* As many doorbells as the client takes descriptors for; the others are messages. */
int region_io_fds_request(struct lend_server *server, struct server_message *message,
			  struct server_reply *reply)
{
	unsigned max = server->client.fds < WIRE_FDS_MAX ? server->client.fds : WIRE_FDS_MAX;
	const struct lend_server_region *region;
	struct wire_region_io_fds request;
	unsigned count = 0, fd_count = 0;
	uint8_t *out;
	int *fds;
	bool io;

	memcpy(&request, message->payload, sizeof(request));
	if (request.argsz < sizeof(request) || request.flags || request.count ||
	    request.index >= LEND_REGION_COUNT)
		return -EINVAL;
	region = &server->device.regions[request.index];
	io = server->config.size && request.index < LEND_DEVICE_BARS &&
	     server->config.given.bars[request.index] & LEND_SERVER_BAR_IO;
	out = server_scratch(server, WIRE_FDS_MAX * sizeof(int) + sizeof(request) +
					     region->doorbell_count * sizeof(struct wire_io_fd));
	if (!out)
		return -ENOMEM;
	fds = (int *)(void *)out;
	out += WIRE_FDS_MAX * sizeof(int);
	for (unsigned i = 0; i < region->doorbell_count; i++) {
		const struct lend_server_doorbell *bell = &region->doorbells[i];
		unsigned index = choose_fd(fds, &fd_count, max, bell->fd);
		struct wire_io_fd entry = {
			.offset = bell->offset,
			.size = bell->length,
			.fd_index = index,
			.type = WIRE_IO_FD_IOEVENTFD,
			.flags = (bell->match ? WIRE_IO_FD_DATAMATCH : 0u) | (io ? WIRE_IO_FD_PIO : 0u),
			.datamatch = bell->data,
		};

		if (index < max)
			memcpy(out + sizeof(request) + count++ * sizeof(entry), &entry, sizeof(entry));
	}
	max = request.argsz;
	request.argsz = (uint32_t)(sizeof(request) + count * sizeof(struct wire_io_fd));
	request.count = count;
	memcpy(out, &request, sizeof(request));
	if (request.argsz <= max && count) {
		reply->fds = fds;
		reply->fd_count = fd_count;
	}
	reply_add(reply, out, request.argsz <= max ? request.argsz : sizeof(request));
	return 0;
}
