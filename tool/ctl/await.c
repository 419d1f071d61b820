/* SPDX-License-Identifier: MIT */
/* Waiting for the end of what was begun: the machine tells it by exactly one event. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tool/clock.h"
#include "tool/clean.h"
#include "tool/ctl/ctl.h"

enum { TICK_MS = 1000, QUIET_MS = 2000 };

static bool is_about(const struct ctl *ctl, const json_t *data)
{
	const char *id = json_string_value(json_object_get(data, "id"));
	const char *host = json_string_value(json_object_get(data, "host"));

	if (!ctl->id)
		return true;
	/* QEMU's name for the same; and a device can be named by its address. */
	id = id ? id : json_string_value(json_object_get(data, "device"));
	host = host ? host : json_string_value(json_object_get(data, "x-host"));
	return (id && !strcmp(id, ctl->id)) || (host && !strcmp(host, ctl->id));
}

void ctl_event(void *opaque, const char *name, const json_t *event)
{
	struct ctl *ctl = opaque;
	const json_t *data = json_object_get(event, "data");
	const char *reason = json_string_value(json_object_get(data, "reason"));

	for (const struct ctl_outcome *row = ctl->outcomes; row && row->event && !ctl->met; row++) {
		if (strcmp(row->event, name) || !is_about(ctl, data) ||
		    (row->reason && (!reason || strcmp(row->reason, reason))))
			continue;
		if (!row->text) {
			tool_say("%s: %s", ctl->id, row->progress);
			continue;
		}
		ctl->met = row;
		ctl->back = row->gives_back && json_is_true(json_object_get(data, "x-given-back"));
		ctl->stuck = row->gives_back && json_is_false(json_object_get(data, "x-given-back"));
		clean_copy(ctl->reason, sizeof(ctl->reason), reason ? reason : "");
	}
}

/* On a terminal one line is written again and again; into a file nothing is. */
static void tell_waiting(const char *what, uint64_t ms)
{
	if (ms >= QUIET_MS && isatty(STDERR_FILENO))
		fprintf(stderr, "\r%s: waiting, %llu s\33[K", what, (unsigned long long)ms / 1000);
}

static void end_waiting(void)
{
	if (isatty(STDERR_FILENO))
		fputs("\r\33[K", stderr);
}

static int wait_until(struct ctl *ctl, const char *what, struct lend_error *error)
{
	uint64_t began = clock_ms(), until = began + ctl->limit_ms;
	int ret = 0;

	while (!ctl->met && (!ret || ret == -ETIMEDOUT)) {
		uint64_t now = clock_ms();

		if (now >= until)
			return -ETIMEDOUT;
		tell_waiting(what, now - began);
		ret = ctl_wait(&ctl->client, until - now < TICK_MS ? until : now + TICK_MS, error);
	}
	return ctl->met ? 0 : ret;
}

static int tell_outcome(const struct ctl *ctl, const char *what)
{
	const char *back = ctl->back ? ", and the host has it back" : "";

	if (ctl->stuck) {
		tool_say("%s: %s, but it could not be given back to the host: the machine has said why, and "
			 "'lend unbind --stale' tries it again when the machine has ended",
			 what, ctl->met->text);
		return ctl->met->status ? ctl->met->status : TOOL_FAILED;
	}
	if (ctl->met->status == TOOL_OK)
		printf("%s: %s%s\n", what, ctl->met->text, back);
	else
		tool_say("%s: %s%s%s%s", what, ctl->met->text, back, ctl->reason[0] ? ": " : "", ctl->reason);
	return ctl->met->status;
}

int ctl_await(struct ctl *ctl, const char *what)
{
	struct lend_error error = {""};
	int ret = wait_until(ctl, what, &error);

	end_waiting();
	if (ret == -ETIMEDOUT) {
		tool_say("%s: nothing came of it within %g s; lend ctl NAME events shows what comes later",
			 what, ctl->limit_ms / 1000.0);
		return CTL_LATE;
	}
	if (ret) {
		tool_say("%s: %s", what, ret == -EPIPE ? "the machine has ended" : error.text);
		return TOOL_FAILED;
	}
	return tell_outcome(ctl, what);
}

json_t *ctl_ask(struct ctl *ctl, const char *command, json_t *arguments)
{
	struct lend_error error;
	json_t *result;

	if (!ctl_execute(&ctl->client, command, arguments, &result, &error))
		return result;
	tool_say("%s", error.text);
	return NULL;
}
