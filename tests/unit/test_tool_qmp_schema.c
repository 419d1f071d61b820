/* SPDX-License-Identifier: MIT */
/* query-qmp-schema is what the server does: each reply and each event is checked against it. */
#include <linux/pci_regs.h>

#include "tests/unit/qmp_stage.h"

static const json_t *find(const json_t *schema, const char *name)
{
	size_t i;
	json_t *row;

	json_array_foreach(schema, i, row)
	{
		if (!strcmp(json_string_value(json_object_get(row, "name")), name))
			return row;
	}
	fail_msg("the schema has no '%s'", name);
	return NULL;
}

static const char *text(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

static const json_t *member_of(const json_t *type, const char *name)
{
	size_t i;
	json_t *member;

	json_array_foreach(json_object_get(type, "members"), i, member)
	{
		if (!strcmp(text(member, "name"), name))
			return member;
	}
	return NULL;
}

static void check(const json_t *schema, const char *name, const json_t *value);

static void check_object(const json_t *schema, const json_t *type, const json_t *value)
{
	const char *name;
	size_t i;
	json_t *member;

	assert_true(json_is_object(value));
	json_object_foreach((json_t *)value, name, member)
	{
		const json_t *row = member_of(type, name);

		if (!row)
			fail_msg("%s has no member '%s' in the schema", text(type, "name"), name);
		check(schema, text(row, "type"), member);
	}
	json_array_foreach(json_object_get(type, "members"), i, member)
	{
		if (!json_object_get(member, "default") && !json_object_get(value, text(member, "name")))
			fail_msg("%s lacks '%s'", text(type, "name"), text(member, "name"));
	}
}

static void check(const json_t *schema, const char *name, const json_t *value)
{
	const json_t *type = find(schema, name);
	const char *meta = text(type, "meta-type");
	bool known = false;
	size_t i;
	json_t *element;

	if (!strcmp(meta, "object"))
		check_object(schema, type, value);
	else if (!strcmp(name, "str"))
		assert_true(json_is_string(value));
	else if (!strcmp(name, "int"))
		assert_true(json_is_integer(value));
	else if (!strcmp(name, "bool"))
		assert_true(json_is_boolean(value));
	if (!strcmp(meta, "array")) {
		assert_true(json_is_array(value));
		json_array_foreach(value, i, element) check(schema, text(type, "element-type"), element);
	}
	if (!strcmp(meta, "enum")) {
		json_array_foreach(json_object_get(type, "values"), i, element)
		{
			known |= !strcmp(json_string_value(element), json_string_value(value));
		}
		assert_true(known);
	}
}

/* All that a row names is there, once. */
static void the_schema_is_whole(void **state)
{
	static const char *const references[] = {"arg-type", "ret-type", "element-type"};
	struct stage *stage = *state;
	struct peer *peer = client(stage);
	json_t *schema = asked(stage, peer, "{\"execute\": \"query-qmp-schema\"}"), *row, *member;
	json_t *names = json_object();
	size_t i, j;

	check(schema, "[SchemaInfo]", schema);
	json_array_foreach(schema, i, row)
	{
		assert_null(json_object_get(names, text(row, "name")));
		json_object_set_new(names, text(row, "name"), json_true());
		for (j = 0; j < sizeof(references) / sizeof(*references); j++)
			if (text(row, references[j]))
				find(schema, text(row, references[j]));
		json_array_foreach(json_object_get(row, "members"), j, member)
			find(schema, text(member, "type"));
	}
	json_decref(names);
	json_decref(schema);
	leave(stage, peer);
}

/* query-commands, the schema and the server know the same commands. */
static void commands_are_those_of_the_schema(void **state)
{
	struct stage *stage = *state;
	struct peer *peer = client(stage);
	json_t *schema = asked(stage, peer, "{\"execute\": \"query-qmp-schema\"}"), *row;
	json_t *commands = asked(stage, peer, "{\"execute\": \"query-commands\"}");
	size_t i, count = 0;

	check(schema, "[CommandInfo]", commands);
	json_array_foreach(commands, i, row)
	{
		assert_string_equal(text(find(schema, text(row, "name")), "meta-type"), "command");
		assert_ptr_equal(qmp_command_find(text(row, "name"), NULL), qmp_command_row(i));
	}
	json_array_foreach(schema, i, row) count += !strcmp(text(row, "meta-type"), "command");
	assert_int_equal(count, json_array_size(commands));
	json_decref(commands);
	json_decref(schema);
	leave(stage, peer);
}

static void send_cpu(struct stage *stage, unsigned cpu, int thread)
{
	const struct control_message row = {
		.type = CONTROL_CPU, .value = stage->serial, .cpu = {.cpu = cpu, .thread = thread}};

	qmp_take(stage->qmp, &row);
}

static void send_pci(struct stage *stage, const struct vmm_pci_row *pci)
{
	const struct control_message row = {.type = CONTROL_PCI, .value = stage->serial, .pci = *pci};

	qmp_take(stage->qmp, &row);
}

static void send_line(struct stage *stage, const char *line)
{
	struct control_message row = {.type = CONTROL_LINE, .value = stage->serial};

	strcpy(row.text, line);
	qmp_take(stage->qmp, &row);
}

/* Gives the command, and plays the machine's part. */
static json_t *ask_machine(struct stage *stage, struct peer *peer, const json_t *schema, const char *command,
			   void (*rows)(struct stage *stage))
{
	char request[128];
	json_t *reply, *value;

	snprintf(request, sizeof(request), "{\"execute\": \"%s\"}\n", command);
	say(stage, peer, request, strlen(request));
	assert_silent(stage, peer);
	rows(stage);
	send_answer(stage, 0, "");
	reply = message(stage, peer);
	value = json_incref(json_object_get(reply, "return"));
	json_decref(reply);
	check(schema, text(find(schema, command), "ret-type"), value);
	return value;
}

static void two_cpus(struct stage *stage)
{
	send_cpu(stage, 0, 4711);
	send_line(stage, "not a processor");
	send_cpu(stage, 1, 4712);
}

static void two_lines(struct stage *stage)
{
	send_line(stage, "0000:05:00.0: 5 reads");
	send_line(stage, "not UTF-8: \xe9");
}

/* A port with a card behind it, as the guest has numbered them; and a function on the root bus. */
static void a_tree(struct stage *stage)
{
	const struct vmm_pci_row rows[] = {
		{.device = VMM_PCI_NO_DEVICE, .header = {0x00081b36, 0, 0x06000000}},
		{.slot = 1,
		 .device = VMM_PCI_NO_DEVICE,
		 .header = {0x000c1b36, 0, 0x06040000, 0x00010000, 0, 0, 0x00050500, 0xf1f1, 0xe010e000,
			    0xfff10001, 0x10, 0x10}},
		{.bus = 5,
		 .device = 0,
		 .header = {0x10d38086, 0x7, 0x02000000, 0, 0xe0000000, 0xfe00000c, 0x10, 0xc001, 0, 0, 0,
			    0x00018086, 0xe0040001, 0, 0, 0x10b},
		 .sizes = {0x20000, 0x4000, 0, 0x20, 0, 0, 0x10000},
		 .name = "0000:05:00.0"},
		{.slot = 2, .device = 1, .header = {0x00101b36, 0, 0x01080200}, .name = "0000:06:00.0"},
		/* Of a machine that its guest has taken over. */
		{.bus = 77, .slot = 31, .function = 7, .device = VMM_PCI_NO_DEVICE, .header = {UINT32_MAX}},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		send_pci(stage, &rows[i]);
}

static json_int_t number(const json_t *object, const char *name)
{
	assert_true(json_is_integer(json_object_get(object, name)));
	return json_integer_value(json_object_get(object, name));
}

static void check_card(const json_t *card)
{
	const json_t *regions = json_object_get(card, "regions"), *region;

	assert_int_equal(number(card, "bus"), 5);
	assert_string_equal(text(card, "qdev_id"), "0000:05:00.0");
	assert_string_equal(text(card, "x-host"), "0000:05:00.0");
	assert_int_equal(number(json_object_get(card, "id"), "vendor"), 0x8086);
	assert_int_equal(number(json_object_get(card, "id"), "device"), 0x10d3);
	assert_int_equal(number(json_object_get(card, "id"), "subsystem"), 1);
	assert_int_equal(number(json_object_get(card, "class_info"), "class"), 0x200);
	assert_string_equal(text(json_object_get(card, "class_info"), "desc"), "Network controller");
	assert_int_equal(number(card, "irq"), 11);
	assert_int_equal(number(card, "irq_pin"), 1);
	assert_int_equal(json_array_size(regions), 4);
	region = json_array_get(regions, 1);
	assert_int_equal(number(region, "address"), 0x10fe000000);
	assert_int_equal(number(region, "size"), 0x4000);
	assert_true(json_is_true(json_object_get(region, "prefetch")));
	assert_true(json_is_true(json_object_get(region, "mem_type_64")));
	region = json_array_get(regions, 2);
	assert_string_equal(text(region, "type"), "io");
	assert_int_equal(number(region, "address"), 0xc000);
	region = json_array_get(regions, 3);
	assert_int_equal(number(region, "bar"), 6);
	assert_int_equal(number(region, "address"), 0xe0040000);
}

static void the_buses_of_the_guest(void **state)
{
	struct stage *stage = *state;
	struct peer *peer = client(stage);
	json_t *schema = asked(stage, peer, "{\"execute\": \"query-qmp-schema\"}");
	json_t *buses = ask_machine(stage, peer, schema, "query-pci", a_tree);
	const json_t *devices = json_object_get(json_array_get(buses, 0), "devices");
	const json_t *bridge = json_object_get(json_array_get(devices, 1), "pci_bridge");
	const json_t *bus = json_object_get(bridge, "bus");

	assert_int_equal(json_array_size(devices), 4); /* the last one is the liar's */
	assert_int_equal(number(bus, "secondary"), 5);
	assert_int_equal(number(json_object_get(bus, "memory_range"), "base"), 0xe0000000);
	assert_int_equal(number(json_object_get(bus, "memory_range"), "limit"), 0xe01fffff);
	assert_int_equal(number(json_object_get(bus, "prefetchable_range"), "base"), 0x1000000000);
	assert_int_equal(number(json_object_get(bus, "prefetchable_range"), "limit"), 0x10ffffffff);
	assert_int_equal(json_array_size(json_object_get(bridge, "devices")), 1);
	check_card(json_array_get(json_object_get(bridge, "devices"), 0));
	assert_string_equal(text(json_array_get(devices, 2), "qdev_id"), "net0");
	json_decref(buses);
	json_decref(schema);
	leave(stage, peer);
}

static void what_the_machine_is(void **state)
{
	struct stage *stage = *state;
	struct peer *peer = client(stage);
	json_t *schema = asked(stage, peer, "{\"execute\": \"query-qmp-schema\"}");
	json_t *cpus = ask_machine(stage, peer, schema, "query-cpus-fast", two_cpus);
	json_t *lines = ask_machine(stage, peer, schema, "x-lend-counters", two_lines), *value;

	assert_int_equal(json_array_size(cpus), 2);
	assert_int_equal(number(json_array_get(cpus, 1), "thread-id"), 4712);
	assert_int_equal(json_array_size(lines), 2);
	assert_string_equal(json_string_value(json_array_get(lines, 0)), "0000:05:00.0: 5 reads");
	assert_string_equal(json_string_value(json_array_get(lines, 1)), "not UTF-8: ?");
	json_decref(cpus);
	json_decref(lines);
	json_decref(ask_machine(stage, peer, schema, "x-lend-explain", two_lines));
	value = asked(stage, peer, "{\"execute\": \"query-name\"}");
	check(schema, "NameInfo", value);
	assert_string_equal(text(value, "name"), "db");
	json_decref(value);
	stage->options.uuid[0] = 0x12;
	stage->options.uuid[15] = 0x34;
	value = asked(stage, peer, "{\"execute\": \"query-uuid\"}");
	check(schema, "UuidInfo", value);
	assert_string_equal(text(value, "UUID"), "12000000-0000-0000-0000-000000000034");
	json_decref(value);
	value = asked(stage, peer, "{\"execute\": \"query-version\"}");
	check(schema, "VersionInfo", value);
	assert_string_equal(text(value, "package"), "lend " LEND_VERSION);
	json_decref(value);
	json_decref(schema);
	leave(stage, peer);
}

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
		CASE(the_schema_is_whole),
		CASE(commands_are_those_of_the_schema),
		CASE(the_buses_of_the_guest),
		CASE(what_the_machine_is),
		CASE(the_status_follows_events),
		CASE(each_event_has_its_data),
		CASE(why_it_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
