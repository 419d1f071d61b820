/* SPDX-License-Identifier: MIT */
/* The value of -serial: "stdio", "none", "file:PATH", "unix:PATH". */
#include <errno.h>
#include <string.h>
#include <sys/un.h>

#include "tool/run/options.h"
#include "tool/tool.h"

static const struct {
	const char *word;
	enum serial_kind kind;
	bool has_path;
} known_kinds[] = {
	{"stdio", SERIAL_STDIO, false},
	{"none", SERIAL_NONE, false},
	{"file:", SERIAL_FILE, true},
	{"unix:", SERIAL_UNIX, true},
};

/* What other monitors have there; a value that begins with the word. */
static const struct {
	const char *word, *advice;
} other_kinds[] = {
	{"mon:stdio", "there is no monitor; give stdio, where Ctrl-a x ends the machine"},
	{"null", "give none"},
	{"off", "give none"},
	{"tty", "give stdio"},
	{"type=", "give stdio, none, file:PATH or unix:PATH alone"},
	{"file=", "write file:PATH"},
	{"socket=", "write unix:PATH"},
	{"chardev:", "there are no chardevs; give stdio, none, file:PATH or unix:PATH"},
	{"pty", "give unix:PATH, and connect to it with socat"},
	{"tcp:", "give unix:PATH, and connect to it with socat"},
	{"telnet:", "give unix:PATH, and connect to it with socat"},
	{"udp:", "give unix:PATH, and connect to it with socat"},
	{"websocket:", "give unix:PATH, and connect to it with socat"},
	{"vc", "there is no display; give stdio, none, file:PATH or unix:PATH"},
	{"pipe:", "give unix:PATH, which is written and read"},
	{"/dev/", "give unix:PATH, and connect the two with socat"},
};

static int fail_unknown(const char *value, struct lend_error *error)
{
	for (size_t i = 0; i < sizeof(other_kinds) / sizeof(*other_kinds); i++)
		if (!strncmp(value, other_kinds[i].word, strlen(other_kinds[i].word)))
			return tool_fail(error, -EINVAL, "-serial %.100s is not known: %s", value,
					 other_kinds[i].advice);
	return tool_fail(error, -EINVAL,
			 "-serial %.100s is not known; give stdio, none, file:PATH or unix:PATH", value);
}

/*
 * A path may have commas. What other monitors write behind one is told from it by its words, since a
 * socket of the name "x,server=on" is what nobody means.
 */
static int check_unix(const char *path, struct lend_error *error)
{
	static const char *const words[] = {",server", ",wait", ",nowait", ",reconnect"};
	const size_t most = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		/* static: the caller has found the prefix of a path */
		const char *at = strstr(path, words[i]);

		if (at)
			return tool_fail(error, -EINVAL,
					 "-serial unix:%.100s: lend makes the socket, and the guest does not "
					 "wait for a client; leave '%.40s' out",
					 path, at);
	}
	return strlen(path) <= most
		       ? 0
		       : tool_fail(error, -EINVAL,
				   "-serial unix: takes a path of at most %zu bytes; give a shorter one",
				   most);
}

int serial_parse(struct run_options *options, const char *value, struct lend_error *error)
{
	for (size_t i = 0; i < sizeof(known_kinds) / sizeof(*known_kinds); i++) {
		size_t length = strlen(known_kinds[i].word);

		if (strncmp(value, known_kinds[i].word, length) ||
		    known_kinds[i].has_path != (value[length] != '\0'))
			continue;
		options->serial = known_kinds[i].kind;
		options->serial_path = known_kinds[i].has_path ? value + length : NULL;
		return options->serial == SERIAL_UNIX ? check_unix(options->serial_path, error) : 0;
	}
	return fail_unknown(value, error);
}
