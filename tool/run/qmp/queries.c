/* SPDX-License-Identifier: MIT */
/* Commands that ask what the machine is; see commands.h. */
#include <stdio.h>

#include "tool/run/qmp/commands.h"

json_t *qmp_version(void)
{
	return json_pack("{s:{s:i, s:i, s:i}, s:s}", "qemu", "major", LEND_VERSION_MAJOR, "minor",
			 LEND_VERSION_MINOR, "micro", LEND_VERSION_PATCH, "package", "lend " LEND_VERSION);
}

int qmp_query_version(struct qmp_request *request, struct lend_error *error)
{
	(void)error;
	request->result = qmp_version();
	return 0;
}

int qmp_query_commands(struct qmp_request *request, struct lend_error *error)
{
	const struct qmp_command *command;

	(void)error;
	request->result = json_array();
	for (size_t i = 0; (command = qmp_command_row(i)); i++)
		json_array_append_new(request->result, json_pack("{s:s}", "name", command->name));
	return 0;
}

int qmp_query_schema(struct qmp_request *request, struct lend_error *error)
{
	(void)error;
	request->result = qmp_schema();
	return 0;
}

int qmp_query_status(struct qmp_request *request, struct lend_error *error)
{
	const struct qmp *qmp = request->qmp;
	const char *status = qmp->over       ? "shutdown"
			     : qmp->panicked ? "guest-panicked"
			     : !qmp->running ? "prelaunch"
			     : qmp->paused   ? "paused"
					     : "running";

	(void)error;
	request->result =
		json_pack("{s:b, s:s}", "running",
			  qmp->running && !qmp->over && !qmp->paused && !qmp->panicked, "status", status);
	return 0;
}

int qmp_query_name(struct qmp_request *request, struct lend_error *error)
{
	const char *name = request->qmp->config.options->name;

	(void)error;
	if (*name)
		request->result = json_pack("{s:s}", "name", name);
	return 0;
}

void qmp_uuid_text(const uint8_t u[16], char out[QMP_UUID_SIZE])
{
	snprintf(out, QMP_UUID_SIZE, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		 u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13],
		 u[14], u[15]);
}

/* Without -uuid it is all zero, as the dialect has it. */
int qmp_query_uuid(struct qmp_request *request, struct lend_error *error)
{
	char text[QMP_UUID_SIZE];

	(void)error;
	qmp_uuid_text(request->qmp->config.options->uuid, text);
	request->result = json_pack("{s:s}", "UUID", text);
	return 0;
}

static void add_cpu(const struct qmp *qmp, json_t *rows, const void *of)
{
	const struct control_message *message = of;
	char path[32];

	if (message->type != CONTROL_CPU ||
	    (qmp->config.host.owns && !qmp->config.host.owns(qmp->config.host.opaque, message->cpu.thread)))
		return;
	snprintf(path, sizeof(path), "/machine/cpu[%u]", message->cpu.cpu);
	json_array_append_new(rows, json_pack("{s:i, s:i, s:s, s:{}, s:s}", "cpu-index",
					      (int)message->cpu.cpu, "thread-id", (int)message->cpu.thread,
					      "qom-path", path, "props", "target", "x86_64"));
}

int qmp_query_cpus(struct qmp_request *request, struct lend_error *error)
{
	return qmp_call_rows(request, CALL_CPUS, add_cpu, NULL, error);
}

static void add_line(const struct qmp *qmp, json_t *rows, const void *of)
{
	const struct control_message *message = of;

	(void)qmp;
	if (message->type == CONTROL_LINE)
		json_array_append_new(rows, qmp_text(message->text));
}

int qmp_query_counters(struct qmp_request *request, struct lend_error *error)
{
	return qmp_call_rows(request, CALL_COUNTERS, add_line, NULL, error);
}

int qmp_query_explain(struct qmp_request *request, struct lend_error *error)
{
	return qmp_call_rows(request, CALL_EXPLAIN, add_line, NULL, error);
}
