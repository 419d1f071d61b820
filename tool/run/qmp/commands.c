/* SPDX-License-Identifier: MIT */
/* The table of commands, and those that are an order; see commands.h. */
#include <errno.h>
#include <string.h>

#include "tool/nearest.h"
#include "tool/run/qmp/commands.h"
#include "tool/tool.h"

static int run_capabilities(struct qmp_request *request, struct lend_error *error)
{
	const json_t *enable = json_object_get(request->arguments, "enable");

	if (json_array_size(enable))
		return tool_fail(error, -EINVAL, "the capability '%.100s' is not offered; there is none",
				 json_string_value(json_array_get(enable, 0)));
	request->client->negotiated = true;
	return 0;
}

static int run_stop(struct qmp_request *request, struct lend_error *error)
{
	return qmp_call(request, CALL_PAUSE, error);
}

static int run_cont(struct qmp_request *request, struct lend_error *error)
{
	return qmp_call(request, CALL_CONTINUE, error);
}

static int run_reset(struct qmp_request *request, struct lend_error *error)
{
	int ret = qmp_call(request, CALL_RESET, error);

	request->qmp->reset_asked |= ret == QMP_LATER;
	return ret;
}

/* The button needs no answer: whether the guest heeds it is told by SHUTDOWN alone. */
static int run_powerdown(struct qmp_request *request, struct lend_error *error)
{
	struct qmp *qmp = request->qmp;

	if (!qmp->running || qmp->over)
		return tool_fail(error, -EAGAIN, "no guest runs that has a power button");
	qmp->config.host.powerdown(qmp->config.host.opaque);
	return 0;
}

static int run_quit(struct qmp_request *request, struct lend_error *error)
{
	struct qmp *qmp = request->qmp;

	(void)error;
	qmp_cause(qmp, QMP_CAUSE_QUIT);
	qmp->config.host.quit(qmp->config.host.opaque);
	return 0;
}

static const struct qmp_command table[] = {
	{.name = "qmp_capabilities",
	 .takes = "CapabilitiesArg",
	 .gives = "Nothing",
	 .first = true,
	 .run = run_capabilities},
	{.name = "query-version", .takes = "Nothing", .gives = "VersionInfo", .run = qmp_query_version},
	{.name = "query-commands", .takes = "Nothing", .gives = "[CommandInfo]", .run = qmp_query_commands},
	{.name = "query-qmp-schema", .takes = "Nothing", .gives = "[SchemaInfo]", .run = qmp_query_schema},
	{.name = "query-status", .takes = "Nothing", .gives = "StatusInfo", .run = qmp_query_status},
	{.name = "query-name", .takes = "Nothing", .gives = "NameInfo", .run = qmp_query_name},
	{.name = "query-uuid", .takes = "Nothing", .gives = "UuidInfo", .run = qmp_query_uuid},
	{.name = "query-cpus-fast", .takes = "Nothing", .gives = "[CpuInfoFast]", .run = qmp_query_cpus},
	{.name = "query-pci", .takes = "Nothing", .gives = "[PciInfo]", .run = qmp_query_pci},
	{.name = "stop", .takes = "Nothing", .gives = "Nothing", .run = run_stop},
	{.name = "cont", .takes = "Nothing", .gives = "Nothing", .run = run_cont},
	{.name = "system_powerdown", .takes = "Nothing", .gives = "Nothing", .run = run_powerdown},
	{.name = "system_reset", .takes = "Nothing", .gives = "Nothing", .run = run_reset},
	{.name = "quit", .takes = "Nothing", .gives = "Nothing", .run = run_quit},
	{.name = "device_add", .takes = "DeviceAddArg", .gives = "Nothing", .fds = 1, .run = qmp_device_add},
	{.name = "device_del", .takes = "DeviceDelArg", .gives = "Nothing", .run = qmp_device_del},
	{.name = "getfd", .takes = "FdNameArg", .gives = "Nothing", .fds = 1, .run = qmp_getfd},
	{.name = "closefd", .takes = "FdNameArg", .gives = "Nothing", .run = qmp_closefd},
	{.name = "add-fd", .takes = "AddFdArg", .gives = "AddfdInfo", .fds = 1, .run = qmp_add_fd},
	{.name = "x-lend-counters", .takes = "Nothing", .gives = "[str]", .run = qmp_query_counters},
	{.name = "x-lend-explain", .takes = "Nothing", .gives = "[str]", .run = qmp_query_explain},
};

const struct qmp_command *qmp_command_row(size_t index)
{
	return index < sizeof(table) / sizeof(*table) ? &table[index] : NULL;
}

const struct qmp_command *qmp_command_find(const char *name, struct lend_error *error)
{
	struct nearest nearest = {.word = name};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		if (!strcmp(table[i].name, name))
			return &table[i];
		nearest_offer(&nearest, table[i].name);
	}
	if (nearest.best)
		tool_fail(error, 0, "there is no command '%.100s'; the nearest is '%s'", name, nearest.best);
	else
		tool_fail(error, 0, "there is no command '%.100s'; query-commands lists all", name);
	return NULL;
}
