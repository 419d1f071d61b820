/* SPDX-License-Identifier: MIT */
/* See plug.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tool/run/plug.h"
#include "tool/run/plug_helper.h"
#include "tool/run/spawn.h"
#include "tool/tool.h"

/* Serial numbers of our calls; those of others are below. */
#define OURS UINT32_C(0x80000000)

int plug_init(struct plug_keeper *plugs)
{
	for (unsigned i = 0; i < VMM_DEVICES_MAX; i++)
		plugs->at[i].socket = -1;
	plugs->epoll = epoll_create1(EPOLL_CLOEXEC);
	return plugs->epoll < 0 ? -errno : 0;
}

int plug_fd(const struct plug_keeper *plugs)
{
	return plugs->epoll;
}

/* The helper gives back what it has taken. It is waited for when it is done (reap). */
static void let_go(struct plug_at *at)
{
	if (at->socket >= 0)
		close(at->socket); /* which epoll forgets */
	at->socket = -1;
}

static void reap(struct plug_keeper *plugs)
{
	for (unsigned i = 0; i < VMM_DEVICES_MAX; i++)
		if (plugs->at[i].helper && waitpid(plugs->at[i].helper, NULL, WNOHANG))
			plugs->at[i].helper = 0;
}

static void failed(struct plug_keeper *plugs, unsigned number, const char *text, const char *topic)
{
	struct vmm_event event = {.type = VMM_EVENT_PLUG_FAILED, .device = number};

	let_go(&plugs->at[number]);
	plugs->at[number].called = false;
	snprintf(event.text, sizeof(event.text), "%s", text);
	plugs->event(plugs->opaque, &event, topic);
}

static int start(struct plug_keeper *plugs, unsigned number, const struct run_device *device)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = number};
	struct plug_helper helper = {.options = plugs->options, .device = device};
	int ends[2], ret;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return -errno;
	helper.socket = ends[1];
	ret = epoll_ctl(plugs->epoll, EPOLL_CTL_ADD, ends[0], &event) ? -errno : 0;
	if (!ret) {
		const int keep[] = {ends[1], STDERR_FILENO, device->fd};

		ret = plugs->at[number].helper = spawn(plug_helper_main, &helper, keep, 3);
	}
	close(ends[1]);
	if (ret > 0) {
		plugs->at[number].socket = ends[0];
		return 0;
	}
	plugs->at[number].helper = 0;
	close(ends[0]);
	return ret;
}

int plug_add(struct plug_keeper *plugs, unsigned number, const struct run_device *device,
	     struct lend_error *error)
{
	int ret;

	reap(plugs);
	if (device->served.count || device->fd_socket[0])
		return tool_fail(
			error, -EOPNOTSUPP,
			"such a device cannot come while the guest runs: pass it as fd=, or give the "
			"socket of its server");
	if (number >= VMM_DEVICES_MAX || plugs->at[number].socket >= 0 || plugs->at[number].helper)
		return tool_fail(error, -EBUSY, "the last device %u is still being given back", number);
	ret = start(plugs, number, device);
	return ret ? tool_fail(error, ret, "cannot start a process for the device: %s", strerror(-ret)) : 0;
}

/* The helper is done, or it has ended without a word. */
static void take_reply(struct plug_keeper *plugs, unsigned number, int control)
{
	struct plug_at *at = &plugs->at[number];
	struct plug_reply reply;
	int fds[ORDER_FDS], count = plug_reply_take(at->socket, &reply, fds), ret;

	if (count == -EAGAIN)
		return;
	if (count < 0) {
		waitpid(at->helper, NULL, 0); /* its socket is closed: it has nothing to give back any more */
		at->helper = 0;
		let_go(at);
		if (!at->called)
			failed(plugs, number, "the process that prepares the device has ended", NULL);
		return;
	}
	if (reply.result) {
		failed(plugs, number, reply.text, reply.topic[0] ? reply.topic : NULL);
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

void plug_serve(struct plug_keeper *plugs, int control)
{
	struct epoll_event events[VMM_DEVICES_MAX];
	int count = epoll_wait(plugs->epoll, events, VMM_DEVICES_MAX, 0);

	for (int i = 0; i < count; i++)
		if (plugs->at[events[i].data.u32].socket >= 0)
			take_reply(plugs, events[i].data.u32, control);
	reap(plugs);
}

static bool is_last(uint32_t type)
{
	return type == VMM_EVENT_PLUG_FAILED || type == VMM_EVENT_PLUG_TIMEOUT || type == VMM_EVENT_DELETED;
}

bool plug_take(struct plug_keeper *plugs, const struct control_message *message)
{
	uint32_t number = message->value & ~OURS;

	if (message->type == CONTROL_EVENT && is_last(message->event.type) &&
	    message->event.device < VMM_DEVICES_MAX) {
		let_go(&plugs->at[message->event.device]);
		plugs->at[message->event.device].called = false;
	}
	if (message->type != CONTROL_ANSWER || !(message->value & OURS))
		return false;
	if (message->answer.result && number < VMM_DEVICES_MAX && plugs->at[number].called)
		failed(plugs, number, message->answer.text, NULL);
	return true;
}

void plug_end(struct plug_keeper *plugs)
{
	for (unsigned i = 0; i < VMM_DEVICES_MAX; i++)
		let_go(&plugs->at[i]);
	for (unsigned i = 0; i < VMM_DEVICES_MAX; i++)
		if (plugs->at[i].helper)
			waitpid(plugs->at[i].helper, NULL, 0);
	if (plugs->epoll >= 0)
		close(plugs->epoll);
	plugs->epoll = -1;
}
