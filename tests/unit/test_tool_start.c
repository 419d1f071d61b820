/* SPDX-License-Identifier: MIT */
/*
 * The keeper while the machine starts: it says what is waited for. Its clock is
 * played: the test puts it forward and wakes the keeper with a signal.
 */
#include <sys/mman.h>
#include <time.h>

static struct timespec *ahead; /* shared with the keeper's process */

static int played_clock(clockid_t id, struct timespec *out)
{
	int ret = clock_gettime(id, out);

	out->tv_sec += __atomic_load_n(&ahead->tv_sec, __ATOMIC_SEQ_CST);
	return ret;
}

#define clock_gettime played_clock
#include "tests/unit/test_tool_keeper.h"
#undef clock_gettime

static void turn(const struct user *user)
{
	char byte = 'g';

	assert_int_equal(write(user->report[0], &byte, 1), 1);
}

static void await_turn(void *opaque)
{
	char byte;

	assert_int_equal(read(report_to(opaque), &byte, 1), 1);
}

/* Opens a device, then runs; each part when the test says so. Tells of each request that it gets. */
static int starting(int control, int serial, void *opaque)
{
	struct pollfd poll_control = {.fd = control, .events = POLLIN};
	struct control_message message;

	control_send_step(control, VMM_STEP_DEVICE, "opening 0000:05:00.0\033[31m");
	control_send_step(control, VMM_STEP_ROWS, "nowhere");
	tell(opaque, "opening\n");
	await_turn(opaque);
	control_send_step(control, VMM_STEP_DEVICE, "");
	control_send(control, CONTROL_RUNNING);
	put(serial, "ready\r\n");
	poll(&poll_control, 1, -1);
	assert_int_equal(control_receive(control, &message), 1);
	tell(opaque, message.type == CONTROL_REPORT ? "report\n" : "something else\n");
	control_send_end(control, VMM_END_POWEROFF, "", NULL, 1000);
	return 0;
}

/* Is refused while it opens a device. */
static int refused_late(int control, int serial, void *opaque)
{
	(void)serial;
	control_send_step(control, VMM_STEP_DEVICE, "opening 0000:05:00.0");
	control_send_end(control, VMM_END_ERROR, "no device", NULL, 1000);
	tell(opaque, "said\n");
	await_turn(opaque);
	return 0;
}

/* Populates 4 GiB, a piece when the test says so. */
static int populating(int control, int serial, void *opaque)
{
	static const unsigned parts[] = {0, 1024, 2048};

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		control_send_memory(control, parts[i]);
		control_send_log(control, LEND_LOG_WARNING, i ? "meanwhile" : "begun");
		await_turn(opaque);
	}
	control_send(control, CONTROL_RUNNING);
	put(serial, "ready\r\n");
	await_turn(opaque);
	control_send_end(control, VMM_END_POWEROFF, "", NULL, 1000);
	return 0;
}

static void put_forward(const struct user *user, int seconds)
{
	__atomic_fetch_add(&ahead->tv_sec, seconds, __ATOMIC_SEQ_CST);
	kill(user->keeper, SIGCONT);
}

static void start_that_waits(struct user *user)
{
	__atomic_store_n(&ahead->tv_sec, 0, __ATOMIC_SEQ_CST);
	start(user);
	expect(user, user->report[0], "opening");
	kill(user->keeper, SIGUSR1);
	expect(user, user->messages[0], "under way: opening 0000:05:00.0?[31m (for ");
}

static void says_what_it_waits_for(void **state)
{
	struct user *user = *state;

	user->config.machine = starting;
	start_that_waits(user);
	put_forward(user, 11);
	expect(user, user->messages[0], "\n");
	assert_int_equal(strncmp(user->text, "lend: the guest has not started after 1", 39), 0);
	assert_non_null(strstr(user->text, "; under way: opening 0000:05:00.0?[31m (for 1"));
	put_forward(user, 20);
	expect(user, user->messages[0], "has not started after 3");
	turn(user);
	expect(user, user->master, "ready");
	put_forward(user, 3600);
	kill(user->keeper, SIGUSR1);
	expect(user, user->report[0], "report");
	assert_int_equal(keeper_status(user), TOOL_OK);
	assert_string_equal(expect(user, user->messages[0], NULL), "");
}

/* Nothing happens but that time goes by: the last second of the ten is a real one. */
static void says_it_without_being_woken(void **state)
{
	struct user *user = *state;

	user->config.machine = starting;
	start_that_waits(user);
	put_forward(user, 9);
	expect(user, user->messages[0], "has not started after 1");
	turn(user);
	expect(user, user->master, "ready");
	kill(user->keeper, SIGUSR1);
	expect(user, user->report[0], "report");
	assert_int_equal(keeper_status(user), TOOL_OK);
}

static void tells_it_when_asked(void **state)
{
	struct user *user = *state;

	user->config.machine = starting;
	start_that_waits(user);
	turn(user);
	expect(user, user->master, "ready");
	kill(user->keeper, SIGUSR1);
	/* The request of before went to nobody: this one is the machine's first. */
	expect(user, user->report[0], "report");
	assert_int_equal(keeper_status(user), TOOL_OK);
}

static void tells_of_long_steps_where_asked_to_say_more(void **state)
{
	struct user *user = *state;

	user->config.machine = starting;
	user->config.verbose = true;
	start_that_waits(user);
	put_forward(user, 5);
	turn(user);
	expect(user, user->messages[0], "lend: opening 0000:05:00.0?[31m: took ");
	/* Until the keeper knows that the guest runs it answers by itself. */
	expect(user, user->master, "ready");
	kill(user->keeper, SIGUSR1);
	expect(user, user->report[0], "report");
	assert_int_equal(keeper_status(user), TOOL_OK);
}

/* The line changes in its place, and every other one, the guest's too, begins where it was. */
static void says_on_a_terminal_how_far_memory_is(void **state)
{
	struct user *user = *state;

	user->config.machine = populating;
	user->config.memory = UINT64_C(4) << 30;
	user->config.messages = user->slave;
	__atomic_store_n(&ahead->tv_sec, 0, __ATOMIC_SEQ_CST);
	start(user);
	expect(user, user->master, "lend: warning: begun\r\n");
	put_forward(user, 2);
	turn(user);
	expect(user, user->master, "\r\033[Klend: warning: meanwhile\r\n");
	assert_non_null(strstr(user->text, "\r\033[Klend: populating guest memory: 1.0 of 4.0 GiB, about "));
	turn(user);
	expect(user, user->master, "2.0 of 4.0 GiB");
	turn(user);
	expect(user, user->master, "ready");
	turn(user);
	assert_int_equal(keeper_status(user), TOOL_OK);
}

/* A client of the control socket that listens to events. */
static int listen_to(struct user *user, const char *path)
{
	static const char words[] = "{\"execute\": \"qmp_capabilities\"}\n";
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, path);
	assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof(address)), 0);
	expect(user, client, "QMP");
	assert_int_equal(write(client, words, strlen(words)), strlen(words));
	expect(user, client, "return");
	return client;
}

static void sends_events_of_memory(void **state)
{
	struct qmp_place place = {.listeners = {-1, -1}, .registry = {.parent = -1, .folder = -1}};
	const struct run_options options = {.cpus = 1};
	char root[] = "/tmp/lend-test-start-XXXXXX", path[64];
	struct user *user = *state;
	struct lend_error error;
	int client;

	assert_non_null(mkdtemp(root));
	snprintf(path, sizeof(path), "%s/qmp", root);
	place.listeners[0] = socket_listen_for("", path, 10, &error);
	assert_true(place.listeners[0] >= 0);
	user->config.machine = populating;
	user->config.memory = UINT64_C(4) << 30;
	user->config.options = &options;
	user->config.place = &place;
	__atomic_store_n(&ahead->tv_sec, 0, __ATOMIC_SEQ_CST);
	start(user);
	client = listen_to(user, path);
	expect(user, user->messages[0], "begun");
	put_forward(user, 2);
	turn(user);
	expect(user, client, "\"LEND_MEMORY_POPULATED\"");
	assert_non_null(strstr(user->text, "1073741824"));
	for (unsigned i = 0; i < 3; i++)
		turn(user);
	assert_int_equal(keeper_status(user), TOOL_OK);
	close(client);
	close(place.listeners[0]);
	unlink(path);
	rmdir(root);
}

/* A file has a line only of what is worth one. */
static void says_elsewhere_nothing_of_memory(void **state)
{
	struct user *user = *state;

	user->config.machine = populating;
	user->config.memory = UINT64_C(4) << 30;
	__atomic_store_n(&ahead->tv_sec, 0, __ATOMIC_SEQ_CST);
	start(user);
	expect(user, user->messages[0], "begun");
	put_forward(user, 2);
	for (unsigned i = 0; i < 4; i++)
		turn(user);
	assert_int_equal(keeper_status(user), TOOL_OK);
	assert_null(strstr(expect(user, user->messages[0], NULL), "populating"));
}

static void a_start_that_failed_is_not_waited_for(void **state)
{
	struct user *user = *state;

	user->config.machine = refused_late;
	__atomic_store_n(&ahead->tv_sec, 0, __ATOMIC_SEQ_CST);
	start(user);
	expect(user, user->report[0], "said");
	put_forward(user, 15);
	turn(user);
	assert_int_equal(keeper_status(user), TOOL_FAILED);
	expect(user, user->messages[0], NULL);
	assert_null(strstr(user->text, "has not started"));
	assert_non_null(strstr(user->text, "no device"));
}

static int share_the_clock(void **state)
{
	ahead = mmap(NULL, sizeof(*ahead), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return ahead == MAP_FAILED ? -1 : group_setup(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(says_what_it_waits_for),
		CASE(says_it_without_being_woken),
		CASE(tells_it_when_asked),
		CASE(tells_of_long_steps_where_asked_to_say_more),
		CASE(says_on_a_terminal_how_far_memory_is),
		CASE(says_elsewhere_nothing_of_memory),
		CASE(sends_events_of_memory),
		CASE(a_start_that_failed_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, share_the_clock, NULL);
}
