/* SPDX-License-Identifier: MIT */
/* A socket of the session; see channel.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/server/channel.h"

void channel_begin(struct server_channel *channel, int fd, size_t max)
{
	*channel = (struct server_channel){.fd = fd};
	wire_reader_init(&channel->reader, max);
}

void channel_end(struct server_channel *channel)
{
	wire_reader_end(&channel->reader);
	free(channel->rest);
	if (channel->fd >= 0)
		close(channel->fd);
	channel_begin(channel, -1, 0);
}

int channel_receive(struct server_channel *channel, struct server_message *out)
{
	struct wire_reader *reader = &channel->reader;
	int ret = wire_read(reader, channel->fd);

	if (ret <= 0)
		return ret;
	*out = (struct server_message){
		.header = reader->header,
		.payload = reader->payload,
		.length = wire_payload(reader),
		.room = reader->room,
		.fd_count = reader->fd_count,
	};
	memcpy(out->fds, reader->fds, reader->fd_count * sizeof(out->fds[0]));
	reader->payload = NULL;
	reader->room = 0;
	reader->fd_count = 0;
	return 1;
}

bool channel_has_more(const struct server_channel *channel)
{
	return wire_has_more(&channel->reader);
}

void message_end(struct server_message *message)
{
	wire_close_fds(message->fds, &message->fd_count);
	free(message->payload);
	message->payload = NULL;
}

void channel_release(struct server_channel *channel, struct server_message *message)
{
	wire_close_fds(message->fds, &message->fd_count);
	if (channel->fd < 0 || channel->reader.payload) {
		message_end(message);
		return;
	}
	channel->reader.payload = message->payload;
	channel->reader.room = message->room;
}

int message_take_fd(struct server_message *message, unsigned index)
{
	return wire_take_of(message->fds, message->fd_count, index);
}

bool channel_is_full(const struct server_channel *channel)
{
	return channel->rest;
}

static int keep(struct server_channel *channel, const struct wire_out *out, size_t size, size_t sent)
{
	uint8_t *to = malloc(size);

	if (!to)
		return -ENOMEM;
	channel->rest = to;
	channel->sent = sent;
	channel->out = (struct wire_out){
		.header = out->header,
		.parts = {{to, size - sizeof(out->header)}},
		.part_count = 1,
		.fds = channel->out_fds,
		.fd_count = out->fd_count,
	};
	if (out->fd_count)
		memcpy(channel->out_fds, out->fds, out->fd_count * sizeof(channel->out_fds[0]));
	for (unsigned i = 0; i < out->part_count; i++) {
		if (out->parts[i].iov_len)
			memcpy(to, out->parts[i].iov_base, out->parts[i].iov_len);
		to += out->parts[i].iov_len;
	}
	return 0;
}

int channel_send(struct server_channel *channel, struct wire_out *out)
{
	long sent = wire_write(out, channel->fd, 0);
	size_t size = wire_size(out);

	if (sent < 0)
		return (int)sent;
	return (size_t)sent == size ? 0 : keep(channel, out, size, (size_t)sent);
}

int channel_flush(struct server_channel *channel)
{
	long sent;

	if (!channel->rest)
		return 1;
	sent = wire_write(&channel->out, channel->fd, channel->sent);
	if (sent < 0)
		return (int)sent;
	channel->sent = (size_t)sent;
	if (channel->sent < wire_size(&channel->out))
		return 0;
	free(channel->rest);
	channel->rest = NULL;
	return 1;
}
