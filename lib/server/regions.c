/* SPDX-License-Identifier: MIT */
/*
 * Accesses to regions. Described config space and the MSI-X table are answered here;
 * an access that goes over the border of such a part is cut there. Everything else is
 * the device's.
 */
#include <errno.h>
#include <string.h>

#include "lib/server/requests.h"

struct access {
	unsigned region;
	uint64_t offset;
	uint8_t *data;       /* that is read into */
	const uint8_t *from; /* that is written; NULL: it is a read */
	unsigned length;
};

static int check(const struct lend_server *server, const struct access *access)
{
	const struct lend_server_region *region;

	if (access->region >= LEND_REGION_COUNT)
		return -EINVAL;
	region = &server->device.regions[access->region];
	if (!region->size || access->length > WIRE_DATA_MAX || access->offset > region->size ||
	    access->length > region->size - access->offset)
		return -EINVAL;
	return (access->from ? region->writable : region->readable) ? 0 : -EINVAL;
}

static int ask_device(struct lend_server *server, const struct access *access)
{
	void *dev = server->device.dev;
	int ret;

	if (access->from)
		ret = server->ops.write ? server->ops.write(dev, access->region, access->offset, access->from,
							    access->length)
					: -EINVAL;
	else
		ret = server->ops.read ? server->ops.read(dev, access->region, access->offset, access->data,
							  access->length)
				       : -EINVAL;
	return ret > (int)access->length ? -EIO : ret;
}

static int access_part(struct lend_server *server, const struct access *access, const struct msix_part *part)
{
	if (!part)
		return ask_device(server, access);
	if (!access->from)
		msix_read(server, part->is_table, access->offset - part->offset, access->data,
			  access->length);
	else if (part->is_table)
		msix_write(server, access->offset - part->offset, access->from, access->length);
	return (int)access->length;
}

/* The next piece that lies in one part, or in none. */
static const struct msix_part *next_part(const struct msix_part *parts, unsigned count, struct access *piece)
{
	for (unsigned i = 0; i < count; i++) {
		uint64_t end = parts[i].offset + parts[i].length;

		if (piece->offset >= end)
			continue;
		if (piece->offset < parts[i].offset) {
			if (piece->length > parts[i].offset - piece->offset)
				piece->length = (unsigned)(parts[i].offset - piece->offset);
			return NULL;
		}
		if (piece->length > end - piece->offset)
			piece->length = (unsigned)(end - piece->offset);
		return &parts[i];
	}
	return NULL;
}

static int access_bar(struct lend_server *server, const struct access *access)
{
	struct msix_part parts[2];
	unsigned count = msix_parts(&server->config, access->region, parts), done = 0;

	while (done < access->length) {
		struct access piece = {
			.region = access->region,
			.offset = access->offset + done,
			.data = access->data ? access->data + done : NULL,
			.from = access->from ? access->from + done : NULL,
			.length = access->length - done,
		};
		int ret = access_part(server, &piece, next_part(parts, count, &piece));

		if (ret < 0)
			return done ? (int)done : ret;
		done += (unsigned)ret;
		if ((unsigned)ret < piece.length)
			break;
	}
	return (int)done;
}

/* Returns how many bytes were read or written, or a negative errno. */
static int carry_out(struct lend_server *server, const struct access *access)
{
	int ret = check(server, access);

	if (ret < 0)
		return ret;
	if (!access->length)
		return 0;
	if (access->region != LEND_REGION_CONFIG || !server->config.size)
		return access_bar(server, access);
	if (access->from)
		ret = config_write(server, (unsigned)access->offset, access->from, access->length);
	else
		config_read(server, (unsigned)access->offset, access->data, access->length);
	return ret < 0 ? ret : (int)access->length;
}

int region_read_request(struct lend_server *server, struct server_message *message,
			struct server_reply *reply)
{
	struct wire_region_access request;
	struct access access;
	int ret;

	memcpy(&request, message->payload, sizeof(request));
	access = (struct access){request.region, request.offset, NULL, NULL, request.count};
	ret = check(server, &access);
	if (ret < 0)
		return ret;
	access.data = server_scratch(server, request.count);
	if (!access.data)
		return -ENOMEM;
	/* What a device leaves out must not be what was there before. */
	memset(access.data, 0, request.count);
	ret = carry_out(server, &access);
	if (ret < 0)
		return ret;
	request.count = (uint32_t)ret;
	reply_put(reply, &request, sizeof(request));
	reply_add(reply, access.data, request.count);
	return 0;
}

int region_write_request(struct lend_server *server, struct server_message *message,
			 struct server_reply *reply)
{
	struct wire_region_access request;
	struct access access;
	int ret;

	memcpy(&request, message->payload, sizeof(request));
	if (message->length != sizeof(request) + (uint64_t)request.count)
		return -EINVAL;
	access = (struct access){request.region, request.offset, NULL, message->payload + sizeof(request),
				 request.count};
	ret = carry_out(server, &access);
	if (ret < 0)
		return ret;
	request.count = (uint32_t)ret;
	reply_put(reply, &request, sizeof(request));
	return 0;
}

/* Each write is a command of its own: one that fails does not keep the next from being done. */
int region_write_multi_request(struct lend_server *server, struct server_message *message,
			       struct server_reply *reply)
{
	struct wire_write_multi request;
	uint64_t done = 0;

	memcpy(&request, message->payload, sizeof(request));
	if (!server->client.write_multi || request.count > WIRE_DATA_MAX / sizeof(struct wire_one_write) ||
	    message->length != sizeof(request) + request.count * sizeof(struct wire_one_write))
		return -EINVAL;
	for (uint64_t i = 0; i < request.count; i++) {
		struct wire_one_write one;
		struct access access;

		memcpy(&one, message->payload + sizeof(request) + i * sizeof(one), sizeof(one));
		access = (struct access){one.region, one.offset, NULL, one.data, one.count};
		if (one.count <= sizeof(one.data) && carry_out(server, &access) == (int)one.count)
			done++;
	}
	request.count = done;
	reply_put(reply, &request, sizeof(request));
	return 0;
}
