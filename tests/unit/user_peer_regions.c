/* SPDX-License-Identifier: MIT */
/* The regions of the scripted server: what it says of them, and their bytes. */
#include <errno.h>
#include <string.h>

#include "tests/unit/user_peer_regions.h"

void user_peer_region_info(struct user_peer *peer, const struct wire_reader *message)
{
	struct wire_region_info info;
	const struct peer_region *region;
	uint8_t reply[sizeof(info) + 16 + sizeof(region->areas)] = {0};
	size_t need = sizeof(info);
	uint32_t room;

	memcpy(&info, message->payload, sizeof(info));
	if (info.index >= peer->region_count || info.index >= LEND_REGION_COUNT) {
		user_peer_reply(peer, message, EINVAL, NULL, 0, NULL, 0);
		return;
	}
	region = &peer->regions[info.index];
	room = info.argsz;
	if (region->area_count)
		need += 16 + region->area_count * sizeof(struct wire_area);
	info = (struct wire_region_info){(uint32_t)need, region->flags, info.index, 0,
					 region->size,   region->offset};
	if (region->area_count && room >= need) {
		struct wire_cap cap = {WIRE_CAP_SPARSE, 1, 0};
		struct wire_sparse sparse = {region->area_count, 0};

		info.flags |= WIRE_REGION_CAPS;
		info.cap_offset = sizeof(info);
		memcpy(reply + sizeof(info), &cap, sizeof(cap));
		memcpy(reply + sizeof(info) + 8, &sparse, sizeof(sparse));
		memcpy(reply + sizeof(info) + 16, region->areas,
		       region->area_count * sizeof(struct wire_area));
	}
	memcpy(reply, &info, sizeof(info));
	user_peer_reply(peer, message, 0, reply, room < need ? sizeof(info) : need, &region->fd,
			region->fd && room >= need);
}

void user_peer_io_fds(struct user_peer *peer, const struct wire_reader *message)
{
	struct wire_region_io_fds head;
	const struct peer_region *region;
	uint8_t reply[sizeof(head) + PEER_BELLS * 48] = {0};
	size_t need = sizeof(head), stride;
	bool fits;

	memcpy(&head, message->payload, sizeof(head));
	region = &peer->regions[head.index < LEND_REGION_COUNT ? head.index : LEND_REGION_CONFIG];
	if (!region->bell_count) {
		user_peer_reply(peer, message, EINVAL, NULL, 0, NULL, 0);
		return;
	}
	stride = region->stride ? region->stride : sizeof(region->bells[0]);
	need += region->bell_count * stride;
	fits = need <= head.argsz;
	for (unsigned i = 0; i < region->bell_count; i++) {
		uint8_t *at = reply + sizeof(head) + i * stride;

		memcpy(at, &region->bells[i], sizeof(region->bells[0]));
		if (stride == 48) {
			memset(at + 28, 0x55, 12); /* of the shadow */
			memcpy(at + 40, &region->bells[i].datamatch, 8);
		}
	}
	head.argsz = (uint32_t)need;
	head.count = region->bell_count;
	memcpy(reply, &head, sizeof(head));
	user_peer_reply(peer, message, 0, reply, fits ? need : sizeof(head), region->bell_fds,
			fits ? region->bell_fd_count : 0);
}

static uint8_t *bytes_of(struct user_peer *peer, const struct wire_region_access *what)
{
	uint64_t size = what->region == LEND_REGION_CONFIG ? sizeof(peer->config) : PEER_BYTES;
	uint8_t *bytes = what->region == LEND_REGION_CONFIG ? peer->config : peer->bytes;

	if ((what->region && what->region != LEND_REGION_CONFIG) || what->offset > size ||
	    what->count > size - what->offset)
		return NULL;
	return bytes + what->offset;
}

void user_peer_access(struct user_peer *peer, const struct wire_reader *message)
{
	bool write = message->header.command == WIRE_REGION_WRITE;
	uint8_t reply[sizeof(struct wire_region_access) + PEER_BYTES];
	struct wire_region_access what;
	uint8_t *bytes;

	memcpy(&what, message->payload, sizeof(what));
	bytes = bytes_of(peer, &what);
	if (!bytes) {
		user_peer_reply(peer, message, EINVAL, NULL, 0, NULL, 0);
		return;
	}
	memcpy(reply, &what, sizeof(what));
	if (write)
		memcpy(bytes, message->payload + sizeof(what), what.count);
	else
		memcpy(reply + sizeof(what), bytes, what.count);
	user_peer_reply(peer, message, 0, reply, sizeof(what) + (write ? 0 : what.count), NULL, 0);
}
