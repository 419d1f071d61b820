/* SPDX-License-Identifier: MIT */
/*
 * /proc/interrupts has a line for each vector of each device, with a column of
 * 11 bytes for each processor: many MiB on a host with hundreds of processors.
 * So the buffer grows with it, and VFIO's lines are picked out once.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/interrupts.h"

enum { TEXT_FIRST = 1 << 16, TEXT_MAX = 64 << 20, ROWS_FIRST = 64 };

/* All of `fd` as a string, up to TEXT_MAX; NULL: no memory. */
static char *read_text(int fd)
{
	size_t room = 0, done = 0;
	char *text = NULL, *more;
	ssize_t ret;

	for (;;) {
		if (done + 1 >= room && room < TEXT_MAX) {
			room = room ? 2 * room : TEXT_FIRST;
			more = realloc(text, room);
			if (!more) {
				free(text);
				return NULL;
			}
			text = more;
		}
		ret = pread(fd, text + done, room - 1 - done, (off_t)done);
		if (ret <= 0)
			break;
		done += (size_t)ret;
	}
	text[done] = '\0';
	return text;
}

static int add_row(struct interrupts *out, const char *counts, const char *name)
{
	/* Room for 64, 128, 256, ... rows. */
	if (out->count < ROWS_FIRST ? !out->count : !(out->count & (out->count - 1))) {
		size_t room = out->count < ROWS_FIRST ? ROWS_FIRST : 2 * out->count;
		struct interrupt_row *more = reallocarray(out->rows, room, sizeof(*more));

		if (!more)
			return -1;
		out->rows = more;
	}
	out->rows[out->count++] = (struct interrupt_row){counts, name};
	return 0;
}

/* " 45:  12  0  PCI-MSI-0000:01:00.0  0-edge  vfio-msix[0](0000:01:00.0)": the name is the last word. */
void interrupts_read(int fd, struct interrupts *out)
{
	char *rest, *line;
	int ret = 0;

	*out = (struct interrupts){0};
	if (fd < 0)
		return;
	rest = out->text = read_text(fd);
	while (!ret && (line = strsep(&rest, "\n"))) {
		const char *counts = strchr(line, ':'), *name = strrchr(line, ' ');

		if (counts && name && !strncmp(name + 1, "vfio-", 5))
			ret = add_row(out, counts + 1, name + 1);
	}
}

void interrupts_free(struct interrupts *interrupts)
{
	free(interrupts->text);
	free(interrupts->rows);
	*interrupts = (struct interrupts){0};
}

/* Adds the numbers before the first other word, which is the interrupt controller's name. */
static int64_t add_up(const char *at)
{
	int64_t sum = 0;
	char *end;

	for (;; at = end) {
		unsigned long long count = strtoull(at, &end, 10);

		if (end == at || (*end != ' ' && *end))
			return sum;
		sum += (int64_t)count;
	}
}

int64_t interrupts_count(const struct interrupts *interrupts, const char *name)
{
	for (size_t i = 0; i < interrupts->count; i++)
		if (!strcmp(interrupts->rows[i].name, name))
			return add_up(interrupts->rows[i].counts);
	return -1;
}
