/* SPDX-License-Identifier: MIT */
/* Where a start is; see progress.h. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "tool/run/progress.h"

enum { NAMED = 3, /* steps that one line names */ EVERY_S = 600 };

void progress_begin(struct progress *progress, uint64_t now)
{
	*progress = (struct progress){.begun = now};
}

void progress_over(struct progress *progress)
{
	progress->over = true;
}

static double seconds(uint64_t from, uint64_t to)
{
	return (double)(to - from) / 1000;
}

bool progress_step(struct progress *progress, unsigned row, const char *what, uint64_t now,
		   char line[PROGRESS_LINE])
{
	bool is_long;

	if (progress->over || row >= VMM_STEP_ROWS)
		return false;
	if (what[0]) {
		if (!progress->rows[row].what[0])
			progress->rows[row].since = now;
		snprintf(progress->rows[row].what, sizeof(progress->rows[row].what), "%.*s",
			 (int)sizeof(progress->rows[row].what) - 1, what);
		return false;
	}
	is_long = progress->rows[row].what[0] && now - progress->rows[row].since >= PROGRESS_LONG_MS;
	if (is_long)
		snprintf(line, PROGRESS_LINE, "%s: took %.1f s", progress->rows[row].what,
			 seconds(progress->rows[row].since, now));
	progress->rows[row].what[0] = '\0';
	return is_long;
}

bool progress_memory(struct progress *progress, uint64_t done, uint64_t all, uint64_t now,
		     char line[PROGRESS_LINE])
{
	const double gib = 1 << 30;
	bool was_told = progress->memory.told;
	uint64_t took;

	if (!done && !progress->over) {
		progress->memory.since = now;
		progress->memory.done = 0;
		progress->memory.begun = true;
	}
	/* Several threads tell of it: a smaller number is an older one. */
	if (!progress->memory.begun || (done && done <= progress->memory.done))
		return false;
	progress->memory.done = done;
	line[0] = '\0';
	if (done >= all || progress->over) {
		progress->memory.begun = progress->memory.told = false;
		return was_told;
	}
	took = now - progress->memory.since;
	if (!done || took < PROGRESS_LONG_MS)
		return false;
	snprintf(line, PROGRESS_LINE, "populating guest memory: %.1f of %.1f GiB, about %.0f s more",
		 (double)done / gib, (double)all / gib,
		 (double)took / 1000 * ((double)(all - done) / (double)done));
	return progress->memory.told = true;
}

/* When the user is told for the n-th time (from 0): at growing intervals, at last at equal ones. */
static uint64_t due(const struct progress *progress)
{
	static const unsigned at_s[] = {10, 30, 60, 120, 300, EVERY_S};
	enum { COUNT = sizeof(at_s) / sizeof(*at_s) };
	unsigned n = progress->told;
	uint64_t s = n < COUNT ? at_s[n] : (uint64_t)EVERY_S * (n - COUNT + 2);

	return progress->begun + s * 1000;
}

int progress_wait(const struct progress *progress, uint64_t now)
{
	uint64_t at = due(progress);

	if (progress->over)
		return -1;
	return at <= now ? 0 : at - now > INT_MAX ? INT_MAX : (int)(at - now);
}

/* The row that is under way for the longest time, of those after `than`; VMM_STEP_ROWS: none. */
static unsigned oldest(const struct progress *progress, const bool *named)
{
	unsigned found = VMM_STEP_ROWS;

	for (unsigned i = 0; i < VMM_STEP_ROWS; i++)
		if (progress->rows[i].what[0] && !named[i] &&
		    (found == VMM_STEP_ROWS || progress->rows[i].since < progress->rows[found].since))
			found = i;
	return found;
}

static void append(char line[PROGRESS_LINE], const char *text)
{
	size_t used = strlen(line);

	snprintf(line + used, PROGRESS_LINE - used, "%s", text);
}

bool progress_tell(const struct progress *progress, uint64_t now, char line[PROGRESS_LINE])
{
	bool named[VMM_STEP_ROWS] = {false};
	unsigned row, count = 0, more = 0;
	char text[192];

	if (progress->over)
		return false;
	snprintf(line, PROGRESS_LINE,
		 "the guest has not started after %.0f s; under way:", seconds(progress->begun, now));
	for (; (row = oldest(progress, named)) < VMM_STEP_ROWS; named[row] = true) {
		if (count == NAMED) {
			more++;
			continue;
		}
		snprintf(text, sizeof(text), "%s %s (for %.0f s)", count++ ? "," : "",
			 progress->rows[row].what, seconds(progress->rows[row].since, now));
		append(line, text);
	}
	if (!count)
		append(line, " nothing that the machine told of");
	snprintf(text, sizeof(text), ", and %u more", more);
	append(line, more ? text : "");
	return true;
}

bool progress_tick(struct progress *progress, uint64_t now, char line[PROGRESS_LINE])
{
	if (progress->over || now < due(progress))
		return false;
	/* A process that was stopped for a while says it once. */
	while (now >= due(progress))
		progress->told++;
	return progress_tell(progress, now, line);
}
