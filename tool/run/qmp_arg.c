/* SPDX-License-Identifier: MIT */
/* The value of -qmp: "unix:PATH", "fd:N", "none". */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "tool/run/options.h"
#include "tool/tool.h"

/* What other monitors write behind a path and what is so anyway. */
static bool is_said_anyway(const char *word)
{
	static const char *const words[] = {"server", "server=on", "wait=off", "nowait", "pretty=off", ""};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strcmp(words[i], word))
			return true;
	return false;
}

static int parse_unix(struct run_options *options, const char *value, struct lend_error *error)
{
	size_t length = strcspn(value, ",");
	const char *rest = value + length;
	char word[VALUE_PART];

	if (!length || length >= sizeof(options->qmp.path))
		return tool_fail(error, -EINVAL,
				 "-qmp unix:%.100s: the path of a socket has 1 to %zu bytes, and no comma",
				 value, sizeof(options->qmp.path) - 1);
	while (*rest) {
		rest = value_part(rest + 1, word);
		if (!rest || !is_said_anyway(word))
			return tool_fail(
				error, -EINVAL,
				"-qmp unix:%.100s: only server=on and wait=off may follow the path; the "
				"machine listens there, and does not wait for a client",
				value);
	}
	snprintf(options->qmp.path, sizeof(options->qmp.path), "%.*s", (int)length, value);
	options->qmp.kind = QMP_UNIX;
	return 0;
}

int qmp_parse(struct run_options *options, const char *value, struct lend_error *error)
{
	unsigned fd;

	if (!strncmp(value, "unix:", 5))
		return parse_unix(options, value + 5, error);
	if (!strcmp(value, "none")) {
		options->qmp.kind = QMP_NONE;
		return 0;
	}
	if (!strncmp(value, "fd:", 3) && !value_number(value + 3, 0, INT_MAX, &fd)) {
		options->qmp.kind = QMP_FD;
		options->qmp.fd = (int)fd;
		return 0;
	}
	if (!strncmp(value, "tcp:", 4) || !strcmp(value, "stdio"))
		return tool_fail(error, -EINVAL,
				 "-qmp %.100s: the control socket is for this user of this computer; give "
				 "unix:PATH, and connect to it with socat",
				 value);
	return tool_fail(error, -EINVAL, "-qmp %.100s is not known; give unix:PATH, fd:N or none", value);
}
