/* SPDX-License-Identifier: MIT */
/* See rules.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/rules.h"
#include "tests/unit/test_rules.h"

enum { TEXT = 4096 };

struct text {
	char bytes[TEXT];
	size_t used;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *text, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	text->used += (size_t)vsnprintf(text->bytes + text->used, TEXT - text->used, format, args);
	va_end(args);
	assert_true(text->used < TEXT);
}

/* Each row: a match, and whether it names the device of a fake world. */
static const struct {
	const char *text;
	bool matches;
} devices[] = {
	{"\"vendor\": \"1b36\"", true},
	{"\"vendor\": \"1b36\", \"device\": \"1122\", \"class\": \"010802\"", true},
	{"\"class\": \"01\"", true},
	{"\"class\": \"0108\", \"subsystem_vendor\": \"0000\", \"subsystem\": \"0000\"", true},
	{"\"vendor\": \"1b37\"", false},
	{"\"device\": \"1123\"", false},
	{"\"class\": \"02\"", false},
	{"\"vendor\": \"1b36\", \"subsystem\": \"0001\"", false},
};

static void add_ids(struct text *text, const char *key, struct input *input, bool *denied, unsigned limit)
{
	unsigned count = take(input) % 4;

	add(text, ", \"%s\": [", key);
	for (unsigned i = 0; i < count; i++) {
		unsigned id = take(input) % limit;

		add(text, "%s\"0x%x\"", i ? ", " : "", id);
		if (denied)
			denied[id] = true;
	}
	add(text, "]");
}

static void add_resets(struct text *text, struct input *input, struct fuzz_rules *out)
{
	static const char *const names[] = {"device_specific", "acpi", "flr", "af_flr", "pm", "bus",
					    "cxl_bus"};
	unsigned broken = take(input) & 0x7f;
	bool any = false;

	add(text, ", \"broken_resets\": [");
	for (unsigned i = 0; i < 7; i++) {
		if (!(broken >> i & 1))
			continue;
		add(text, "%s\"%s\"", any ? ", " : "", names[i]);
		any = true;
	}
	add(text, "]");
	if (out)
		out->broken |= broken;
}

static void add_traps(struct text *text, struct input *input, struct fuzz_rules *out)
{
	unsigned count = take(input) % 3;

	add(text, ", \"trap\": [");
	for (unsigned i = 0; i < count; i++) {
		unsigned bar = take(input) % 6, offset = (unsigned)take_number(input, 2);
		unsigned length = take(input) % 32 * 0x100u + 1;

		add(text, "%s{\"bar\": %u, \"offset\": \"0x%x\", \"length\": %u}", i ? ", " : "", bar, offset,
		    length);
		if (!out)
			continue;
		out->traps[out->trap_count].bar = bar;
		out->traps[out->trap_count].offset = offset;
		out->traps[out->trap_count++].length = length;
	}
	add(text, "]");
}

/* One rule; what it says is noted in `out` if it names the device. */
static void add_rule(struct text *text, struct input *input, struct fuzz_rules *all, unsigned keys)
{
	uint8_t which = take(input);
	unsigned what = (take(input) | (which & 64u) << 2) & keys;
	struct fuzz_rules *out = devices[which & 7].matches ? all : NULL, none = {.strict = false};

	add(text, "{\"match\": {%s}", devices[which & 7].text);
	if (what & 1)
		add_ids(text, "deny_capabilities", input, out ? out->caps : NULL, 0x16);
	if (what & 2)
		add_ids(text, "deny_extended_capabilities", input, out ? out->extended : NULL, 0x32);
	if (what & 4)
		add_resets(text, input, out);
	if (what & 8)
		add_traps(text, input, out);
	add(text, ", \"close_vendor_registers\": [%s%s%s]", what & 16 ? "\"1e98\"" : "",
	    (what & 48) == 48 ? ", " : "", what & 32 ? "\"1b36\"" : "");
	add(text, ", \"strict_config\": %s, \"forbid_intx\": %s, \"deny_rom\": %s}",
	    what & 256 ? "true" : "false", what & 64 ? "true" : "false", what & 128 ? "true" : "false");
	out = out ? out : &none;
	out->closes_cxl |= what & 16;
	out->closes_own |= what & 32;
	out->strict |= what & 256;
	out->forbid_intx |= what & 64;
	out->deny_rom |= what & 128;
}

static void clean(void)
{
	rules_clean(NULL);
}

const char *fuzz_rules_make(struct fuzz_rules *out, struct input *input, unsigned keys)
{
	static bool made;
	unsigned count = take(input) % 4;
	struct text text = {.used = 0};

	memset(out, 0, sizeof(*out));
	if (!count)
		return NULL;
	add(&text, "[");
	for (unsigned i = 0; i < count; i++) {
		add(&text, "%s", i ? ", " : "");
		add_rule(&text, input, out, keys);
	}
	add(&text, "]");
	if (!made)
		atexit(clean);
	made = true;
	return rules_dir(text.bytes);
}
