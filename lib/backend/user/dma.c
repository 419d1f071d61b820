/* SPDX-License-Identifier: MIT */
/*
 * The server's own commands: DMA by messages, to memory that it knows and has no
 * descriptor of. A transfer is done as a whole or not at all.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/backend/user/channel.h"
#include "lib/backend/user/maps.h"

enum { PIECES_MAX = 64 };

static int answer_room(struct user_channel *channel, size_t length)
{
	uint8_t *data;

	if (length <= channel->room)
		return 0;
	data = realloc(channel->data, length);
	if (!data)
		return -ENOMEM;
	channel->data = data;
	channel->room = length;
	return 0;
}

static int read_memory(struct user_session *session, struct user_channel *channel, uint64_t address,
		       size_t count)
{
	struct iovec pieces[PIECES_MAX];
	int found = maps_find(session, address, count, LEND_ACCESS_READ, pieces, PIECES_MAX);
	uint8_t *to;

	if (found < 0)
		return found;
	if (answer_room(channel, count) < 0)
		return -ENOMEM;
	to = channel->data;
	for (int i = 0; i < found; i++) {
		memcpy(to, pieces[i].iov_base, pieces[i].iov_len);
		to += pieces[i].iov_len;
	}
	return 0;
}

static int write_memory(struct user_session *session, uint64_t address, const uint8_t *from, size_t count)
{
	struct iovec pieces[PIECES_MAX];
	int found = maps_find(session, address, count, LEND_ACCESS_WRITE, pieces, PIECES_MAX);

	for (int i = 0; i < found; i++) {
		memcpy(pieces[i].iov_base, from, pieces[i].iov_len);
		from += pieces[i].iov_len;
	}
	return found < 0 ? found : 0;
}

/* 0, or the error that the server gets. */
static int carry_out(struct user_session *session, struct user_channel *channel)
{
	const struct wire_reader *reader = &channel->reader;
	size_t length = wire_payload(reader);
	struct wire_dma_access *head = &channel->head;

	if (reader->header.command != WIRE_DMA_READ && reader->header.command != WIRE_DMA_WRITE)
		return -ENOSYS;
	if (reader->fd_count || length < sizeof(*head))
		return -EINVAL;
	memcpy(head, reader->payload, sizeof(*head));
	if (head->count > WIRE_DATA_MAX)
		return -E2BIG;
	if (reader->header.command == WIRE_DMA_READ)
		return length == sizeof(*head) ? read_memory(session, channel, head->address, head->count)
					       : -EINVAL;
	if (length - sizeof(*head) != head->count)
		return -EINVAL;
	return write_memory(session, head->address, reader->payload + sizeof(*head), head->count);
}

bool user_dma_answer(struct user_session *session, struct user_channel *channel)
{
	const struct wire_header *header = &channel->reader.header;
	struct wire_out *out = &channel->answer.message;
	int ret = carry_out(session, channel);

	*out = (struct wire_out){
		.header = {.id = header->id, .command = header->command, .flags = WIRE_REPLY}};
	if (ret < 0) {
		out->header.flags |= WIRE_ERROR;
		out->header.error = (uint32_t)-ret;
	} else {
		out->parts[out->part_count++] = (struct iovec){&channel->head, sizeof(channel->head)};
	}
	if (!ret && header->command == WIRE_DMA_READ)
		out->parts[out->part_count++] = (struct iovec){channel->data, channel->head.count};
	return !(header->flags & WIRE_NO_REPLY);
}
