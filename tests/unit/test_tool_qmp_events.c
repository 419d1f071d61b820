/* SPDX-License-Identifier: MIT */
/* What happens to a machine, as its clients are told; each event is checked against the schema. */
#include "tests/unit/qmp_schema.h"

static void assert_status(struct stage *stage, struct peer *peer, const char *status, bool running)
{
	json_t *value = asked(stage, peer, "{\"execute\": \"query-status\"}");

	assert_string_equal(text(value, "status"), status);
	assert_int_equal(json_is_true(json_object_get(value, "running")), running);
	json_decref(value);
}

/* Takes an event with that name, and with that member in its data where one is given. */
static void assert_event(struct stage *stage, struct peer *peer, const json_t *schema, const char *name,
			 const char *member, const char *value)
{
	json_t *event = message(stage, peer), *data = json_object_get(event, "data");
	const json_t *stamp = json_object_get(event, "timestamp");
	json_t *none = json_object();

	assert_non_null(event);
	assert_string_equal(text(event, "event"), name);
	assert_true(number(stamp, "seconds") > 1600000000);
	assert_in_range(number(stamp, "microseconds"), 0, 999999);
	check(schema, text(find(schema, name), "arg-type"), data ? data : none);
	if (member)
		assert_string_equal(text(data, member), value);
	json_decref(none);
	json_decref(event);
}

static void the_status_follows_events(void **state)
{
	struct stage *stage = *state;
	struct peer *peer = client(stage);
	json_t *schema = asked(stage, peer, "{\"execute\": \"query-qmp-schema\"}");

	assert_status(stage, peer, "prelaunch", false);
	assert_refused(stage, peer, "{\"execute\": \"system_powerdown\"}", "GenericError", "no guest runs");
	qmp_running(stage->qmp);
	assert_status(stage, peer, "running", true);
	send_event(stage, VMM_EVENT_STOP, 0, "");
	assert_event(stage, peer, schema, "STOP", NULL, NULL);
	assert_status(stage, peer, "paused", false);
	send_event(stage, VMM_EVENT_RESUME, 0, "");
	assert_event(stage, peer, schema, "RESUME", NULL, NULL);
	assert_status(stage, peer, "running", true);
	done(stage, peer, "{\"execute\": \"system_powerdown\"}");
	assert_int_equal(stage->buttons, 1);
	send_event(stage, VMM_EVENT_POWERDOWN, 0, "");
	assert_event(stage, peer, schema, "POWERDOWN", NULL, NULL);
	send_event(stage, VMM_EVENT_RESET, 0, "");
	assert_event(stage, peer, schema, "RESET", "reason", "host-qmp-system-reset");
	send_event(stage, VMM_EVENT_PANIC, 0, "");
	assert_event(stage, peer, schema, "GUEST_PANICKED", "action", "poweroff");
	assert_status(stage, peer, "guest-panicked", false);
	done(stage, peer, "{\"execute\": \"quit\"}");
	assert_int_equal(stage->quits, 1);
	qmp_ended(stage->qmp, true, VMM_END_PANIC);
	qmp_ended(stage->qmp, false, VMM_END_ERROR);
	assert_event(stage, peer, schema, "SHUTDOWN", "reason", "guest-panic");
	assert_silent(stage, peer);
	assert_status(stage, peer, "shutdown", false);
	json_decref(schema);
	leave(stage, peer);
}

/* Each event of the machine has a name and the data of its type; of devices, with the id. */
static void each_event_has_its_data(void **state)
{
	struct stage *stage = *state;
	struct peer *peer = client(stage);
	json_t *schema = asked(stage, peer, "{\"execute\": \"query-qmp-schema\"}");

	for (unsigned i = 0; i < VMM_EVENT_TYPES; i++) {
		const char *type, *name = qmp_event_row(i, &type), *member = NULL;

		send_event(stage, (enum vmm_event_type)i, 1, "why");
		if (i == VMM_EVENT_DELETED || i == VMM_EVENT_UNPLUG_REFUSED)
			member = "device";
		else if (i >= VMM_EVENT_PLUGGED)
			member = "id";
		assert_event(stage, peer, schema, name, member, "net0");
	}
	qmp_populated(stage->qmp, UINT64_C(3) << 30, UINT64_C(4) << 30);
	assert_event(stage, peer, schema, "LEND_MEMORY_POPULATED", NULL, NULL);
	qmp_populated(NULL, 1, 2);
	assert_silent(stage, peer);
	json_decref(schema);
	leave(stage, peer);
}

static void why_it_ended(void **state)
{
	static const struct {
		bool said;
		enum vmm_end end;
		enum qmp_cause cause;
		const char *reason;
	} rows[] = {
		{true, VMM_END_POWEROFF, QMP_CAUSE_NONE, "guest-shutdown"},
		{true, VMM_END_POWEROFF, QMP_CAUSE_SIGNAL, "guest-shutdown"},
		{true, VMM_END_REBOOT, QMP_CAUSE_NONE, "guest-reset"},
		{true, VMM_END_STOPPED, QMP_CAUSE_QUIT, "host-qmp-quit"},
		{true, VMM_END_STOPPED, QMP_CAUSE_SIGNAL, "host-signal"},
		{true, VMM_END_STOPPED, QMP_CAUSE_KEYS, "host-ui"},
		{true, VMM_END_STOPPED, QMP_CAUSE_NONE, "none"},
		{true, VMM_END_FAULT, QMP_CAUSE_NONE, "host-error"},
		{false, VMM_END_POWEROFF, QMP_CAUSE_NONE, "host-error"},
		{false, VMM_END_POWEROFF, QMP_CAUSE_QUIT, "host-qmp-quit"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct stage *stage;
		struct peer *peer;
		json_t *event;

		if (i) {
			stage_teardown(state);
			stage_setup(state);
		}
		stage = *state;
		peer = client(stage);
		qmp_cause(stage->qmp, rows[i].cause);
		if (rows[i].cause != QMP_CAUSE_NONE)
			qmp_cause(stage->qmp, QMP_CAUSE_KEYS); /* the first one counts */
		qmp_ended(stage->qmp, rows[i].said, rows[i].end);
		event = message(stage, peer);
		assert_string_equal(text(json_object_get(event, "data"), "reason"), rows[i].reason);
		assert_int_equal(json_is_true(json_object_get(json_object_get(event, "data"), "guest")),
				 !strncmp(rows[i].reason, "guest", 5));
		json_decref(event);
		leave(stage, peer);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_status_follows_events),
		CASE(each_event_has_its_data),
		CASE(why_it_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
