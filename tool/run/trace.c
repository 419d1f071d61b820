/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tool/run/trace.h"

enum { EVENT_MAX = 512 };

uint64_t trace_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* One write an event, at the file's end. A disk that is full leaves events out, and the run goes on. */
LEND_PRINTF(2, 3) static void put(const struct trace *trace, const char *format, ...)
{
	char event[EVENT_MAX];
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(event, sizeof(event), format, args);
	va_end(args);
	if (length < (int)sizeof(event) && write(trace->fd, event, (size_t)length) < 0)
		return;
}

/* Text for a string of JSON: a path of the user's may have any bytes. */
static const char *plain(const char *text, char out[96])
{
	size_t length = 0;

	for (; text[length] && length < 95; length++) {
		char c = text[length];

		out[length] = c < ' ' || c > '~' || c == '"' || c == '\\' ? '?' : c;
	}
	out[length] = '\0';
	return out;
}

static double microseconds(uint64_t nanoseconds)
{
	return (double)nanoseconds / 1000;
}

static void put_span(const struct trace *trace, unsigned row, const char *what, uint64_t since)
{
	char text[96];

	put(trace,
	    ",\n{\"ph\": \"X\", \"pid\": 1, \"tid\": %u, \"ts\": %.3f, \"dur\": %.3f, \"name\": \"%s\"}", row,
	    microseconds(since - trace->begun), microseconds(trace_now() - since), plain(what, text));
}

static void put_name(const struct trace *trace, unsigned row, const char *name)
{
	char text[96];

	put(trace,
	    ",\n{\"ph\": \"M\", \"pid\": 1, \"tid\": %u, \"name\": \"thread_name\", \"args\": {\"name\": "
	    "\"%s\"}}",
	    row, plain(name, text));
}

static const char *device_name(const struct run_device *device)
{
	if (device->host[0])
		return device->host;
	return device->served.count ? device->served.name : "a device";
}

void trace_begin(struct trace *trace, int fd, const struct run_options *options)
{
	*trace = (struct trace){.fd = fd, .begun = options->begun};
	if (fd < 0)
		return;
	/* A pipe has nothing to empty. The result changes nothing; the compiler wants it used. */
	if (ftruncate(fd, 0) && trace->fd < 0)
		return;
	put(trace,
	    "[\n{\"ph\": \"M\", \"pid\": 1, \"name\": \"process_name\", \"args\": {\"name\": \"lend\"}}");
	put_name(trace, TRACE_KEEPER, "keeper");
	put_name(trace, VMM_STEP_MAIN, "machine");
	put_name(trace, VMM_STEP_MEMORY, "guest memory");
	put_name(trace, VMM_STEP_AHEAD, "processors and kernel");
	for (unsigned i = 0; i < options->device_count; i++)
		put_name(trace, VMM_STEP_DEVICE + i, device_name(&options->devices[i]));
	put_span(trace, TRACE_KEEPER, "reading the command line", trace->begun);
}

void trace_step(struct trace *trace, unsigned row, const char *what)
{
	if (trace->fd < 0 || row >= TRACE_ROWS)
		return;
	if (what[0] && !trace->rows[row].since) {
		snprintf(trace->rows[row].what, sizeof(trace->rows[row].what), "%s", what);
		trace->rows[row].since = trace_now();
	} else if (!what[0] && trace->rows[row].since) {
		put_span(trace, row, trace->rows[row].what, trace->rows[row].since);
		trace->rows[row].since = 0;
	}
}

void trace_mark(struct trace *trace, unsigned row, const char *what)
{
	char text[96];

	if (trace->fd >= 0)
		put(trace,
		    ",\n{\"ph\": \"i\", \"s\": \"t\", \"pid\": 1, \"tid\": %u, \"ts\": %.3f, \"name\": "
		    "\"%s\"}",
		    row, microseconds(trace_now() - trace->begun), plain(what, text));
}

void trace_end(struct trace *trace)
{
	if (trace->fd >= 0)
		put(trace, "\n]\n");
}
