/* SPDX-License-Identifier: MIT */
/* The record of what the fakes were asked to do. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/fake_private.h"

static void add(struct world *world, const char *format, va_list args)
{
	if (world->mute)
		return;
	if (world->line_count == world->line_room) {
		world->line_room = world->line_room ? 2 * world->line_room : 256;
		world->lines = realloc(world->lines, world->line_room * sizeof(*world->lines));
		assert_non_null(world->lines);
	}
	vsnprintf(world->lines[world->line_count++], sizeof(*world->lines), format, args);
}

void fake_record(struct world *world, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(world, format, args);
	va_end(args);
}

bool fake_turn(struct world *world)
{
	unsigned call = __atomic_add_fetch(&world->calls, 1, __ATOMIC_RELAXED);

	if (call == world->dies_at)
		world->dead = true;
	return call == world->fail_at;
}

int fake_step(struct world *world, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(world, format, args);
	va_end(args);
	return fake_turn(world) ? -ENODEV : 0;
}

void fake_violation(struct world *world, const char *format, ...)
{
	va_list args;

	if (world->violation[0])
		return;
	va_start(args, format);
	vsnprintf(world->violation, sizeof(world->violation), format, args);
	va_end(args);
}

void world_clear(struct world *world)
{
	world->line_count = 0;
}

int world_find(const struct world *world, size_t from, const char *text)
{
	for (size_t i = from; i < world->line_count; i++)
		if (!strncmp(world->lines[i], text, strlen(text)))
			return (int)i;
	return -1;
}

unsigned world_count(const struct world *world, const char *text)
{
	unsigned count = 0;

	for (size_t i = 0; i < world->line_count; i++)
		count += !strncmp(world->lines[i], text, strlen(text));
	return count;
}

void world_expect_order(const struct world *world, ...)
{
	const char *text;
	size_t from = 0;
	va_list args;

	va_start(args, world);
	while ((text = va_arg(args, const char *))) {
		int at = world_find(world, from, text);

		if (at < 0) {
			for (size_t i = 0; i < world->line_count; i++)
				print_error("%s %s\n", i == from ? ">" : " ", world->lines[i]);
			fail_msg("\"%s\" does not come there", text);
		}
		from = (size_t)at + 1;
	}
	va_end(args);
}
