/* SPDX-License-Identifier: MIT */
/* The server: listeners and clients behind one epoll descriptor; see qmp.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "tool/run/qmp/commands.h"
#include "tool/run/socket.h"

enum { EVENTS_A_ROUND = 64, REQUESTS_A_ROUND = 16, AGAIN_MS = 500 };

static int watch(struct qmp *qmp, int operation, int fd, uint32_t events, void *owner)
{
	struct epoll_event event = {.events = events, .data.ptr = owner};

	return epoll_ctl(qmp->epoll, operation, fd, &event) ? -errno : 0;
}

/* Without room, a client waits in the listener's queue, which must not wake us meanwhile. */
static void watch_listeners(struct qmp *qmp, bool full)
{
	if (full == qmp->full)
		return;
	qmp->full = full;
	for (unsigned i = 0; i < QMP_LISTENERS_MAX; i++)
		if (qmp->config.listeners[i] >= 0)
			watch(qmp, EPOLL_CTL_MOD, qmp->config.listeners[i], full ? 0 : EPOLLIN,
			      &qmp->config.listeners[i]);
}

/* Requests are read while none is in work, and while the client reads its replies. */
static void watch_client(struct qmp *qmp, struct qmp_client *client)
{
	uint32_t events = 0;

	if (!client->ended && !client->wait.on && client->output_used < QMP_OUTPUT_PAUSE)
		events |= EPOLLIN;
	if (client->output_used)
		events |= EPOLLOUT;
	if (events != client->watched)
		watch(qmp, EPOLL_CTL_MOD, client->fd, events, client);
	client->watched = events;
}

static void greet(struct qmp_client *client)
{
	qmp_client_send(client,
			json_pack("{s:{s:o, s:[]}}", "QMP", "version", qmp_version(), "capabilities"));
}

/* There is no descriptor or memory for a client, and nobody tells when there is: it is tried again. */
static void accept_later(struct qmp *qmp)
{
	const struct itimerspec when = {.it_value = {.tv_nsec = AGAIN_MS * 1000000}};

	if (!timerfd_settime(qmp->timer, 0, &when, NULL))
		watch_listeners(qmp, true);
}

static void on_timer(struct qmp *qmp)
{
	uint64_t count;

	if (read(qmp->timer, &count, sizeof(count)) == sizeof(count))
		watch_listeners(qmp, qmp->client_count == QMP_CLIENTS_MAX);
}

static void accept_client(struct qmp *qmp, int listener)
{
	int fd = socket_accept(listener);
	struct qmp_client *client;

	if (socket_is_short(fd))
		accept_later(qmp);
	if (fd < 0)
		return;
	client = qmp_client_new(fd);
	if (!client || watch(qmp, EPOLL_CTL_ADD, fd, EPOLLIN, client)) {
		if (client)
			qmp_client_free(client);
		else
			close(fd);
		return;
	}
	client->watched = EPOLLIN;
	client->next = qmp->clients;
	qmp->clients = client;
	if (++qmp->client_count == QMP_CLIENTS_MAX)
		watch_listeners(qmp, true);
	greet(client);
}

/* Lets those go that are gone, or that have said and heard all. */
void qmp_tidy(struct qmp *qmp)
{
	struct qmp_client **at = &qmp->clients;

	while (*at) {
		struct qmp_client *client = *at;

		if (!client->gone && (!client->ended || client->wait.on || client->output_used)) {
			watch_client(qmp, client);
			at = &client->next;
			continue;
		}
		*at = client->next;
		/* A child that was just forked may hold the socket still, and epoll would tell of it. */
		watch(qmp, EPOLL_CTL_DEL, client->fd, 0, NULL);
		qmp_client_free(client);
		qmp->client_count--;
		watch_listeners(qmp, false);
	}
}

static void serve_client(struct qmp *qmp, struct qmp_client *client, uint32_t events)
{
	qmp_client_flush(client);
	for (int i = 0; i < REQUESTS_A_ROUND && !client->gone && !client->wait.on &&
			client->output_used < QMP_OUTPUT_PAUSE && qmp_client_read(client) == 1;
	     i++) {
		qmp_request(qmp, client);
		qmp_client_done(client);
	}
	/* Both directions are closed: nobody reads a reply. What it asked for before is done. */
	if (events & (EPOLLERR | EPOLLHUP))
		client->gone = true;
}

static int *listener_of(struct qmp *qmp, const void *owner)
{
	for (unsigned i = 0; i < QMP_LISTENERS_MAX; i++)
		if (owner == &qmp->config.listeners[i])
			return &qmp->config.listeners[i];
	return NULL;
}

void qmp_serve(struct qmp *qmp)
{
	struct epoll_event events[EVENTS_A_ROUND];
	int count = epoll_wait(qmp->epoll, events, EVENTS_A_ROUND, 0);

	/* No client is freed before all events of the round are looked at. */
	for (int i = 0; i < count; i++) {
		int *listener = listener_of(qmp, events[i].data.ptr);

		if (events[i].data.ptr == &qmp->timer)
			on_timer(qmp);
		else if (!listener)
			serve_client(qmp, events[i].data.ptr, events[i].events);
		else if (qmp->client_count < QMP_CLIENTS_MAX)
			accept_client(qmp, *listener);
	}
	qmp_tidy(qmp);
}

int qmp_new(const struct qmp_config *config, struct qmp **out)
{
	struct qmp *qmp = calloc(1, sizeof(*qmp));
	int ret = 0;

	if (!qmp)
		return -ENOMEM;
	qmp->config = *config;
	qmp->epoll = epoll_create1(EPOLL_CLOEXEC);
	qmp->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (qmp->epoll < 0 || qmp->timer < 0)
		ret = -errno;
	ret = ret ? ret : watch(qmp, EPOLL_CTL_ADD, qmp->timer, EPOLLIN, &qmp->timer);
	for (unsigned i = 0; i < QMP_LISTENERS_MAX && !ret; i++)
		if (config->listeners[i] >= 0)
			ret = watch(qmp, EPOLL_CTL_ADD, config->listeners[i], EPOLLIN,
				    &qmp->config.listeners[i]);
	qmp_devices_init(qmp);
	if (!ret)
		*out = qmp;
	else
		qmp_free(qmp);
	return ret;
}

void qmp_free(struct qmp *qmp)
{
	if (!qmp)
		return;
	while (qmp->clients) {
		struct qmp_client *client = qmp->clients;

		qmp->clients = client->next;
		qmp_client_free(client);
	}
	if (qmp->timer >= 0)
		close(qmp->timer);
	if (qmp->epoll >= 0)
		close(qmp->epoll);
	free(qmp);
}

int qmp_fd(const struct qmp *qmp)
{
	return qmp ? qmp->epoll : -1;
}

void qmp_send_event(struct qmp *qmp, const char *name, json_t *data)
{
	struct timespec now;
	json_t *event;

	clock_gettime(CLOCK_REALTIME, &now);
	event = json_pack("{s:s, s:{s:I, s:I}, s:o*}", "event", name, "timestamp", "seconds",
			  (json_int_t)now.tv_sec, "microseconds", (json_int_t)now.tv_nsec / 1000, "data",
			  data);
	for (struct qmp_client *client = qmp->clients; client; client = client->next)
		if (client->negotiated && event)
			qmp_client_send(client, json_incref(event));
	json_decref(event);
	qmp_tidy(qmp);
}

void qmp_running(struct qmp *qmp)
{
	qmp->running = true;
}

void qmp_cause(struct qmp *qmp, enum qmp_cause cause)
{
	if (!qmp->cause)
		qmp->cause = cause;
}

void qmp_ended(struct qmp *qmp, bool said, enum vmm_end end)
{
	if (qmp->over)
		return;
	qmp->over = true;
	qmp->end = said ? end : VMM_END_ERROR;
	for (struct qmp_client *client = qmp->clients; client; client = client->next)
		if (client->wait.on)
			qmp_reply_error(client, NULL, "the machine has ended");
	qmp_send_shutdown(qmp);
}
