/* SPDX-License-Identifier: MIT */
/* The table of windows, and accesses through it. */
#include <errno.h>
#include <string.h>

#include "lib/pci/bars/vga.h"
#include "lib/pci/function.h"

static uint64_t region_end(const struct lend_function *function, unsigned region)
{
	if (region == LEND_REGION_VGA)
		return vga_on(function) ? VGA_REGION_SIZE : 0;
	return region < LEND_DEVICE_BARS ? function->bars[region].guest.size : 0;
}

int window_add(struct lend_function *function, const struct window *window)
{
	struct windows *windows = &function->windows;
	uint64_t end = region_end(function, window->region);

	if (!window->length || window->offset >= end || window->length > end - window->offset)
		return -ERANGE;
	if (windows->count == WINDOWS_MAX)
		return -ENOSPC;
	windows->at[windows->count++] = *window;
	return 0;
}

static uint64_t first_page(const struct lend_function *function, const struct window *window)
{
	return window->offset & ~(function->page - 1);
}

static uint64_t end_page(const struct lend_function *function, const struct window *window)
{
	return (window->offset + window->length + function->page - 1) & ~(function->page - 1);
}

unsigned windows_cut(const struct lend_function *function, unsigned bar, struct lend_area *areas,
		     unsigned count)
{
	const struct windows *windows = &function->windows;

	for (unsigned i = 0; i < windows->count; i++) {
		const struct window *window = &windows->at[i];

		if (window->region == bar && !window->mapped)
			count = areas_cut(areas, count, first_page(function, window),
					  end_page(function, window));
	}
	return count;
}

bool windows_touch(const struct lend_function *function, unsigned bar, uint64_t offset, uint64_t length)
{
	const struct windows *windows = &function->windows;

	for (unsigned i = 0; i < windows->count; i++) {
		const struct window *window = &windows->at[i];

		if (window->region == bar && offset < window->offset + window->length &&
		    window->offset < offset + length)
			return true;
	}
	return false;
}

enum lend_reason windows_reason(const struct lend_function *function, unsigned bar, uint64_t offset,
				uint64_t *end)
{
	const struct windows *windows = &function->windows;

	*end = UINT64_MAX;
	for (unsigned i = 0; i < windows->count; i++) {
		const struct window *window = &windows->at[i];
		uint64_t start = first_page(function, window), stop = end_page(function, window);

		if (window->region != bar || window->mapped)
			continue;
		if (offset >= start && offset < stop) {
			*end = stop < *end ? stop : *end;
			return window->reason;
		}
		if (offset < start && start < *end)
			*end = start;
	}
	return LEND_REASON_DIRECT;
}

/* The window that answers at `offset`, NULL: the device does. `*end`: where that changes. */
static const struct window *find(const struct lend_function *function, unsigned region, uint64_t offset,
				 uint64_t *end)
{
	const struct windows *windows = &function->windows;

	*end = UINT64_MAX;
	for (unsigned i = 0; i < windows->count; i++) {
		const struct window *window = &windows->at[i];
		uint64_t stop = window->offset + window->length;

		if (window->region != region || !window->read)
			continue;
		if (offset >= window->offset && offset < stop) {
			*end = stop < *end ? stop : *end;
			return window;
		}
		if (offset < window->offset && window->offset < *end)
			*end = window->offset;
	}
	return NULL;
}

static bool is_width(unsigned length)
{
	return length == 1 || length == 2 || length == 4 || length == 8;
}

int window_device_read(struct lend_function *function, unsigned region, uint64_t offset, uint8_t *bytes,
		       unsigned length)
{
	unsigned step = is_width(length) ? length : 1;
	int ret = 0;

	for (unsigned i = 0; i < length && !ret; i += step)
		ret = device_read(function->device, region, offset + i, bytes + i, step);
	return ret;
}

int window_device_write(struct lend_function *function, unsigned region, uint64_t offset,
			const uint8_t *bytes, unsigned length)
{
	unsigned step = is_width(length) ? length : 1;
	int ret = 0;

	for (unsigned i = 0; i < length && !ret; i += step)
		ret = device_write(function->device, region, offset + i, bytes + i, step);
	return ret;
}

static void say(struct lend_function *function, const char *what, unsigned region, uint64_t offset,
		unsigned length, int code)
{
	if (region == LEND_REGION_VGA)
		function_log(function, LEND_LOG_WARNING, "cannot %s %u bytes of its VGA range at 0x%llx: %s",
			     what, length, (unsigned long long)offset, strerror(-code));
	else
		function_log(function, LEND_LOG_WARNING, "cannot %s %u bytes of BAR %u at 0x%llx: %s", what,
			     length, region, (unsigned long long)offset, strerror(-code));
}

/* How many of the `left` bytes at `at` lie before `end`. */
static unsigned part_of(uint64_t at, uint64_t end, unsigned left)
{
	return end - at < left ? (unsigned)(end - at) : left;
}

void window_read(struct lend_function *function, unsigned region, uint64_t offset, uint8_t *bytes,
		 unsigned length)
{
	uint64_t end;

	for (unsigned done = 0, part; done < length; done += part) {
		uint64_t at = offset + done;
		const struct window *window = find(function, region, at, &end);
		int ret;

		part = part_of(at, end, length - done);
		ret = window ? window->read(function, window, at, bytes + done, part)
			     : window_device_read(function, region, at, bytes + done, part);
		if (ret >= 0)
			continue;
		memset(bytes + done, 0xff, part);
		say(function, "read", region, at, part, ret);
	}
}

void window_write(struct lend_function *function, unsigned region, uint64_t offset, const uint8_t *bytes,
		  unsigned length)
{
	uint64_t end;

	for (unsigned done = 0, part; done < length; done += part) {
		uint64_t at = offset + done;
		const struct window *window = find(function, region, at, &end);
		int ret;

		part = part_of(at, end, length - done);
		ret = window ? window->write(function, window, at, bytes + done, part)
			     : window_device_write(function, region, at, bytes + done, part);
		if (ret < 0)
			say(function, "write", region, at, part, ret);
	}
}
