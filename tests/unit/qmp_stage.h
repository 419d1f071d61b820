/* SPDX-License-Identifier: MIT */
/*
 * The server of the control socket with a keeper that is played: its calls to the machine are
 * recorded, and the test answers them. One thread: the test serves when it waits for a line.
 */
#ifndef TESTS_UNIT_QMP_STAGE_H
#define TESTS_UNIT_QMP_STAGE_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"

#include "tests/unit/folder.h"
#include "tool/run/qmp/commands.h"
#include "tool/run/socket.h"

struct peer {
	int fd;
	char bytes[1 << 20];
	size_t used;
	bool ended;
};

struct stage {
	char root[64], path[96];
	int listener;
	struct run_options options;
	struct qmp *qmp;
	/* What the keeper was asked for. */
	uint32_t serial;
	int verb, verbs; /* the last, and how many */
	int refusal;     /* of the next call */
	unsigned buttons, quits, plugs, unplugs, changes;
	unsigned number; /* of the last device that came or was to go */
	bool force;
	struct run_device device;
	int plug_result;
};

static inline int play_call(void *opaque, uint32_t serial, enum control_verb verb)
{
	struct stage *stage = opaque;

	stage->serial = serial;
	stage->verb = (int)verb;
	stage->verbs++;
	return stage->refusal;
}

static inline int play_plug(void *opaque, unsigned number, const struct run_device *device,
			    struct lend_error *error)
{
	struct stage *stage = opaque;

	stage->number = number;
	stage->device = *device;
	if (device->fd >= 0)
		assert_true(fcntl(device->fd, F_GETFD) >= 0);
	snprintf(error->text, sizeof(error->text), "it is not to be had");
	if (!stage->plug_result)
		stage->plugs++;
	return stage->plug_result;
}

static inline int play_unplug(void *opaque, uint32_t serial, unsigned number, bool force)
{
	struct stage *stage = opaque;

	stage->serial = serial;
	stage->number = number;
	stage->force = force;
	stage->unplugs++;
	return stage->refusal;
}

static inline void play_changed(void *opaque)
{
	((struct stage *)opaque)->changes++;
}

static inline void play_powerdown(void *opaque)
{
	((struct stage *)opaque)->buttons++;
}

static inline void play_quit(void *opaque)
{
	((struct stage *)opaque)->quits++;
}

static inline int stage_setup(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));
	struct lend_error error;
	struct qmp_config config;

	assert_non_null(stage);
	strcpy(stage->root, "/tmp/lend-test-qmp-XXXXXX");
	assert_non_null(mkdtemp(stage->root));
	snprintf(stage->path, sizeof(stage->path), "%s/qmp", stage->root);
	stage->listener = socket_listen_for("", stage->path, 200, &error);
	assert_true(stage->listener >= 0);
	strcpy(stage->options.name, "db");
	stage->options.device_count = 2;
	strcpy(stage->options.devices[0].host, "0000:05:00.0");
	strcpy(stage->options.devices[1].host, "0000:06:00.0");
	strcpy(stage->options.devices[1].id, "net0");
	config = (struct qmp_config){
		.listeners = {stage->listener, -1},
		.options = &stage->options,
		.host = {.opaque = stage,
			 .call = play_call,
			 .plug = play_plug,
			 .unplug = play_unplug,
			 .changed = play_changed,
			 .powerdown = play_powerdown,
			 .quit = play_quit},
	};
	assert_int_equal(qmp_new(&config, &stage->qmp), 0);
	*state = stage;
	return 0;
}

static inline int stage_teardown(void **state)
{
	struct stage *stage = *state;

	qmp_free(stage->qmp);
	close(stage->listener);
	folder_remove(stage->root);
	free(stage);
	return 0;
}

/* Serves until the server has nothing to do. */
static inline void serve(struct stage *stage)
{
	struct pollfd ready = {.fd = qmp_fd(stage->qmp), .events = POLLIN};

	for (int i = 0; i < 10000 && poll(&ready, 1, 0) > 0; i++)
		qmp_serve(stage->qmp);
	assert_true(poll(&ready, 1, 0) <= 0); /* else it turns in a circle */
}

static inline struct peer *join(struct stage *stage)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct peer *peer = calloc(1, sizeof(*peer));

	assert_non_null(peer);
	strcpy(address.sun_path, stage->path);
	peer->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(peer->fd >= 0);
	assert_int_equal(connect(peer->fd, (struct sockaddr *)&address, sizeof(address)), 0);
	serve(stage);
	return peer;
}

static inline void leave(struct stage *stage, struct peer *peer)
{
	close(peer->fd);
	free(peer);
	serve(stage);
}

/* Takes what there is; serves in between. */
static inline void hear(struct stage *stage, struct peer *peer)
{
	ssize_t length;

	serve(stage);
	while ((length = recv(peer->fd, peer->bytes + peer->used, sizeof(peer->bytes) - peer->used, 0)) > 0) {
		peer->used += (size_t)length;
		serve(stage);
	}
	peer->ended |= !length || (errno != EAGAIN && errno != EINTR);
}

/* The next message; NULL: there is none. */
static inline json_t *message(struct stage *stage, struct peer *peer)
{
	const char *end;
	json_t *value;
	size_t length;

	hear(stage, peer);
	end = memchr(peer->bytes, '\n', peer->used);
	if (!end)
		return NULL;
	length = (size_t)(end - peer->bytes) + 1;
	value = json_loadb(peer->bytes, length, 0, NULL);
	assert_non_null(value);
	peer->used -= length;
	memmove(peer->bytes, peer->bytes + length, peer->used);
	return value;
}

static inline void assert_silent(struct stage *stage, struct peer *peer)
{
	json_t *value = message(stage, peer);

	if (value)
		fail_msg("nothing should come, and this did: %s", json_dumps(value, 0));
}

/* Sends bytes, as the server takes them. */
static inline void say(struct stage *stage, struct peer *peer, const char *bytes, size_t length)
{
	while (length) {
		ssize_t done = send(peer->fd, bytes, length, MSG_NOSIGNAL);

		if (done > 0) {
			bytes += done;
			length -= (size_t)done;
		}
		serve(stage);
	}
}

/* With descriptors. */
static inline void say_with(struct stage *stage, struct peer *peer, const char *text, const int *fds,
			    size_t count)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(16 * sizeof(int))];
	} control = {.header = {.cmsg_len = CMSG_LEN(count * sizeof(int)),
				.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS}};
	struct iovec data = {(void *)text, strlen(text)};
	struct msghdr all = {.msg_iov = &data,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = CMSG_SPACE(count * sizeof(int))};

	memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
	assert_int_equal(sendmsg(peer->fd, &all, MSG_NOSIGNAL), strlen(text));
	serve(stage);
}

static inline json_t *ask(struct stage *stage, struct peer *peer, const char *text)
{
	json_t *reply;

	say(stage, peer, text, strlen(text));
	say(stage, peer, "\n", 1);
	reply = message(stage, peer);
	assert_non_null(reply);
	return reply;
}

/* The reply to `text` is an error of that class, with these words in it; and there is one. */
static inline void assert_error(struct stage *stage, struct peer *peer, const json_t *reply,
				const char *class, const char *words)
{
	const json_t *error = json_object_get(reply, "error");
	const char *desc = json_string_value(json_object_get(error, "desc"));

	assert_non_null(desc);
	assert_string_equal(json_string_value(json_object_get(error, "class")), class);
	if (!strstr(desc, words))
		fail_msg("'%s' is not in '%s'", words, desc);
	assert_silent(stage, peer);
}

static inline void assert_refused(struct stage *stage, struct peer *peer, const char *text, const char *class,
				  const char *words)
{
	json_t *reply = ask(stage, peer, text);

	assert_error(stage, peer, reply, class, words);
	json_decref(reply);
}

/* The value of "return". */
static inline json_t *asked(struct stage *stage, struct peer *peer, const char *text)
{
	json_t *reply = ask(stage, peer, text), *value = json_incref(json_object_get(reply, "return"));

	if (!value)
		fail_msg("%s: %s", text, json_dumps(reply, 0));
	json_decref(reply);
	return value;
}

static inline void done(struct stage *stage, struct peer *peer, const char *text)
{
	json_decref(asked(stage, peer, text));
}

/* One that may give all commands. */
static inline struct peer *client(struct stage *stage)
{
	struct peer *peer = join(stage);
	json_t *greeting = message(stage, peer);

	assert_true(json_is_object(json_object_get(greeting, "QMP")));
	json_decref(greeting);
	done(stage, peer, "{\"execute\": \"qmp_capabilities\"}");
	return peer;
}

static inline void send_answer(struct stage *stage, int result, const char *text)
{
	struct control_message answer = {.type = CONTROL_ANSWER, .value = stage->serial};

	answer.answer.result = result;
	strcpy(answer.answer.text, text);
	qmp_take(stage->qmp, &answer);
}

static inline void send_event(struct stage *stage, enum vmm_event_type type, unsigned device,
			      const char *text)
{
	struct control_message event = {.type = CONTROL_EVENT, .event = {.type = type, .device = device}};

	strcpy(event.event.text, text);
	qmp_take(stage->qmp, &event);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, stage_setup, stage_teardown)

#endif
