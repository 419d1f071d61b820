/* SPDX-License-Identifier: MIT */
/* The monitor of user_peer.h: host operations that keep what they are told. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/open_files.h"
#include "tests/unit/user_peer.h"

static void log_line(void *opaque, enum lend_log_level level, const char *line)
{
	struct user_monitor *monitor = opaque;

	if (level > LEND_LOG_WARNING)
		return;
	monitor->log_lines++;
	snprintf(monitor->last_log, sizeof(monitor->last_log), "%s", line);
}

static int watch(void *host, int fd, lend_watch_fn fn, void *opaque)
{
	struct user_monitor *monitor = host;

	if (monitor->watch_count == 64)
		return -ENOSPC;
	monitor->watches[monitor->watch_count].fd = fd;
	monitor->watches[monitor->watch_count].fn = fn;
	monitor->watches[monitor->watch_count++].opaque = opaque;
	return 0;
}

static int unwatch(void *host, int fd)
{
	struct user_monitor *monitor = host;

	for (unsigned i = 0; i < monitor->watch_count; i++) {
		if (monitor->watches[i].fd != fd)
			continue;
		monitor->watches[i] = monitor->watches[--monitor->watch_count];
		return 0;
	}
	return -ENOENT;
}

static int bar_map(void *host, void *peer, const struct lend_bar_map *map)
{
	struct user_monitor *monitor = host;

	(void)peer;
	monitor->placed = true;
	monitor->direct_count = map->direct_count;
	assert_true(map->direct_count <= 8);
	memcpy(monitor->direct, map->direct, map->direct_count * sizeof(*map->direct));
	return 0;
}

static int bar_unmap(void *host, void *peer, unsigned bar)
{
	struct user_monitor *monitor = host;

	(void)peer, (void)bar;
	monitor->placed = false;
	return 0;
}

static int nothing(void *host, void *peer)
{
	(void)host, (void)peer;
	return 0;
}

static void begin(void *host, void *peer)
{
	(void)host, (void)peer;
}

static int msi_set(void *host, void *peer, unsigned vector, uint64_t address, uint32_t data)
{
	(void)host, (void)peer, (void)vector, (void)address, (void)data;
	return 0;
}

static void msi_free(void *host, void *peer, unsigned vector)
{
	(void)host, (void)peer, (void)vector;
}

static int msi_attach(void *host, void *peer, unsigned vector, int eventfd)
{
	struct user_monitor *monitor = host;

	(void)peer;
	monitor->attached[vector] = eventfd;
	return 0;
}

static int msi_detach(void *host, void *peer, unsigned vector, int eventfd)
{
	(void)eventfd;
	return msi_attach(host, peer, vector, 0);
}

static int line(void *host, void *peer, unsigned pin, int fd, int resample)
{
	struct user_monitor *monitor = host;

	(void)peer, (void)pin;
	monitor->line = fd;
	monitor->resample = resample;
	return 0;
}

static int line_off(void *host, void *peer, unsigned pin, int fd)
{
	(void)host, (void)peer, (void)pin, (void)fd;
	return 0;
}

static int line_set(void *host, void *peer, unsigned pin, bool raised)
{
	struct user_monitor *monitor = host;

	(void)peer, (void)pin;
	monitor->level = raised;
	return 0;
}

static void event(void *host, void *peer, enum lend_event kind, const char *text)
{
	struct user_monitor *monitor = host;

	(void)peer, (void)text;
	monitor->events[kind]++;
}

static int ioeventfd_add(void *host, void *peer, const struct lend_ioeventfd *what)
{
	struct user_monitor *monitor = host;

	(void)peer;
	assert_true(monitor->placed && monitor->bell_count < 80);
	monitor->bells[monitor->bell_count++] = *what;
	return 0;
}

static int ioeventfd_remove(void *host, void *peer, const struct lend_ioeventfd *what)
{
	struct user_monitor *monitor = host;

	(void)peer;
	assert_true(monitor->placed);
	for (unsigned i = 0; i < monitor->bell_count; i++) {
		if (monitor->bells[i].fd != what->fd || monitor->bells[i].offset != what->offset)
			continue;
		monitor->bells[i] = monitor->bells[--monitor->bell_count];
		return 0;
	}
	return -ENOENT;
}

static const struct lend_host_ops ops = {
	.size = sizeof(ops),
	.bar_begin = begin,
	.bar_map = bar_map,
	.bar_unmap = bar_unmap,
	.bar_commit = nothing,
	.msi_begin = begin,
	.msi_set = msi_set,
	.msi_free = msi_free,
	.msi_commit = nothing,
	.msi_attach = msi_attach,
	.msi_detach = msi_detach,
	.line_set = line_set,
	.line_attach = line,
	.line_detach = line_off,
	.watch = watch,
	.unwatch = unwatch,
	.event = event,
	.ioeventfd_add = ioeventfd_add,
	.ioeventfd_remove = ioeventfd_remove,
};

void user_monitor_init(struct user_monitor *monitor)
{
	memset(monitor, 0, sizeof(*monitor));
	monitor->fds_before = open_fds();
	monitor->reply_ms = 60000;
	user_peer_init(&monitor->peer);
}

int user_monitor_open(struct user_monitor *monitor)
{
	const struct lend_context_config context = {
		.size = sizeof(context), .quirks_dir = "", .log = log_line, .opaque = monitor};
	struct lend_device_config config = LEND_DEVICE_CONFIG_INIT;
	int ret;

	if (!monitor->context) {
		assert_int_equal(lend_context_new(&context, &monitor->context), 0);
		assert_int_equal(lend_space_new(monitor->context, &ops, monitor, &monitor->space), 0);
	}
	config.socket = monitor->path;
	config.reply_ms = monitor->reply_ms;
	config.reconnects = monitor->reconnects;
	config.name = monitor->name;
	if (monitor->path)
		return lend_device_open_with(monitor->space, &config, &monitor->device, &monitor->error);
	user_peer_start(&monitor->peer);
	config.socket_fd = monitor->peer.client;
	ret = lend_device_open_with(monitor->space, &config, &monitor->device, &monitor->error);
	close(monitor->peer.client);
	return ret;
}

void user_monitor_function(struct user_monitor *monitor)
{
	const struct lend_function_config plain = {.size = sizeof(plain),
						   .no_ioeventfd = monitor->no_ioeventfd};

	assert_int_equal(lend_function_new(monitor->device, &plain, &monitor->function, &monitor->error), 0);
	lend_function_config_write(monitor->function, 0x10, 4, 0xe0000000);
	lend_function_config_write(monitor->function, 4, 2, 6);
	assert_true(monitor->placed);
}

void user_monitor_close(struct user_monitor *monitor)
{
	lend_function_free(monitor->function);
	monitor->function = NULL;
	lend_device_close(monitor->device);
	monitor->device = NULL;
	user_peer_stop(&monitor->peer);
	lend_space_free(monitor->space);
	lend_context_free(monitor->context);
	monitor->space = NULL;
	monitor->context = NULL;
	assert_int_equal(monitor->watch_count, 0);
	assert_int_equal(monitor->bell_count, 0);
	assert_int_equal(open_fds(), monitor->fds_before);
}

static bool loop_once(struct user_monitor *monitor, int wait_ms)
{
	struct pollfd polls[64];
	unsigned count = monitor->watch_count;
	bool any = false;

	for (unsigned i = 0; i < count; i++)
		polls[i] = (struct pollfd){.fd = monitor->watches[i].fd, .events = POLLIN};
	poll(polls, count, wait_ms);
	for (unsigned i = 0; i < count && !any; i++) {
		if (!polls[i].revents)
			continue;
		monitor->watches[i].fn(monitor->watches[i].opaque);
		any = true; /* the table may be another one now */
	}
	return any;
}

void user_monitor_loop(struct user_monitor *monitor)
{
	while (loop_once(monitor, 0))
		;
}

void user_monitor_await(struct user_monitor *monitor, enum lend_event event)
{
	while (!monitor->events[event])
		loop_once(monitor, -1);
}

void user_monitor_do(struct user_monitor *monitor, void (*job)(struct user_peer *peer))
{
	user_monitor_let(monitor, &monitor->peer, job);
}

void user_monitor_let(struct user_monitor *monitor, struct user_peer *peer,
		      void (*job)(struct user_peer *peer))
{
	__atomic_store_n(&peer->job_done, false, __ATOMIC_RELEASE);
	peer->job = job;
	assert_int_equal(write(peer->wake, &(uint64_t){1}, 8), 8);
	while (!__atomic_load_n(&peer->job_done, __ATOMIC_ACQUIRE))
		loop_once(monitor, 10);
}
