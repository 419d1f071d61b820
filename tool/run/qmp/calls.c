/* SPDX-License-Identifier: MIT */
/* Replies that need the machine: a call with a number, rows, an answer. */
#include <errno.h>
#include <string.h>

#include "tool/run/qmp/commands.h"
#include "tool/tool.h"

/* More rows than any answer has; a machine that its guest has taken over fills no memory. */
enum { ROWS_MAX = 8192, FUNCTIONS_MAX = 512 };

uint32_t qmp_serial(struct qmp *qmp)
{
	return qmp->serial = (qmp->serial + 1) % QMP_SERIALS;
}

int qmp_call_rows(struct qmp_request *request, enum control_verb verb,
		  void (*add)(const struct qmp *qmp, json_t *rows, const void *message),
		  json_t *(*finish)(json_t *rows), struct lend_error *error)
{
	struct qmp *qmp = request->qmp;
	struct qmp_wait wait = {.on = true, .serial = qmp_serial(qmp), .add = add, .finish = finish};
	int ret;

	if (qmp->over)
		return tool_fail(error, -EPIPE, "the machine has ended");
	ret = qmp->config.host.call(qmp->config.host.opaque, wait.serial, verb);
	if (ret)
		return tool_fail(error, ret, "the machine cannot be asked now: %s", strerror(-ret));
	wait.rows = add ? json_array() : NULL;
	request->client->wait = wait;
	return QMP_LATER;
}

int qmp_call(struct qmp_request *request, enum control_verb verb, struct lend_error *error)
{
	return qmp_call_rows(request, verb, NULL, NULL, error);
}

static struct qmp_client *find(const struct qmp *qmp, uint32_t serial)
{
	for (struct qmp_client *client = qmp->clients; client; client = client->next)
		if (client->wait.on && !client->wait.plug && client->wait.serial == serial)
			return client;
	return NULL;
}

static void answer(struct qmp_client *client, const struct control_message *message)
{
	json_t *result = NULL;

	if (message->answer.result) {
		qmp_reply_error(client, NULL,
				message->answer.text[0] ? message->answer.text
							: strerror(-message->answer.result));
		return;
	}
	if (client->wait.finish)
		result = client->wait.finish(client->wait.rows);
	else if (client->wait.rows)
		result = json_incref(client->wait.rows);
	qmp_reply(client, result);
}

void qmp_take(struct qmp *qmp, const struct control_message *message)
{
	struct qmp_client *client;

	if (message->type == CONTROL_EVENT) {
		qmp_take_event(qmp, &message->event);
		return;
	}
	client = find(qmp, message->value);
	if (!client)
		return; /* it went away, or the machine makes it up */
	if (message->type == CONTROL_ANSWER) {
		answer(client, message);
		qmp_tidy(qmp);
	} else if (client->wait.add && json_array_size(client->wait.rows) <
					       (message->type == CONTROL_PCI ? FUNCTIONS_MAX : ROWS_MAX)) {
		client->wait.add(qmp, client->wait.rows, message);
	}
}
