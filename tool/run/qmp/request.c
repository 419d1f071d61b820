/* SPDX-License-Identifier: MIT */
/* From a request's bytes to its one reply; see commands.h. */
#include <errno.h>
#include <string.h>

#include "tool/run/qmp/commands.h"
#include "tool/tool.h"

#define GENERIC   "GenericError"
#define NOT_FOUND "CommandNotFound"

static void reply(struct qmp_client *client, const char *kind, json_t *value)
{
	json_t *message = json_pack("{s:o, s:o*}", kind, value ? value : json_object(), "id", client->id);

	client->id = NULL;
	if (client->wait.on)
		json_decref(client->wait.rows);
	client->wait = (struct qmp_wait){.on = false};
	qmp_client_send(client, message);
}

void qmp_reply(struct qmp_client *client, json_t *result)
{
	reply(client, "return", result);
}

void qmp_reply_error(struct qmp_client *client, const char *class, const char *text)
{
	qmp_reply_topic(client, class, text, NULL);
}

void qmp_reply_topic(struct qmp_client *client, const char *class, const char *text, const char *topic)
{
	reply(client, "error",
	      json_pack("{s:s, s:o, s:s*}", "class", class ? class : GENERIC, "desc", qmp_text(text),
			"x-lend-topic", topic));
}

/* What the bytes are, before any are read as JSON. */
static const char *refused_unread(const struct qmp_client *client)
{
	if (client->scan.length > QMP_REQUEST_MAX)
		return "the request is longer than 65536 bytes";
	if (client->scan.deep)
		return "the request is nested more than 32 deep";
	if (client->scan.cut)
		return "the request ends in the middle; a request is one line of JSON";
	if (client->scan.junk)
		return "that is no JSON; a request is an object, {\"execute\": COMMAND}";
	if (client->fds_lost || client->fd_count > QMP_FDS_MAX)
		return "more descriptors came than a request may have";
	return NULL;
}

static json_t *parse(const struct qmp_client *client, struct lend_error *error)
{
	const char *refused = refused_unread(client);
	json_error_t wrong;
	json_t *request;

	if (refused) {
		tool_fail(error, 0, "%s", refused);
		return NULL;
	}
	request = json_loadb(client->request, client->scan.length, JSON_REJECT_DUPLICATES, &wrong);
	if (!request)
		tool_fail(error, 0, "that is no JSON: %.100s, at character %d", wrong.text, wrong.position);
	return request;
}

static int check_members(const json_t *request, struct lend_error *error)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)request, name, value)
	{
		if (!strcmp(name, "exec-oob"))
			return tool_fail(error, -EINVAL,
					 "commands out of band are not offered; write execute");
		if (!strcmp(name, "execute") && !json_is_string(value))
			return tool_fail(error, -EINVAL, "'execute' is the name of a command, a string");
		if (!strcmp(name, "arguments") && !json_is_object(value))
			return tool_fail(error, -EINVAL, "'arguments' is an object");
		if (strcmp(name, "execute") && strcmp(name, "arguments") && strcmp(name, "id"))
			return tool_fail(error, -EINVAL,
					 "a request has no member '%.100s': execute, arguments and id", name);
	}
	if (!json_object_get(request, "execute"))
		return tool_fail(error, -EINVAL, "the request has no member 'execute'");
	return 0;
}

/* The command, if it may be given now. */
static const struct qmp_command *find(const struct qmp_client *client, const char *name,
				      struct lend_error *error)
{
	const struct qmp_command *command = qmp_command_find(name, error);

	if (!client->negotiated && !(command && command->first)) {
		tool_fail(error, 0, "the first command is qmp_capabilities; others are answered after it");
		return NULL;
	}
	if (command && command->first && client->negotiated) {
		tool_fail(error, 0, "qmp_capabilities was given already");
		return NULL;
	}
	return command;
}

static int check_fds(const struct qmp_client *client, const struct qmp_command *command,
		     struct lend_error *error)
{
	if (client->fd_count <= command->fds)
		return 0;
	return command->fds ? tool_fail(error, -EINVAL, "%s: %u descriptors came, and it takes %u",
					command->name, client->fd_count, command->fds)
			    : tool_fail(error, -EINVAL, "%s takes no descriptor", command->name);
}

/* Does it: 0, QMP_LATER, or negative errno with the sentence. */
static int execute(struct qmp_request *request, const json_t *object, struct lend_error *error)
{
	const struct qmp_command *command;
	int ret = check_members(object, error);

	if (ret)
		return ret;
	command = find(request->client, json_string_value(json_object_get(object, "execute")), error);
	if (!command) {
		request->class = NOT_FOUND;
		return -ENOENT;
	}
	request->arguments = json_object_get(object, "arguments");
	ret = qmp_arguments_check(command->name, command->takes, request->arguments, error);
	ret = ret ? ret : check_fds(request->client, command, error);
	return ret ? ret : command->run(request, error);
}

void qmp_request(struct qmp *qmp, struct qmp_client *client)
{
	struct qmp_request request = {.qmp = qmp, .client = client};
	struct lend_error error = {""};
	json_t *object = parse(client, &error);
	int ret = object ? 0 : -EINVAL;

	if (object && !json_is_object(object))
		ret = tool_fail(&error, -EINVAL, "a request is an object, {\"execute\": COMMAND}");
	if (!ret) {
		client->id = json_incref(json_object_get(object, "id"));
		ret = execute(&request, object, &error);
	}
	if (!ret)
		qmp_reply(client, request.result);
	else if (ret != QMP_LATER)
		qmp_reply_error(client, request.class, error.text);
	json_decref(object);
}
