/* SPDX-License-Identifier: MIT */
/* lend ctl and lend ps against a server that says what the test wrote down. */
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "tests/unit/cmocka.h"

#include "tests/unit/folder.h"
#include "tool/args.c"
#include "tool/clean.c"
#include "tool/ctl.c"
#include "tool/ctl/await.c"
#include "tool/ctl/client.c"
#include "tool/ctl/device_words.c"
#include "tool/ctl/machines.c"
#include "tool/ctl/print.c"
#include "tool/ctl/verbs.c"
#include "tool/nearest.c"
#include "tool/ps.c"
/* Also where root runs the tests, the run directory is a user's. */
static uid_t ordinary(void)
{
	return 1000;
}
#define geteuid ordinary
#include "tool/run/registry.c"
#undef geteuid
#include "tool/run/socket.c"
#include "tool/run/value.c"
#include "tool/say.c"

#define GREETING "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n"
#define DONE     "{\"return\": {}, \"id\": @}\n"

struct stage {
	char root[64];
	struct registry registry;
	int listener;
	pid_t server;
	char said[4096], asked[4096]; /* by the command, and to the server */
};

static int setup(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));
	const struct registry_home home = {.runtime = stage->root};
	struct lend_error error;
	json_t *entry;

	assert_non_null(stage);
	strcpy(stage->root, "/tmp/lend-test-ctl-XXXXXX");
	assert_non_null(mkdtemp(stage->root));
	assert_int_equal(registry_enter(&stage->registry, &home, "db", &error), 0);
	stage->listener = socket_listen(stage->registry.socket, &error);
	assert_true(stage->listener >= 0);
	assert_int_equal(fcntl(stage->listener, F_SETFL, 0), 0);
	entry = json_pack("{s:s, s:i, s:n, s:I, s:s, s:[s]}", "name", "db", "pid", (int)getpid(), "uuid",
			  "started", (json_int_t)time(NULL) - 90061, "qmp", stage->registry.socket, "devices",
			  "0000:05:00.0");
	assert_int_equal(registry_write(&stage->registry, entry), 0);
	json_decref(entry);
	*state = stage;
	return 0;
}

static int teardown(void **state)
{
	struct stage *stage = *state;

	close(stage->listener);
	registry_leave(&stage->registry);
	folder_remove(stage->root);
	free(stage);
	return 0;
}

/* Sends text, each @ replaced by the number of the last request. */
static void send_script(int client, const char *text, unsigned serial)
{
	char number[16];

	snprintf(number, sizeof(number), "%u", serial);
	while (*text) {
		bool is_number = *text == '@';
		const char *what = is_number ? number : text;
		ssize_t sent =
			send(client, what, is_number ? strlen(number) : strcspn(text, "@"), MSG_NOSIGNAL);

		if (sent < 0)
			return; /* the client has gone */
		text += is_number ? 1 : sent;
	}
}

/*
 * Greets, and answers each request with the next part of the script. A part that begins with "!" is
 * said at the end, after which the server hangs up; else it stays until its client goes.
 */
static void serve(const struct stage *stage, const char *const *script, int log)
{
	int client = accept(stage->listener, NULL, NULL);
	FILE *in = fdopen(dup(client), "r");
	char line[4096];

	send_script(client, *script++, 0);
	for (unsigned serial = 1; *script && fgets(line, sizeof(line), in); serial++) {
		if (serial > 1 && write(log, line, strlen(line)) < 0)
			break;
		send_script(client, **script == '!' ? *script + 1 : *script, serial);
		if (**script++ == '!')
			_exit(0);
	}
	while (fgetc(in) != EOF)
		;
	_exit(0);
}

/* In a process of its own: it is the whole command, with its exit status and what it prints. */
static int call(struct stage *stage, const char *const *script, char **argv)
{
	bool is_ps = !strcmp(argv[0], "ps");
	int out[2], log[2], status, argc = 0;
	size_t length;
	FILE *said;

	assert_int_equal(pipe2(log, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	if (script && !(stage->server = fork()))
		serve(stage, script, log[1]);
	while (argv[argc])
		argc++;
	fflush(NULL);
	pid_t pid = fork();

	if (!pid) {
		dup2(out[1], STDOUT_FILENO);
		dup2(out[1], STDERR_FILENO);
		setenv("XDG_RUNTIME_DIR", stage->root, 1);
		status = is_ps ? run_ps(argc, argv) : run_ctl(argc, argv);
		fflush(NULL);
		_exit(status);
	}
	close(out[1]);
	close(log[1]);
	said = fdopen(out[0], "r");
	length = fread(stage->said, 1, sizeof(stage->said) - 1, said);
	stage->said[length] = '\0';
	fclose(said);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (script) {
		ssize_t got = read(log[0], stage->asked, sizeof(stage->asked) - 1);

		stage->asked[got > 0 ? got : 0] = '\0';
		kill(stage->server, SIGKILL);
		waitpid(stage->server, NULL, 0);
	}
	close(log[0]);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

#define CTL(...)    ((char *[]){(char *)"ctl", __VA_ARGS__, NULL})
#define SCRIPT(...) ((const char *const[]){GREETING, DONE, __VA_ARGS__, NULL})
#define W(text)     ((char *)(text))
#define EVENT(name, id)                                                                                      \
	"{\"timestamp\": {\"seconds\": 1, \"microseconds\": 5}, \"event\": \"" name "\", \"data\": " id "}"  \
	"\n"

static void assert_said(const struct stage *stage, const char *text)
{
	if (!strstr(stage->said, text))
		fail_msg("'%s' is not in '%s'", text, stage->said);
}

static void status_of_a_machine(void **state)
{
	struct stage *stage = *state;
	const char *const *script =
		SCRIPT("{\"return\": {\"status\": \"running\", \"running\": true}, \"id\": @}\n",
		       "{\"return\": {\"name\": \"db\"}, \"id\": @}\n",
		       "{\"return\": {\"UUID\": \"ab\"}, \"id\": @}\n",
		       "{\"return\": {\"package\": \"lend 1\"}, \"id\": @}\n",
		       "{\"return\": [{\"thread-id\": 7}, {\"thread-id\": 8}], \"id\": @}\n");

	assert_int_equal(call(stage, script, CTL(W("db"), W("status"))), 0);
	assert_string_equal(
		stage->said,
		"status    running\nname      db\nuuid      ab\nversion   lend 1\nthreads   7 8\n");
	assert_int_equal(call(stage, script, CTL(W("--json"), W(stage->registry.socket), W("status"))), 0);
	assert_said(stage, "\"query-cpus-fast\":[{\"thread-id\":7}");
}

static void devices_below_ports(void **state)
{
	struct stage *stage = *state;
	const char *const *script = SCRIPT("{\"return\": [{\"bus\": 0, \"devices\": [{\"bus\": 0, \"slot\": "
					   "0, \"function\": 0, \"qdev_id\": \"\"}, "
					   "{\"bus\": 0, \"slot\": 1, \"function\": 0, \"qdev_id\": \"\", "
					   "\"pci_bridge\": {\"devices\": [{\"bus\": 1, "
					   "\"slot\": 0, \"function\": 2, \"qdev_id\": \"disk\\u001b1\", "
					   "\"x-host\": \"0000:05:00.2\", \"id\": "
					   "{\"vendor\": 32902, \"device\": 2}, \"class_info\": {\"desc\": "
					   "\"NVMe\"}}]}}]}], \"id\": @}\n");

	assert_int_equal(call(stage, script, CTL(W("db"), W("devices"))), 0);
	assert_said(stage, "disk?1               0000:05:00.2         01:00.2  8086:0002  NVMe\n");
	assert_null(strstr(stage->said, "00:00.0"));
}

static void add_waits_for_the_guest(void **state)
{
	struct stage *stage = *state;
	const char *ready = EVENT("LEND_DEVICE_READY", "{\"id\": \"other\"}")
		DONE EVENT("LEND_DEVICE_READY", "{\"id\": \"dev-0000-05-00.0\"}");

	assert_int_equal(call(stage, SCRIPT(ready), CTL(W("db"), W("add"), W("05:00.0"))), 0);
	assert_string_equal(stage->said, "dev-0000-05-00.0: the guest uses it\n");
	assert_non_null(strstr(stage->asked, "\"arguments\":{\"host\":\"05:00.0\",\"driver\":\"vfio-pci\","
					     "\"id\":\"dev-0000-05-00.0\"}"));
	/* The event may be there before the reply. */
	assert_int_equal(call(stage, SCRIPT(EVENT("LEND_DEVICE_READY", "{\"id\": \"a\"}") DONE),
			      CTL(W("db"), W("add"), W("vfio-user-pci,socket=/s,,1,id=a"))),
			 0);
	assert_non_null(
		strstr(stage->asked, "\"driver\":\"vfio-user-pci\",\"socket\":\"/s,1\",\"id\":\"a\""));
	assert_int_equal(
		call(stage, SCRIPT(DONE), CTL(W("--no-wait"), W("db"), W("add"), W("{\"id\": \"j\"}"))), 0);
	assert_non_null(strstr(stage->asked, "\"arguments\":{\"id\":\"j\"}"));
}

static void add_that_comes_to_nothing(void **state)
{
	struct stage *stage = *state;
	const char *late = DONE EVENT("LEND_DEVICE_PLUG_TIMEOUT", "{\"id\": \"a\"}");
	const char *no =
		"{\"error\": {\"class\": \"GenericError\", \"desc\": \"in\\u000ause\"}, \"id\": @}\n";

	assert_int_equal(call(stage, SCRIPT(late), CTL(W("db"), W("add"), W("vfio-pci,host=5:0.0,id=a"))),
			 CTL_LATE);
	assert_said(stage, "a: the guest did not take it");
	assert_int_equal(call(stage, SCRIPT(no), CTL(W("db"), W("add"), W("05:00.0"))), TOOL_FAILED);
	assert_string_equal(stage->said, "lend: in?use\n");
	assert_int_equal(call(stage, NULL, CTL(W("db"), W("add"), W("host=5:0.0"))), TOOL_FAILED);
}

static void words_of_a_device(void **state)
{
	static const char *const wrong[] = {"host=5:0.0", "vfio-pci,05:00.0", "{", "vfio-pci,x=\xff"};
	struct lend_error error;
	char id[CTL_ID_SIZE];
	json_t *device;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		error.text[0] = '\0';
		assert_null(ctl_device(wrong[i], id, &error));
		assert_true(error.text[0]);
	}
	device = ctl_device("vfio-user-pci,socket=/run/a b.sock", id, &error);
	assert_non_null(device);
	assert_string_equal(id, "dev-a-b.sock");
	json_decref(device);
}

static void remove_by_outcome(void **state)
{
	struct stage *stage = *state;
	const char *deleted = DONE EVENT("DEVICE_DELETED", "{\"device\": \"a\"}");
	const char *back = DONE EVENT("DEVICE_DELETED", "{\"device\": \"a\", \"x-given-back\": true}");
	const char *stuck = DONE EVENT("DEVICE_DELETED", "{\"device\": \"a\", \"x-given-back\": false}");
	const char *refuses = DONE EVENT("DEVICE_DELETED", "{\"device\": \"b\"}")
		EVENT("DEVICE_UNPLUG_GUEST_ERROR", "{\"device\": \"a\", \"reason\": \"status 0x82\"}");

	assert_int_equal(call(stage, SCRIPT(deleted), CTL(W("db"), W("remove"), W("a"))), 0);
	assert_string_equal(stage->asked,
			    "{\"execute\":\"device_del\",\"id\":2,\"arguments\":{\"id\":\"a\"}}\n");
	assert_int_equal(call(stage, SCRIPT(deleted), CTL(W("db"), W("remove"), W("a"), W("--force"))), 0);
	assert_non_null(strstr(stage->asked, "\"x-force\":true"));
	assert_null(strstr(stage->said, "the host"));
	assert_int_equal(call(stage, SCRIPT(back), CTL(W("db"), W("remove"), W("a"))), 0);
	assert_said(stage, "out of the guest, and the host has it back");
	assert_int_equal(call(stage, SCRIPT(stuck), CTL(W("db"), W("remove"), W("a"))), TOOL_FAILED);
	assert_said(stage, "could not be given back to the host");
	assert_null(strstr(stage->said, "has it back"));
	assert_int_equal(call(stage, SCRIPT(refuses), CTL(W("db"), W("remove"), W("a"))), CTL_REFUSED);
	assert_said(stage, "--force takes it all the same: status 0x82");
}

/* A device may be named by its address; the event has both. */
static void remove_by_address(void **state)
{
	struct stage *stage = *state;
	const char *deleted =
		DONE EVENT("DEVICE_DELETED", "{\"device\": \"a\", \"x-host\": \"0000:05:00.0\"}");

	assert_int_equal(call(stage, SCRIPT(deleted), CTL(W("db"), W("remove"), W("0000:05:00.0"))), 0);
}

static void powerdown_is_the_guests_own_end(void **state)
{
	struct stage *stage = *state;
	const char *off = DONE EVENT("SHUTDOWN", "{\"guest\": true, \"reason\": \"guest-shutdown\"}");
	const char *panic = DONE EVENT("SHUTDOWN", "{\"guest\": true, \"reason\": \"guest-panic\"}");

	assert_int_equal(call(stage, SCRIPT(off), CTL(W("db"), W("powerdown"))), 0);
	assert_int_equal(call(stage, SCRIPT(panic), CTL(W("db"), W("powerdown"))), TOOL_FAILED);
	assert_said(stage, "the machine ends otherwise: guest-panic");
}

/* Where an entry lies tells its name and its socket, and not what stands in it. */
static void entry_cannot_lead_elsewhere(void **state)
{
	struct stage *stage = *state;
	char *ps[] = {W("ps"), W("--json"), NULL};
	json_t *entry =
		json_pack("{s:s, s:i, s:s}", "name", "$(id)", "pid", (int)getpid(), "qmp", "/elsewhere");
	char path[REGISTRY_PATH], odd[REGISTRY_PATH];

	assert_int_equal(registry_write(&stage->registry, entry), 0);
	json_decref(entry);
	assert_int_equal(call(stage, NULL, ps), 0);
	assert_said(stage, "\"name\":\"db\"");
	assert_null(strstr(stage->said, "elsewhere"));
	/* A folder of another name than -name takes, and a link to one. */
	snprintf(odd, sizeof(odd), "%s/lend/$(id)", stage->root);
	assert_int_equal(rename(stage->registry.path, odd), 0);
	assert_int_equal(call(stage, NULL, ps), 0);
	assert_string_equal(stage->said, "[]\n");
	snprintf(path, sizeof(path), "%s/lend/link", stage->root);
	assert_int_equal(symlink(odd, path), 0);
	assert_int_equal(call(stage, NULL, ps), 0);
	assert_string_equal(stage->said, "[]\n");
	assert_int_equal(rename(odd, stage->registry.path), 0);
	/* One that is another user's. Only root can make such a one. */
	assert_int_equal(call(stage, NULL, ps), 0);
	assert_said(stage, "\"name\":\"db\"");
	if (chown(stage->registry.socket, 65534, 65534))
		return;
	assert_int_equal(call(stage, NULL, ps), 0);
	assert_string_equal(stage->said, "[]\n");
}

static void silence_has_a_limit(void **state)
{
	struct stage *stage = *state;

	assert_int_equal(
		call(stage, SCRIPT(DONE), CTL(W("db"), W("remove"), W("a"), W("--limit"), W("0.05"))),
		CTL_LATE);
	assert_said(stage, "a: nothing came of it within 0.05 s");
	assert_int_equal(call(stage, SCRIPT("!" DONE), CTL(W("db"), W("remove"), W("a"))), TOOL_FAILED);
	assert_string_equal(stage->said, "lend: a: the machine has ended\n");
	assert_int_equal(call(stage, SCRIPT("!"), CTL(W("db"), W("stop"))), TOOL_FAILED);
	assert_string_equal(stage->said, "lend: the machine has ended\n");
}

static void events_until_the_end(void **state)
{
	struct stage *stage = *state;
	const char *const *script = (const char *const[]){
		GREETING,
		"!" DONE EVENT("RESET",
			       "{\"guest\": true, \"reason\": \"a\\u0007\"}") "{\"timestamp\": 3, \"event\": "
									      "\"STOP\"}\n",
		NULL};

	assert_int_equal(call(stage, script, CTL(W("db"), W("events"))), 0);
	assert_said(stage, ".000005 RESET guest=true reason=a?\n");
	assert_said(stage, " STOP\n");
	assert_int_equal(call(stage, script, CTL(W("--json"), W("db"), W("events"))), 0);
	assert_said(stage, "\"event\":\"STOP\"}\n");
}

/* Whoever serves the socket: one line, and no end of memory. */
static void server_that_speaks_something_else(void **state)
{
	struct stage *stage = *state;
	static const char *const greetings[] = {"hello\n", "[1]\n", "{\"QMP\": 1\n", "{\"event\": 5}\n",
						"\n"};
	char *flood = malloc(LINE_MAX_BYTES + 2);

	for (size_t i = 0; i < sizeof(greetings) / sizeof(*greetings); i++) {
		assert_int_equal(
			call(stage, (const char *const[]){greetings[i], NULL}, CTL(W("db"), W("cont"))),
			TOOL_FAILED);
		assert_said(stage, "what came is no QMP");
	}
	memset(flood, 'a', LINE_MAX_BYTES + 1);
	flood[LINE_MAX_BYTES + 1] = '\0';
	assert_int_equal(call(stage, (const char *const[]){flood, NULL}, CTL(W("db"), W("cont"))),
			 TOOL_FAILED);
	assert_said(stage, "what came is no QMP");
	free(flood);
}

static void wrong_words(void **state)
{
	struct stage *stage = *state;
	const struct {
		char **argv;
		int status;
		const char *says;
	} cases[] = {
		{CTL(W("db")), TOOL_USAGE, "give a machine and a command"},
		{CTL(W("db"), W("remov")), TOOL_USAGE, "the nearest is 'remove'"},
		{CTL(W("db"), W("remove")), TOOL_USAGE, "db remove needs ID after it"},
		{CTL(W("db"), W("stop"), W("x")), TOOL_USAGE, "'x' is too much"},
		{CTL(W("db"), W("stop"), W("--limit"), W("x")), TOOL_USAGE,
		 "--limit x is not a number of seconds"},
		{CTL(W("bd"), W("stop")), TOOL_FAILED, "no machine 'bd' runs here"},
		{CTL(W("dbb"), W("stop")), TOOL_FAILED, "the nearest is 'db'"},
		{CTL(W("/nowhere/qmp"), W("stop")), TOOL_FAILED, "lend ps lists"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(call(stage, NULL, cases[i].argv), cases[i].status);
		assert_said(stage, cases[i].says);
	}
}

static void ps_shows_those_that_run(void **state)
{
	struct stage *stage = *state;
	char *ps[] = {W("ps"), NULL}, *json[] = {W("ps"), W("--json"), NULL};

	assert_int_equal(call(stage, NULL, ps), 0);
	assert_said(stage, " 1-01:01:01  ");
	assert_said(stage, "/lend/db/qmp  0000:05:00.0\n");
	assert_int_equal(call(stage, NULL, json), 0);
	assert_said(stage, "[{\"name\":\"db\",");
	/* Of a killed one the files are left. */
	close(stage->listener);
	stage->listener = -1;
	assert_int_equal(call(stage, NULL, json), 0);
	assert_string_equal(stage->said, "[]\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(status_of_a_machine),
		TEST(devices_below_ports),
		TEST(add_waits_for_the_guest),
		TEST(add_that_comes_to_nothing),
		TEST(words_of_a_device),
		TEST(remove_by_outcome),
		TEST(remove_by_address),
		TEST(powerdown_is_the_guests_own_end),
		TEST(entry_cannot_lead_elsewhere),
		TEST(silence_has_a_limit),
		TEST(events_until_the_end),
		TEST(server_that_speaks_something_else),
		TEST(wrong_words),
		TEST(ps_shows_those_that_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
