/* SPDX-License-Identifier: MIT */
/* Where the control socket is, and the value of -qmp. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"

#include "tests/unit/folder.h"
#include "tests/unit/said.h"
#include "tool/run/qmp/place.h"
#include "tool/run/socket.h"

struct stage {
	char root[64];
	struct registry_home home;
	struct run_options options;
	struct lend_error error;
};

static int setup(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));

	assert_non_null(stage);
	strcpy(stage->root, "/tmp/lend-test-place-XXXXXX");
	assert_non_null(mkdtemp(stage->root));
	stage->home = (struct registry_home){.runtime = stage->root};
	strcpy(stage->options.name, "db");
	*state = stage;
	return 0;
}

static int teardown(void **state)
{
	struct stage *stage = *state;

	folder_remove(stage->root);
	free(stage);
	return 0;
}

static mode_t mode_of(const char *root, const char *path)
{
	char full[256];
	struct stat st;

	snprintf(full, sizeof(full), "%s/%s", root, path);
	return stat(full, &st) ? 0 : st.st_mode & 07777;
}

static void by_its_name(void **state)
{
	struct stage *stage = *state;
	struct qmp_place place, second;
	char path[128];
	json_t *entry;

	assert_int_equal(qmp_place_open(&place, &stage->options, &stage->home, &stage->error), 0);
	assert_int_equal(mode_of(stage->root, "lend/db"), 0700);
	assert_int_equal(mode_of(stage->root, "lend/db/qmp"), 0600);
	assert_int_equal(qmp_place_open(&second, &stage->options, &stage->home, &stage->error), -EEXIST);
	assert_non_null(strstr(stage->error.text, "'db' runs already"));
	stage->options.uuid[0] = 1;
	qmp_place_write(&place, &stage->options, json_pack("[s]", "0000:05:00.0"));
	snprintf(path, sizeof(path), "%s/lend/db/machine.json", stage->root);
	entry = json_load_file(path, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(entry, "name")), "db");
	assert_int_equal(json_integer_value(json_object_get(entry, "pid")), getpid());
	assert_string_equal(json_string_value(json_object_get(entry, "uuid")),
			    "01000000-0000-0000-0000-000000000000");
	assert_string_equal(json_string_value(json_object_get(entry, "qmp")), place.registry.socket);
	assert_true(json_integer_value(json_object_get(entry, "started")) > 1600000000);
	assert_string_equal(json_string_value(json_array_get(json_object_get(entry, "devices"), 0)),
			    "0000:05:00.0");
	json_decref(entry);
	qmp_place_close(&place);
	assert_int_equal(mode_of(stage->root, "lend/db"), 0);
	assert_int_equal(qmp_place_open(&place, &stage->options, &stage->home, &stage->error), 0);
	qmp_place_close(&place);
}

/* Two machines without a name, in two processes, do not meet; and none needs a run directory. */
static void without_a_name(void **state)
{
	const struct registry_home none = {.runtime = NULL};
	struct stage *stage = *state;
	struct qmp_place place;
	char name[64];

	stage->options.name[0] = '\0';
	assert_int_equal(qmp_place_open(&place, &stage->options, &stage->home, &stage->error), 0);
	snprintf(name, sizeof(name), "lend/pid-%d/qmp", getpid());
	assert_int_equal(mode_of(stage->root, name), 0600);
	qmp_place_close(&place);
	assert_int_equal(qmp_place_open(&place, &stage->options, &none, &stage->error), 0);
	assert_int_equal(place.listeners[QMP_PLACE_REGISTER], -1);
	qmp_place_write(&place, &stage->options, json_array());
	qmp_place_close(&place);
	strcpy(stage->options.name, "db");
	assert_int_equal(qmp_place_open(&place, &stage->options, &none, &stage->error), 0);
	qmp_place_close(&place);
}

/* Opens a place that has no entry, below `runtime`, and tells whether a line said why. */
static bool said_why(struct stage *stage, const char *runtime, const char *why)
{
	const struct registry_home home = {.runtime = runtime};
	struct qmp_place place;
	struct said said;

	said_begin(&said);
	assert_int_equal(qmp_place_open(&place, &stage->options, &home, &stage->error), 0);
	said_end(&said);
	assert_int_equal(place.listeners[QMP_PLACE_REGISTER], -1);
	assert_int_equal(qmp_place_write(&place, &stage->options, json_array()), 0);
	qmp_place_close(&place);
	return strstr(said.text, why) && strstr(said.text, "lend ps does not list");
}

/* A machine that cannot be found by its name runs, and its user knows why. */
static void without_an_entry(void **state)
{
	struct stage *stage = *state;
	char path[192], *end;
	int fd;

	/* No run directory is nothing that somebody has to be told. */
	snprintf(path, sizeof(path), "%s/gone", stage->root);
	assert_false(said_why(stage, path, ""));
	snprintf(path, sizeof(path), "%s/lend", stage->root);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_true(said_why(stage, stage->root, "Not a directory"));
	/* The socket's path would be too long. */
	end = path + snprintf(path, sizeof(path), "%s/", stage->root);
	memset(end, 'x', 100);
	end[100] = '\0';
	assert_int_equal(mkdir(path, 0700), 0);
	assert_true(said_why(stage, path, "at most 107 bytes"));
}

static void where_qmp_says(void **state)
{
	struct stage *stage = *state;
	struct qmp_place place, second;
	int listener;

	stage->options.qmp.kind = QMP_UNIX;
	snprintf(stage->options.qmp.path, sizeof(stage->options.qmp.path), "%s/here", stage->root);
	assert_int_equal(qmp_place_open(&place, &stage->options, &stage->home, &stage->error), 0);
	assert_int_equal(mode_of(stage->root, "here"), 0600);
	assert_int_equal(mode_of(stage->root, "lend/db/qmp"), 0600);
	/* Another machine that is to listen there leaves nothing, and this one its socket. */
	strcpy(stage->options.name, "other");
	assert_int_equal(qmp_place_open(&second, &stage->options, &stage->home, &stage->error), -EADDRINUSE);
	assert_non_null(strstr(stage->error.text, "-qmp unix:"));
	assert_int_equal(mode_of(stage->root, "here"), 0600);
	assert_int_equal(mode_of(stage->root, "lend/other"), 0);
	qmp_place_close(&place);
	assert_int_equal(mode_of(stage->root, "here"), 0);

	listener = socket_listen(stage->options.qmp.path, &stage->error);
	assert_true(listener >= 0);
	stage->options.qmp = (struct run_qmp){.kind = QMP_FD, .fd = listener};
	assert_int_equal(qmp_place_open(&place, &stage->options, &stage->home, &stage->error), 0);
	assert_true(place.listeners[QMP_PLACE_ASKED] >= 0);
	qmp_place_close(&place);
	assert_true(fcntl(listener, F_GETFD) >= 0);
	assert_int_equal(mode_of(stage->root, "here"), 0600); /* who made it removes it */
	close(listener);
	stage->options.qmp.fd = 0;
	assert_int_equal(qmp_place_open(&place, &stage->options, &stage->home, &stage->error), -EBADF);
	stage->options.qmp.kind = QMP_NONE;
	assert_int_equal(qmp_place_open(&place, &stage->options, &stage->home, &stage->error), 0);
	assert_int_equal(mode_of(stage->root, "lend/other"), 0);
	qmp_place_close(&place);
}

static void values(void **state)
{
	static const struct {
		const char *value;
		enum qmp_kind kind;
		const char *path, *refused;
	} rows[] = {
		{"unix:/run/x", QMP_UNIX, "/run/x", NULL},
		{"unix:/run/x,server=on,wait=off", QMP_UNIX, "/run/x", NULL},
		{"unix:/run/x,server,nowait", QMP_UNIX, "/run/x", NULL},
		{"fd:7", QMP_FD, "", NULL},
		{"none", QMP_NONE, "", NULL},
		{"unix:/run/x,server=off", QMP_REGISTER, "", "only server=on"},
		{"unix:/run/x,server=on,wait=on", QMP_REGISTER, "", "only server=on"},
		{"unix:", QMP_REGISTER, "", "path of a socket"},
		{"fd:x", QMP_REGISTER, "", "not known"},
		{"tcp:localhost:4444", QMP_REGISTER, "", "socat"},
		{"stdio", QMP_REGISTER, "", "socat"},
		{"/run/x", QMP_REGISTER, "", "unix:PATH"},
	};
	struct stage *stage = *state;
	char longer[256] = "unix:/";

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		memset(&stage->options, 0, sizeof(stage->options));
		assert_int_equal(qmp_parse(&stage->options, rows[i].value, &stage->error),
				 rows[i].refused ? -EINVAL : 0);
		assert_int_equal(stage->options.qmp.kind, rows[i].kind);
		assert_string_equal(stage->options.qmp.path, rows[i].path);
		if (rows[i].refused)
			assert_non_null(strstr(stage->error.text, rows[i].refused));
	}
	memset(longer + 6, 'x', 107);
	assert_int_equal(qmp_parse(&stage->options, longer, &stage->error), -EINVAL);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(by_its_name),    CASE(without_a_name), CASE(without_an_entry),
		CASE(where_qmp_says), CASE(values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
