/* SPDX-License-Identifier: MIT */
/* A server is made from its description, and freed. */
#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/eventfd.h"
#include "lib/server/description.h"
#include "lib/server/listen.h"
#include "lib/server/session.h"

/* Memory that is kept for the next reply. */
enum { KEPT_SCRATCH = 64 << 10 };

void server_log(struct lend_server *server, enum lend_log_level level, const char *format, ...)
{
	char text[400];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	context_log_limited(server->context, &server->bucket, level, "%s: %s", server->name, text);
}

int server_watch(struct lend_server *server, int fd, enum server_source source, uint32_t events,
		 int operation)
{
	struct epoll_event event = {.events = events, .data.u32 = source};

	return epoll_ctl(server->epoll, operation, fd, &event) ? -errno : 0;
}

/* The counter of an eventfd never fills up by this: it is read before it is written again. */
void server_kick(struct lend_server *server)
{
	const uint64_t one = 1;

	(void)!write(server->kick, &one, sizeof(one));
}

void server_kicked(struct lend_server *server)
{
	eventfd_take(server->kick);
}

uint8_t *server_scratch(struct lend_server *server, size_t length)
{
	bool large = server->scratch_room > KEPT_SCRATCH && length <= KEPT_SCRATCH;
	uint8_t *at;

	if (server->scratch && length <= server->scratch_room && !large)
		return server->scratch;
	at = realloc(server->scratch, length ? length : 1);
	if (!at)
		return NULL;
	server->scratch = at;
	server->scratch_room = length;
	return at;
}

int server_reset(struct lend_server *server, enum lend_server_why why)
{
	int ret;

	if (server->config.size)
		config_reset(&server->config);
	irqs_reset(server);
	ret = server->ops.reset ? server->ops.reset(server->device.dev, why) : 0;
	return ret < 0 ? ret : 0;
}

static int open_fds(struct lend_server *server, struct lend_error *error)
{
	server->epoll = epoll_create1(EPOLL_CLOEXEC);
	server->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	server->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (server->epoll < 0 || server->kick < 0 || server->timer < 0 ||
	    server_watch(server, server->kick, SERVER_KICK, EPOLLIN, EPOLL_CTL_ADD) < 0 ||
	    server_watch(server, server->timer, SERVER_TIMER, EPOLLIN, EPOLL_CTL_ADD) < 0)
		return error_say(error, -errno, "%s: cannot open a descriptor to wait for: %s", server->name,
				 strerror(errno));
	return 0;
}

int lend_server_new(struct lend_context *context, const struct lend_server_device *device,
		    struct lend_server **out, struct lend_error *error)
{
	struct lend_server *server = calloc(1, sizeof(*server));
	int ret;

	if (!server)
		return -ENOMEM;
	/* JSON's tables want a random number, from a file that a sandbox may not let us open later. */
	json_object_seed(0);
	server->context = context;
	server->epoll = server->kick = server->timer = server->listener = -1;
	server->dma_limit_ms = SERVER_DMA_LIMIT_MS;
	log_bucket_init(&server->bucket);
	channel_begin(&server->main, -1, 0);
	channel_begin(&server->twin, -1, 0);
	sigbus_add(&server->bus, &server->maps);
	ret = description_take(server, device, error);
	if (!ret)
		ret = irqs_begin(server);
	if (!ret && server->device.config)
		ret = config_lay_out(server, server->device.config, error);
	if (!ret)
		ret = open_fds(server, error);
	/* It was the caller's. */
	server->device.config = NULL;
	if (ret < 0) {
		lend_server_free(server);
		return ret;
	}
	server->made = true;
	*out = server;
	return 0;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void lend_server_free(struct lend_server *server)
{
	if (!server)
		return;
	if (server->main.fd >= 0)
		session_end(server, false);
	listen_end(server);
	if (server->made && server->ops.close)
		server->ops.close(server->device.dev);
	sigbus_remove(&server->bus);
	irqs_end(&server->irqs);
	config_end(&server->config);
	description_end(server);
	close_fd(server->kick);
	close_fd(server->timer);
	close_fd(server->epoll);
	log_bucket_destroy(&server->bucket);
	free(server->scratch);
	free(server);
}

int lend_server_fd(const struct lend_server *server)
{
	return server->epoll;
}
