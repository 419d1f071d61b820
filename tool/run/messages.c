/* SPDX-License-Identifier: MIT */
/* The lines that the keeper prints; see messages.h. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tool/run/messages.h"

enum {
	QUEUE = 64 << 10,
	BURST = 500, /* what -v may print of many devices at once */
	MS_A_LINE = 100,
};

int messages_init(struct messages *messages, int fd)
{
	int ret;

	*messages = (struct messages){.tokens = BURST, .terminal = isatty(fd)};
	ret = sink_init(&messages->sink, QUEUE);
	if (!ret)
		sink_attach(&messages->sink, fd);
	return ret;
}

void messages_free(struct messages *messages)
{
	sink_free(&messages->sink);
}

void messages_change(struct messages *messages, const char *text)
{
	/* Back to the beginning of the line, and nothing behind it (ECMA-48, EL). */
	static const char gone[] = "\r\033[K";
	char line[128];

	if (!messages->terminal || (!text[0] && !messages->changing))
		return;
	snprintf(line, sizeof(line), "%s%s%s", gone, text[0] ? "lend: " : "", text);
	sink_write(&messages->sink, line, strlen(line));
	messages->changing = text[0];
}

void messages_say(struct messages *messages, const char *format, ...)
{
	char line[sizeof(struct lend_error) + 32] = "lend: ";
	size_t length = strlen(line);
	va_list args;

	va_start(args, format);
	vsnprintf(line + length, sizeof(line) - length - 1, format, args);
	va_end(args);
	strcat(line, "\n");
	messages_change(messages, "");
	sink_write(&messages->sink, line, strlen(line));
}

static void fill(struct messages *messages, uint64_t now)
{
	uint64_t more = (now - messages->filled) / MS_A_LINE;

	if (!more)
		return;
	messages->tokens = more >= BURST - messages->tokens ? BURST : messages->tokens + (unsigned)more;
	messages->filled = now;
}

void messages_relay(struct messages *messages, enum lend_log_level level, const char *text, uint64_t now)
{
	fill(messages, now);
	if (!messages->tokens) {
		messages->swallowed++;
		return;
	}
	messages->tokens--;
	if (messages->swallowed)
		messages_say(messages, "%lu lines were left out here", messages->swallowed);
	messages->swallowed = 0;
	messages_say(messages, "%s%s", level == LEND_LOG_WARNING ? "warning: " : "", text);
}
