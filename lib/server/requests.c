/* SPDX-License-Identifier: MIT */
/* The table of commands, and the short ones; see requests.h. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/server/dma.h"
#include "lib/server/requests.h"

void reply_add(struct server_reply *reply, void *data, size_t length)
{
	reply->parts[reply->part_count++] = (struct iovec){data, length};
}

void reply_put(struct server_reply *reply, const void *data, size_t length)
{
	memcpy(reply->fixed, data, length);
	reply_add(reply, reply->fixed, length);
}

static int info_request(struct lend_server *server, struct server_message *message,
			struct server_reply *reply)
{
	struct wire_info info;

	memcpy(&info, message->payload, sizeof(info));
	if (info.argsz < sizeof(info))
		return -EINVAL;
	info = (struct wire_info){
		.argsz = sizeof(info),
		.flags = WIRE_INFO_PCI | (server->device.cannot_reset ? 0u : WIRE_INFO_RESET),
		.regions = LEND_REGION_COUNT,
		.irqs = LEND_IRQ_COUNT,
	};
	reply_put(reply, &info, sizeof(info));
	return 0;
}

static int irq_info_request(struct lend_server *server, struct server_message *message,
			    struct server_reply *reply)
{
	struct wire_irq_info info;
	const struct server_irq *irq;

	memcpy(&info, message->payload, sizeof(info));
	if (info.argsz < sizeof(info) || info.index >= LEND_IRQ_COUNT)
		return -EINVAL;
	irq = &server->irqs.index[info.index];
	info.argsz = sizeof(info);
	info.count = irq->count;
	info.flags = WIRE_IRQ_EVENTFD | (irq->noresize ? WIRE_IRQ_NORESIZE : 0);
	if (info.index == LEND_IRQ_INTX)
		info.flags |= WIRE_IRQ_MASKABLE | WIRE_IRQ_AUTOMASKED;
	reply_put(reply, &info, sizeof(info));
	return 0;
}

static int set_irqs_request(struct lend_server *server, struct server_message *message,
			    struct server_reply *reply)
{
	(void)reply;
	return irqs_request(server, message);
}

static int dma_map_request(struct lend_server *server, struct server_message *message,
			   struct server_reply *reply)
{
	struct wire_dma_map map;

	(void)reply;
	memcpy(&map, message->payload, sizeof(map));
	if (map.argsz < sizeof(map))
		return -EINVAL;
	return server_maps_add(server, &map, message_take_fd(message, 0));
}

/* Dirty pages are not tracked: what asks for them fails. */
static int dma_unmap_request(struct lend_server *server, struct server_message *message,
			     struct server_reply *reply)
{
	struct wire_dma_unmap unmap;
	int ret = 0;

	memcpy(&unmap, message->payload, sizeof(unmap));
	if (unmap.argsz < sizeof(unmap))
		return -EINVAL;
	if (!unmap.flags)
		ret = server_maps_remove(server, unmap.address, unmap.size);
	else if (unmap.flags == WIRE_UNMAP_ALL && !unmap.address && !unmap.size)
		server_maps_remove_all(server);
	else
		ret = -EINVAL;
	unmap.argsz = sizeof(unmap);
	reply_put(reply, &unmap, sizeof(unmap));
	return ret;
}

static int reset_request(struct lend_server *server, struct server_message *message,
			 struct server_reply *reply)
{
	(void)message, (void)reply;
	return server->device.cannot_reset ? -EOPNOTSUPP : server_reset(server, LEND_SERVER_ASKED);
}

struct command {
	size_t least; /* bytes of the payload */
	int (*handler)(struct lend_server *server, struct server_message *message,
		       struct server_reply *reply);
};

/* What is not here is not known: features and migration among them. */
static const struct command commands[] = {
	[WIRE_VERSION] = {0, version_request},
	[WIRE_DMA_MAP] = {sizeof(struct wire_dma_map), dma_map_request},
	[WIRE_DMA_UNMAP] = {sizeof(struct wire_dma_unmap), dma_unmap_request},
	[WIRE_GET_INFO] = {sizeof(struct wire_info), info_request},
	[WIRE_GET_REGION_INFO] = {sizeof(struct wire_region_info), region_info_request},
	[WIRE_GET_REGION_IO_FDS] = {sizeof(struct wire_region_io_fds), region_io_fds_request},
	[WIRE_GET_IRQ_INFO] = {sizeof(struct wire_irq_info), irq_info_request},
	[WIRE_SET_IRQS] = {sizeof(struct wire_set_irqs), set_irqs_request},
	[WIRE_REGION_READ] = {sizeof(struct wire_region_access), region_read_request},
	[WIRE_REGION_WRITE] = {sizeof(struct wire_region_access), region_write_request},
	[WIRE_RESET] = {0, reset_request},
	[WIRE_REGION_WRITE_MULTI] = {sizeof(struct wire_write_multi), region_write_multi_request},
};

static bool unmaps_messages_alone(const struct lend_server *server, const struct server_message *message)
{
	struct wire_dma_unmap unmap;

	if (message->length < sizeof(unmap))
		return false;
	memcpy(&unmap, message->payload, sizeof(unmap));
	return !unmap.flags && server_maps_by_messages(&server->maps, unmap.address);
}

bool request_can_nest(const struct lend_server *server, const struct server_message *message)
{
	if ((message->header.flags & WIRE_TYPE) != 0)
		return false;
	switch (message->header.command) {
	case WIRE_REGION_READ:
	case WIRE_REGION_WRITE:
	case WIRE_REGION_WRITE_MULTI:
	case WIRE_SET_IRQS:
	case WIRE_DMA_MAP:
		return true;
	case WIRE_DMA_UNMAP:
		return unmaps_messages_alone(server, message);
	default:
		return false;
	}
}

bool request_resets(const struct lend_server *server, const struct server_message *message)
{
	return (message->header.flags & WIRE_TYPE) == 0 && message->header.command == WIRE_RESET &&
	       !server->device.cannot_reset;
}

static int run(struct lend_server *server, struct server_message *message, struct server_reply *reply)
{
	const struct wire_header *header = &message->header;
	const struct command *command;

	if (!server->connected && header->command != WIRE_VERSION) {
		reply->ends = true;
		return error_say(&server->why, -EINVAL, "its first command is %u instead of the version",
				 header->command);
	}
	if (header->flags & ~(uint32_t)(WIRE_NO_REPLY | WIRE_ERROR))
		return -EINVAL;
	if (header->command >= sizeof(commands) / sizeof(commands[0]))
		return -EINVAL;
	command = &commands[header->command];
	if (!command->handler || message->length < command->least)
		return -EINVAL;
	return command->handler(server, message, reply);
}

static int answer(struct lend_server *server, const struct wire_header *header, int result,
		  const struct server_reply *reply)
{
	struct wire_out out = {
		.header = {.id = header->id, .command = header->command, .flags = WIRE_REPLY},
	};

	if (result < 0) {
		out.header.flags |= WIRE_ERROR;
		out.header.error = result >= -4095 ? (uint32_t)-result : EIO;
	} else {
		memcpy(out.parts, reply->parts, sizeof(reply->parts));
		out.part_count = reply->part_count;
		out.fds = reply->fds;
		out.fd_count = reply->fd_count;
	}
	return channel_send(&server->main, &out);
}

int request_carry_out(struct lend_server *server, struct server_message *message)
{
	struct server_reply reply = {0};
	int ret, sent = 0;

	if ((message->header.flags & WIRE_TYPE) == WIRE_REPLY) {
		dma_answered(server, message);
		channel_release(&server->main, message);
		return 0;
	}
	if (request_resets(server, message))
		server->abandoned = false;
	server->in_command++;
	ret = run(server, message, &reply);
	server->in_command--;
	if (!(message->header.flags & WIRE_NO_REPLY))
		sent = answer(server, &message->header, ret, &reply);
	if (reply.close)
		close(reply.close);
	channel_release(&server->main, message);
	if (sent < 0)
		return sent;
	return reply.ends ? -EPROTO : server->lost;
}
