/* SPDX-License-Identifier: MIT */
/* query-qmp-schema is what the server does: each reply is checked against it. */
#include <linux/pci_regs.h>

#include "tests/unit/qmp_schema.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_schema_is_whole),
		CASE(commands_are_those_of_the_schema),
		CASE(the_buses_of_the_guest),
		CASE(what_the_machine_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
