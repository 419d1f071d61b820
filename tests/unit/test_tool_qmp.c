/* SPDX-License-Identifier: MIT */
/* The control socket: the dialect as its clients know it, and what they may do wrong. */
#include <sys/resource.h>

#include "tests/unit/qmp_stage.h"

static void nothing_before_the_capabilities(void **state)
{
	struct stage *stage = *state;
	struct peer *peer = join(stage);
	json_t *greeting = message(stage, peer), *qmp = json_object_get(greeting, "QMP");

	assert_true(json_is_object(json_object_get(json_object_get(qmp, "version"), "qemu")));
	assert_true(json_is_array(json_object_get(qmp, "capabilities")));
	assert_int_equal(json_array_size(json_object_get(qmp, "capabilities")), 0);
	json_decref(greeting);
	assert_refused(stage, peer, "{\"execute\": \"query-status\"}", "CommandNotFound", "qmp_capabilities");
	send_event(stage, VMM_EVENT_STOP, 0, "");
	assert_silent(stage, peer);
	assert_refused(stage, peer,
		       "{\"execute\": \"qmp_capabilities\", \"arguments\": {\"enable\": [\"oob\"]}}",
		       "GenericError", "'oob' is not offered");
	done(stage, peer, "{\"execute\": \"qmp_capabilities\", \"arguments\": {\"enable\": []}}");
	assert_refused(stage, peer, "{\"execute\": \"qmp_capabilities\"}", "CommandNotFound", "already");
	send_event(stage, VMM_EVENT_RESUME, 0, "");
	json_decref(message(stage, peer));
	leave(stage, peer);
}

/* Each line has one reply, and the next request after it is served. */
static void bad_requests(void **state)
{
	static const struct {
		const char *text, *class, *words;
	} rows[] = {
		{"hello", "GenericError", "no JSON"},
		{"GET / HTTP/1.1", "GenericError", "no JSON"},
		{"{\"execute\": \"query-status\"", "GenericError", "in the middle"},
		{"{\"execute\": \"query-st", "GenericError", "in the middle"},
		{"{\"execute\": query-status}", "GenericError", "no JSON"},
		{"{\"execute\": \"query-status\"]", "GenericError", "no JSON"},
		{"{\"execute\": \"a\", \"execute\": \"b\"}", "GenericError", "duplicate"},
		{"{\"execute\": \"\xff\"}", "GenericError", "no JSON"},
		{"{\"execute\": \"a\\u0000b\"}", "GenericError", "no JSON"},
		{"[1, 2]", "GenericError", "is an object"},
		{"\"text\"", "GenericError", "no JSON"},
		{"{}", "GenericError", "'execute'"},
		{"{\"execute\": 5}", "GenericError", "a string"},
		{"{\"execute\": \"stop\", \"arguments\": []}", "GenericError", "an object"},
		{"{\"execute\": \"stop\", \"argument\": {}}", "GenericError", "'argument'"},
		{"{\"exec-oob\": \"stop\"}", "GenericError", "out of band"},
		{"{\"execute\": \"query-statsu\"}", "CommandNotFound", "nearest is 'query-status'"},
		{"{\"execute\": \"zzzzzzzz\"}", "CommandNotFound", "query-commands"},
		{"{\"execute\": \"stop\", \"arguments\": {\"now\": true}}", "GenericError", "'now'"},
		{"{\"execute\": \"closefd\"}", "GenericError", "'fdname'"},
		{"{\"execute\": \"closefd\", \"arguments\": {\"fdname\": 5}}", "GenericError", "type str"},
		{"{\"execute\": \"closefd\", \"arguments\": {\"fdnam\": \"x\"}}", "GenericError",
		 "nearest is 'fdname'"},
		{"{\"execute\": \"closefd\", \"arguments\": {\"fdname\": \"x\"}}", "GenericError",
		 "no descriptor 'x'"},
		{"{\"execute\": \"getfd\", \"arguments\": {\"fdname\": \"x\"}}", "GenericError",
		 "no descriptor came"},
	};
	struct stage *stage = *state;
	struct peer *peer = client(stage);

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_refused(stage, peer, rows[i].text, rows[i].class, rows[i].words);
		done(stage, peer, "{\"execute\": \"query-status\"}");
	}
	assert_int_equal(stage->verbs, 0);
	leave(stage, peer);
}

/* A line of 1 MiB, and one that is nested 10,000 deep; also as the brackets alone, and never ending. */
static void large_requests(void **state)
{
	enum { LARGE = 1 << 20, DEEP = 10000 };
	struct stage *stage = *state;
	struct peer *peer = client(stage);
	char *bytes = malloc(LARGE);
	json_t *reply;

	assert_non_null(bytes);
	memset(bytes, 'x', LARGE);
	say(stage, peer, bytes, LARGE);
	assert_silent(stage, peer);
	say(stage, peer, "\n", 1);
	reply = message(stage, peer);
	assert_error(stage, peer, reply, "GenericError", "65536");
	json_decref(reply);

	memcpy(bytes, "{\"execute\": \"", 13);
	memcpy(bytes + LARGE - 2, "\"}", 2); /* and no new line */
	say(stage, peer, bytes, LARGE);
	reply = message(stage, peer);
	assert_error(stage, peer, reply, "GenericError", "65536");
	json_decref(reply);

	memset(bytes, '[', DEEP);
	memset(bytes + DEEP, ']', DEEP);
	say(stage, peer, bytes, 2 * DEEP);
	reply = message(stage, peer);
	assert_error(stage, peer, reply, "GenericError", "32 deep");
	json_decref(reply);

	say(stage, peer, bytes, DEEP);
	assert_refused(stage, peer, "", "GenericError", "32 deep");
	done(stage, peer, "{\"execute\": \"query-status\"}");
	say(stage, peer, bytes, DEEP); /* and goes */
	free(bytes);
	leave(stage, peer);
}

/* The id is echoed, whatever it is; requests without a new line, and several in one piece, are in order. */
static void ids_and_order(void **state)
{
	static const char many[] =
		"{\"execute\":\"query-name\",\"id\":1}{\"execute\":\"stop\",\"id\":\"two\"}\r\n\n  "
		"{\"id\":{\"a\":[3]},\"execute\":\"nothing\"} {\"execute\":\"query-name\",\"id\":null}";
	struct stage *stage = *state;
	struct peer *peer = client(stage);
	json_t *reply;

	say(stage, peer, many, strlen(many));
	reply = message(stage, peer);
	assert_int_equal(json_integer_value(json_object_get(reply, "id")), 1);
	assert_string_equal(json_string_value(json_object_get(json_object_get(reply, "return"), "name")),
			    "db");
	json_decref(reply);
	assert_int_equal(stage->verb, CALL_PAUSE);
	assert_silent(stage, peer); /* until the machine has answered */
	send_answer(stage, 0, "");
	reply = message(stage, peer);
	assert_string_equal(json_string_value(json_object_get(reply, "id")), "two");
	assert_true(json_is_object(json_object_get(reply, "return")));
	json_decref(reply);
	reply = message(stage, peer);
	assert_int_equal(json_array_size(json_object_get(json_object_get(reply, "id"), "a")), 1);
	assert_non_null(json_object_get(reply, "error"));
	json_decref(reply);
	reply = message(stage, peer);
	assert_true(json_is_null(json_object_get(reply, "id")));
	json_decref(reply);
	assert_silent(stage, peer);
	leave(stage, peer);
}

/* A client may go at any byte, also while the machine works for it; the others notice nothing. */
static void clients_die(void **state)
{
	static const char text[] = "{\"execute\": \"stop\", \"id\": 7}\n";
	struct stage *stage = *state;
	struct peer *other = client(stage);

	for (size_t cut = 0; cut < sizeof(text); cut++) {
		struct peer *peer = client(stage);

		say(stage, peer, text, cut);
		leave(stage, peer);
		done(stage, other, "{\"execute\": \"query-status\"}");
	}
	send_answer(stage, 0, ""); /* to nobody */
	assert_silent(stage, other);
	assert_int_equal(stage->qmp->client_count, 1);
	leave(stage, other);
}

/* What it has asked for is still said to one that has closed its sending side, as nc does. */
static void half_closed(void **state)
{
	struct stage *stage = *state;
	struct peer *peer = client(stage);
	json_t *reply;

	say(stage, peer, "{\"execute\": \"cont\"}", 19);
	assert_int_equal(shutdown(peer->fd, SHUT_WR), 0);
	assert_silent(stage, peer);
	assert_false(peer->ended);
	send_answer(stage, 0, "");
	reply = message(stage, peer);
	assert_non_null(json_object_get(reply, "return"));
	json_decref(reply);
	hear(stage, peer);
	assert_true(peer->ended);
	leave(stage, peer);
}

/* 100 clients at once, each with an answer of its own; more than there is room for wait. */
static void many_clients(void **state)
{
	enum { MANY = QMP_CLIENTS_MAX + 10 };
	struct stage *stage = *state;
	struct peer *peers[MANY];
	unsigned greeted = 0;

	for (unsigned i = 0; i < 100; i++)
		peers[i] = client(stage);
	for (unsigned i = 0; i < 100; i++)
		done(stage, peers[i], "{\"execute\": \"query-name\"}");
	for (unsigned i = 100; i < MANY; i++)
		peers[i] = join(stage);
	for (unsigned i = 100; i < MANY; i++) {
		hear(stage, peers[i]);
		greeted += peers[i]->used > 0;
	}
	assert_int_equal(greeted, QMP_CLIENTS_MAX - 100);
	for (unsigned i = 0; i < MANY; i++)
		leave(stage, peers[i]);
	assert_int_equal(stage->qmp->client_count, 0);
	leave(stage, client(stage));
}

/* One that asks and does not read is not read either; one that does not read events is dropped, alone. */
/* No client is there whose end would make room: the listener is looked at again after a while. */
static void without_a_descriptor(void **state)
{
	struct stage *stage = *state;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct pollfd ready = {.fd = qmp_fd(stage->qmp), .events = POLLIN};
	struct peer *peer = calloc(1, sizeof(*peer));
	struct rlimit before, now;
	json_t *greeting;

	assert_non_null(peer);
	strcpy(address.sun_path, stage->path);
	peer->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	now = before;
	now.rlim_cur = (rlim_t)peer->fd + 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
	assert_int_equal(connect(peer->fd, (struct sockaddr *)&address, sizeof(address)), 0);
	serve(stage); /* which does not turn in a circle */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(poll(&ready, 1, 30000), 1);
	greeting = message(stage, peer);
	assert_true(json_is_object(json_object_get(greeting, "QMP")));
	json_decref(greeting);
	leave(stage, peer);
}

static void deaf_clients(void **state)
{
	struct stage *stage = *state;
	struct peer *deaf = client(stage), *other = client(stage);
	const char text[] = "{\"execute\": \"query-qmp-schema\"}\n";
	unsigned sent = 0;

	while (send(deaf->fd, text, strlen(text), MSG_NOSIGNAL) > 0) {
		serve(stage);
		assert_true(sent++ < 100000);
	}
	assert_int_equal(stage->qmp->client_count, 2);
	for (unsigned i = 0; i < 40000; i++) {
		send_event(stage, VMM_EVENT_STOP, 0, "");
		if (i % 100 == 0) {
			hear(stage, other);
			other->used = 0;
		}
	}
	assert_int_equal(stage->qmp->client_count, 1);
	hear(stage, other);
	other->used = 0;
	done(stage, other, "{\"execute\": \"query-status\"}");
	leave(stage, deaf);
	leave(stage, other);
}

/* One reply where the machine refuses, cannot be asked, or ends meanwhile. */
static void calls_that_fail(void **state)
{
	struct stage *stage = *state;
	struct peer *peer = client(stage);
	json_t *reply;

	stage->refusal = -EAGAIN;
	assert_refused(stage, peer, "{\"execute\": \"stop\"}", "GenericError", "cannot be asked");
	stage->refusal = 0;
	say(stage, peer, "{\"execute\": \"stop\"}\n", 20);
	send_answer(stage, -EINVAL, "it has no processor");
	reply = message(stage, peer);
	assert_error(stage, peer, reply, "GenericError", "it has no processor");
	json_decref(reply);
	say(stage, peer, "{\"execute\": \"stop\"}\n", 20);
	send_answer(stage, -EINVAL, "");
	reply = message(stage, peer);
	assert_error(stage, peer, reply, "GenericError", "Invalid argument");
	json_decref(reply);
	/* Twice, or without a call: dropped. */
	send_answer(stage, 0, "");
	assert_silent(stage, peer);
	say(stage, peer, "{\"execute\": \"query-pci\"}\n", 25);
	qmp_ended(stage->qmp, true, VMM_END_FAULT);
	reply = message(stage, peer);
	assert_non_null(json_object_get(reply, "error"));
	json_decref(reply);
	reply = message(stage, peer);
	assert_string_equal(json_string_value(json_object_get(reply, "event")), "SHUTDOWN");
	json_decref(reply);
	assert_refused(stage, peer, "{\"execute\": \"stop\"}", "GenericError", "has ended");
	assert_refused(stage, peer, "{\"execute\": \"system_powerdown\"}", "GenericError", "no guest runs");
	leave(stage, peer);
}

static int lowest_free(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

/* Descriptors are those of the request that they came with; what is too much is one error, and closed. */
static void descriptors(void **state)
{
	const int fds[8] = {0, 0, 0, 0, 0, 0, 0, 0};
	struct stage *stage = *state;
	struct peer *peer = client(stage);
	int before = lowest_free();
	json_t *reply, *value;

	say_with(stage, peer, "{\"execute\": \"getfd\", \"arguments\": {\"fdname\": \"card\"}}\n", fds, 1);
	json_decref(message(stage, peer));
	assert_int_not_equal(lowest_free(), before);
	say_with(stage, peer, "{\"execute\": \"query-status\"}\n", fds, 1);
	reply = message(stage, peer);
	assert_error(stage, peer, reply, "GenericError", "takes no descriptor");
	json_decref(reply);
	say_with(stage, peer, "{\"execute\": \"getfd\", \"arguments\": {\"fdname\": \"card\"}}\n", fds, 2);
	reply = message(stage, peer);
	assert_error(stage, peer, reply, "GenericError", "takes 1");
	json_decref(reply);
	say_with(stage, peer, "{\"execute\": \"getfd\", \"arguments\": {\"fdname\": \"card\"}}\n", fds, 8);
	reply = message(stage, peer);
	assert_error(stage, peer, reply, "GenericError", "more descriptors");
	json_decref(reply);
	done(stage, peer, "{\"execute\": \"closefd\", \"arguments\": {\"fdname\": \"card\"}}");
	assert_int_equal(lowest_free(), before);

	say_with(stage, peer, "{\"execute\": \"query-name\"}{\"execute\": \"add-fd\"}\n", fds, 1);
	reply = message(stage, peer);
	assert_non_null(json_object_get(reply, "error")); /* sent with its bytes, so it is the first one's */
	json_decref(reply);
	reply = message(stage, peer);
	assert_non_null(json_object_get(reply, "error"));
	json_decref(reply);
	say_with(stage, peer, "{\"execute\": \"add-fd\", \"arguments\": {\"fdset-id\": 5}}\n", fds, 1);
	value = message(stage, peer);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(value, "return"), "fdset-id")),
			 5);
	json_decref(value);
	for (unsigned i = 1; i < QMP_KEPT_MAX; i++) {
		say_with(stage, peer, "{\"execute\": \"add-fd\"}\n", fds, 1);
		json_decref(message(stage, peer));
	}
	say_with(stage, peer, "{\"execute\": \"add-fd\"}\n", fds, 1);
	reply = message(stage, peer);
	assert_error(stage, peer, reply, "GenericError", "no more");
	json_decref(reply);
	/* They end with their client. */
	leave(stage, peer);
	assert_int_equal(lowest_free(), before - 2); /* the client's two sockets, too */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(nothing_before_the_capabilities),
		CASE(bad_requests),
		CASE(large_requests),
		CASE(ids_and_order),
		CASE(clients_die),
		CASE(half_closed),
		CASE(many_clients),
		CASE(without_a_descriptor),
		CASE(deaf_clients),
		CASE(calls_that_fail),
		CASE(descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
