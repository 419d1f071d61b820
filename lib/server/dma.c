/* SPDX-License-Identifier: MIT */
/* Guest memory by messages; see dma.h. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/server/dma.h"
#include "lib/server/requests.h"

static int result_of(const struct server_waiter *waiter, const struct server_message *message)
{
	struct wire_dma_access access;
	size_t data = waiter->command == WIRE_DMA_READ ? waiter->count : 0;

	if (message->header.flags & WIRE_ERROR || message->length != sizeof(access) + data)
		return -EIO;
	memcpy(&access, message->payload, sizeof(access));
	if (access.address != waiter->address || access.count != waiter->count)
		return -EIO;
	if (data)
		memcpy(waiter->data, message->payload + sizeof(access), data);
	return 0;
}

void dma_answered(struct lend_server *server, const struct server_message *message)
{
	struct server_waiter *waiter = server->waiters;

	/* Late or not: the client answers again. */
	server->silent = false;
	while (waiter && (waiter->done || waiter->id != message->header.id ||
			  waiter->command != message->header.command))
		waiter = waiter->next;
	if (!waiter)
		return;
	waiter->result = result_of(waiter, message);
	waiter->done = true;
}

static int keep(struct lend_server *server, struct server_message *message)
{
	struct server_kept *kept = malloc(sizeof(*kept));

	if (!kept) {
		message_end(message);
		return -ENOMEM;
	}
	*kept = (struct server_kept){.message = *message};
	if (!server->kept) {
		server->kept_end = &server->kept;
		server_kick(server);
	}
	*server->kept_end = kept;
	server->kept_end = &kept->next;
	server->kept_count++;
	server->kept_bytes += message->length;
	return 0;
}

bool dma_next_kept(struct lend_server *server, struct server_message *out)
{
	struct server_kept *kept = server->kept;

	if (!kept)
		return false;
	*out = kept->message;
	server->kept = kept->next;
	server->kept_count--;
	server->kept_bytes -= kept->message.length;
	free(kept);
	return true;
}

void dma_drop_kept(struct lend_server *server)
{
	struct server_message message;

	while (dma_next_kept(server, &message))
		message_end(&message);
}

static bool can_nest(const struct lend_server *server)
{
	return server->device.nests && !server->in_command && !server->kept &&
	       !channel_is_full(&server->main);
}

/* With a second socket, answers do not come by the main one: commands can stay in it. */
static bool reads_main(const struct lend_server *server)
{
	if (server->twin.fd >= 0)
		return can_nest(server);
	return server->kept_count < SERVER_KEPT_MAX && server->kept_bytes < SERVER_KEPT_BYTES;
}

static int take_main(struct lend_server *server)
{
	struct server_message message;
	int ret = channel_receive(&server->main, &message);

	if (ret <= 0)
		return ret;
	if ((message.header.flags & WIRE_TYPE) == WIRE_REPLY)
		return request_carry_out(server, &message);
	if (can_nest(server) && request_can_nest(server, &message))
		return request_carry_out(server, &message);
	server->abandoned |= request_resets(server, &message);
	return keep(server, &message);
}

static int take_twin(struct lend_server *server)
{
	struct server_message message;
	int ret = channel_receive(&server->twin, &message);

	if (ret <= 0)
		return ret;
	dma_answered(server, &message);
	channel_release(&server->twin, &message);
	return 0;
}

static int left_ms(const struct timespec *until)
{
	struct timespec now;
	long ms;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ms = (until->tv_sec - now.tv_sec) * 1000 + (until->tv_nsec - now.tv_nsec) / 1000000;
	return ms > INT_MAX ? INT_MAX : ms > 0 ? (int)ms : 0;
}

static short wanted(const struct server_channel *channel, bool reads)
{
	return (short)((channel_is_full(channel) ? POLLOUT : 0) | (reads ? POLLIN : 0));
}

static int serve_channel(struct lend_server *server, struct server_channel *channel, short events,
			 int (*take)(struct lend_server *server))
{
	int ret = 0;

	if (events & POLLOUT)
		ret = channel_flush(channel);
	if (ret >= 0 && events & POLLIN)
		ret = take(server);
	else if (ret >= 0 && events & (POLLHUP | POLLERR))
		ret = -ECONNRESET;
	return ret < 0 ? ret : 0;
}

/* The session ends in the next call of lend_server_work(), not in the midst of the device's own work. */
static void lose(struct lend_server *server, int why)
{
	server->lost = why;
	server_kick(server);
}

/* What was read ahead is ready to be read, and poll() does not tell of it. */
static bool is_ahead(const struct server_channel *channel, const struct pollfd *poll)
{
	return poll->events & POLLIN && channel_has_more(channel);
}

/* Waits for whatever comes next, and takes it. -ETIMEDOUT, -ECANCELED; else the session is lost. */
static int step(struct lend_server *server, const struct timespec *until)
{
	bool has_twin = server->twin.fd >= 0;
	struct pollfd fds[2] = {
		{server->main.fd, wanted(&server->main, reads_main(server)), 0},
		{server->twin.fd, has_twin ? wanted(&server->twin, true) : 0, 0},
	};
	bool main_ahead = is_ahead(&server->main, &fds[0]), twin_ahead = is_ahead(&server->twin, &fds[1]);
	bool ahead = main_ahead || twin_ahead;
	int left = left_ms(until), ret = left ? poll(fds, 2, ahead ? 0 : left) : 0;

	if (ret < 0 && errno == EINTR)
		return 0;
	if (ret < 0 || (!ret && !ahead))
		return ret ? -errno : -ETIMEDOUT;
	fds[0].revents |= main_ahead ? POLLIN : 0;
	fds[1].revents |= twin_ahead ? POLLIN : 0;
	/* Answers first. */
	ret = has_twin ? serve_channel(server, &server->twin, fds[1].revents, take_twin) : 0;
	if (!ret)
		ret = serve_channel(server, &server->main, fds[0].revents, take_main);
	if (ret < 0)
		lose(server, ret);
	return ret < 0 || !server->abandoned ? ret : -ECANCELED;
}

struct timespec dma_deadline(const struct lend_server *server, uint64_t length)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += server->dma_limit_ms / 1000 + (time_t)(length >> 20);
	until.tv_nsec += server->dma_limit_ms % 1000 * 1000000L;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	return until;
}

static int wait_for(struct lend_server *server, struct wire_out *out, const struct server_waiter *waiter,
		    const struct timespec *until)
{
	struct server_channel *channel = server->twin.fd >= 0 ? &server->twin : &server->main;
	int ret = 0;

	while (!ret && channel_is_full(channel))
		ret = step(server, until);
	if (!ret) {
		ret = channel_send(channel, out);
		if (ret < 0)
			lose(server, ret);
	}
	while (!ret && !waiter->done)
		ret = step(server, until);
	return ret;
}

int dma_message(struct lend_server *server, lend_iova_t iova, void *to, const void *from, uint64_t length,
		const struct timespec *until)
{
	struct wire_dma_access access = {iova, length};
	struct server_waiter waiter = {
		.next = server->waiters,
		.id = server->dma_id++,
		.command = from ? WIRE_DMA_WRITE : WIRE_DMA_READ,
		.address = iova,
		.count = length,
		.data = to,
	};
	struct wire_out out = {
		.header = {.id = waiter.id, .command = waiter.command},
		.parts = {{&access, sizeof(access)}, {(void *)from, from ? length : 0}},
		.part_count = 2,
	};
	int ret;

	if (server->lost || !server->connected)
		return -ENOTCONN;
	if (server->abandoned)
		return -ECANCELED;
	if (server->silent)
		return -ETIMEDOUT;
	server->waiters = &waiter;
	ret = wait_for(server, &out, &waiter, until);
	server->waiters = waiter.next;
	/* Commands that were read ahead with the answer. */
	if (channel_has_more(&server->main))
		server_kick(server);
	if (waiter.done)
		return waiter.result;
	server->silent = ret == -ETIMEDOUT;
	return server->silent || ret == -ECANCELED ? ret : -ENOTCONN;
}
