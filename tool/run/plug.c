/* SPDX-License-Identifier: MIT */
/* See plug.h. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tool/clock.h"
#include "tool/run/plug.h"
#include "tool/run/plug_helper.h"
#include "tool/run/spawn.h"
#include "tool/tool.h"

/* Serial numbers of our calls; those of others are below. */
#define OURS UINT32_C(0x80000000)

/* What an event of epoll is about: a number, and with this bit its helper's end. */
enum { ENDED = 1 << 16 };

int plug_init(struct plug_keeper *plugs)
{
	for (unsigned i = 0; i < VMM_DEVICES_MAX; i++)
		plugs->at[i].socket = plugs->at[i].process = -1;
	plugs->epoll = epoll_create1(EPOLL_CLOEXEC);
	return plugs->epoll < 0 ? -errno : 0;
}

int plug_fd(const struct plug_keeper *plugs)
{
	return plugs->epoll;
}

bool plug_gives_back(const struct plug_keeper *plugs, unsigned number)
{
	return plugs->at[number].holds;
}

/* The helper gives back what it has taken, and ends (take_end). */
static void let_go(struct plug_at *at)
{
	if (at->socket >= 0)
		close(at->socket); /* which epoll forgets */
	at->socket = -1;
}

static void tell(struct plug_keeper *plugs, struct plug_at *at)
{
	at->holds = false;
	at->last.values[0] = at->given;
	plugs->event(plugs->opaque, &at->last, at->topic[0] ? at->topic : NULL);
}

/* The last event of a device. Whoever hears of it may use the device: so it waits for the helper's end. */
static void finish(struct plug_keeper *plugs, const struct vmm_event *event, const char *topic)
{
	struct plug_at *at = &plugs->at[event->device];

	let_go(at);
	at->called = false;
	if (at->holds)
		return; /* a machine that says it twice */
	at->holds = true;
	at->last = *event;
	snprintf(at->topic, sizeof(at->topic), "%s", topic ? topic : "");
	if (!at->helper)
		tell(plugs, at);
}

static void failed(struct plug_keeper *plugs, unsigned number, const char *text, const char *topic)
{
	struct vmm_event event = {.type = VMM_EVENT_PLUG_FAILED, .device = number};

	snprintf(event.text, sizeof(event.text), "%s", text);
	finish(plugs, &event, topic);
}

static int watch(const struct plug_keeper *plugs, int fd, unsigned what)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = what};

	return epoll_ctl(plugs->epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

/*
 * A helper whose end cannot be seen is killed. What it may have taken already, lend unbind --stale gives
 * back.
 */
static int watch_process(const struct plug_keeper *plugs, struct plug_at *at, unsigned number)
{
	int ret = at->process = pidfd_open(at->helper, 0);

	ret = ret < 0 ? -errno : watch(plugs, at->process, number | ENDED);
	if (!ret)
		return 0;
	if (at->process >= 0)
		close(at->process);
	at->process = -1;
	kill(at->helper, SIGKILL);
	waitpid(at->helper, NULL, 0);
	return ret;
}

/* A process for the device; `main`: what it does. */
static int start(struct plug_keeper *plugs, unsigned number, const struct run_device *device,
		 int (*main)(void *opaque))
{
	struct plug_helper helper = {.options = plugs->options, .device = device};
	struct plug_at *at = &plugs->at[number];
	int ends[2], ret;

	at->given = PLUG_NOT_TAKEN;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return -errno;
	helper.socket = ends[1];
	ret = watch(plugs, ends[0], number);
	if (!ret) {
		const int keep[] = {ends[1], STDERR_FILENO, device->fd};

		ret = at->helper = spawn(main, &helper, keep, 3);
	}
	close(ends[1]);
	if (ret > 0)
		ret = watch_process(plugs, at, number);
	if (!ret) {
		at->socket = ends[0];
		return 0;
	}
	at->helper = 0;
	close(ends[0]);
	return ret;
}

int plug_add(struct plug_keeper *plugs, unsigned number, const struct run_device *device,
	     struct lend_error *error)
{
	int ret;

	if (device->served.count || device->fd_socket[0])
		return tool_fail(
			error, -EOPNOTSUPP,
			"such a device cannot come while the guest runs: pass it as fd=, or give the "
			"socket of its server");
	if (number >= VMM_DEVICES_MAX || plugs->at[number].helper)
		return tool_fail(error, -EBUSY, "the last device %u is still being given back", number);
	ret = start(plugs, number, device, plug_helper_main);
	return ret ? tool_fail(error, ret, "cannot start a process for the device: %s", strerror(-ret)) : 0;
}

/* The helper is done, or it closes its socket, because it ends. */
static void take_reply(struct plug_keeper *plugs, unsigned number, int control)
{
	struct plug_at *at = &plugs->at[number];
	struct plug_reply reply;
	int fds[ORDER_FDS], count = plug_reply_take(at->socket, &reply, fds), ret;

	if (count == -EAGAIN)
		return;
	if (count < 0) {
		let_go(at);
		return;
	}
	if (reply.result) {
		failed(plugs, number, reply.text, reply.topic);
		return;
	}
	ret = control < 0 ? -EPIPE
			  : control_send_call(control, OURS | number, CALL_PLUG, number, NULL, 0, fds,
					      (unsigned)count);
	for (int i = 0; i < count; i++)
		close(fds[i]);
	at->called = !ret;
	if (ret)
		failed(plugs, number, "the machine does not take the device now", NULL);
}

/* What a helper's status says. One that was killed may have left the device taken. */
static enum plug_given given_by(int status)
{
	if (!WIFEXITED(status))
		return PLUG_STILL_TAKEN;
	return WEXITSTATUS(status) <= PLUG_STILL_TAKEN ? (enum plug_given)WEXITSTATUS(status)
						       : PLUG_STILL_TAKEN;
}

/* The helper has ended: what it had to say was said before, and what it had taken is given back. */
static void take_end(struct plug_keeper *plugs, unsigned number, int control)
{
	struct plug_at *at = &plugs->at[number];
	int status = 0;

	if (at->socket >= 0)
		take_reply(plugs, number, control);
	if (waitpid(at->helper, &status, 0) == at->helper)
		at->given = given_by(status);
	close(at->process); /* which epoll forgets */
	at->process = -1;
	at->helper = 0;
	let_go(at);
	if (at->holds)
		tell(plugs, at);
	else if (!at->called)
		failed(plugs, number, "the process that prepares the device has ended", NULL);
}

void plug_serve(struct plug_keeper *plugs, int control)
{
	struct epoll_event events[VMM_DEVICES_MAX];
	int count = epoll_wait(plugs->epoll, events, VMM_DEVICES_MAX, 0);

	for (int i = 0; i < count; i++) {
		unsigned number = events[i].data.u32 & ~(uint32_t)ENDED;

		if (events[i].data.u32 & ENDED)
			take_end(plugs, number, control);
		else if (plugs->at[number].socket >= 0)
			take_reply(plugs, number, control);
	}
}

static bool is_last(uint32_t type)
{
	return type == VMM_EVENT_PLUG_FAILED || type == VMM_EVENT_PLUG_TIMEOUT || type == VMM_EVENT_DELETED;
}

/*
 * A device of the command line that the keeper took itself goes back when the machine has it no more. One
 * that VFIO had before stays there.
 */
static void give_back(struct plug_keeper *plugs, unsigned number)
{
	const struct run_device *device = &plugs->options->devices[number];

	if (plugs->at[number].is_back || number >= plugs->options->device_count)
		return;
	plugs->at[number].is_back = true; /* if that fails now, it is tried again at the machine's end */
	if (device->taken && start(plugs, number, device, plug_giver_main))
		plugs->at[number].given = PLUG_STILL_TAKEN;
}

bool plug_take(struct plug_keeper *plugs, const struct control_message *message)
{
	uint32_t number = message->value & ~OURS;

	if (message->type == CONTROL_EVENT && is_last(message->event.type) &&
	    message->event.device < VMM_DEVICES_MAX) {
		if (!plugs->at[message->event.device].helper)
			give_back(plugs, message->event.device);
		finish(plugs, &message->event, NULL);
		return true;
	}
	if (message->type != CONTROL_ANSWER || !(message->value & OURS))
		return false;
	if (message->answer.result && number < VMM_DEVICES_MAX && plugs->at[number].called)
		failed(plugs, number, message->answer.text, NULL);
	return true;
}

/* The process that still works; 0: none does. */
static pid_t working(const struct plug_keeper *plugs)
{
	for (unsigned i = 0; i < VMM_DEVICES_MAX; i++)
		if (plugs->at[i].helper)
			return plugs->at[i].helper;
	return 0;
}

pid_t plug_end(struct plug_keeper *plugs, unsigned limit_ms)
{
	uint64_t now = clock_ms(), until = now + limit_ms;
	struct pollfd ready = {.fd = plugs->epoll, .events = POLLIN};
	pid_t left;

	for (unsigned i = 0; i < VMM_DEVICES_MAX; i++)
		let_go(&plugs->at[i]);
	for (; working(plugs) && now < until; now = clock_ms())
		if (poll(&ready, 1, (int)(until - now)) > 0)
			plug_serve(plugs, -1);
	left = working(plugs);
	for (unsigned i = 0; i < VMM_DEVICES_MAX; i++)
		if (plugs->at[i].process >= 0)
			close(plugs->at[i].process);
	if (plugs->epoll >= 0)
		close(plugs->epoll);
	plugs->epoll = -1;
	return left;
}
