/* SPDX-License-Identifier: MIT */
/*
 * Text that is like an address and is none: without its function ("01:00"), with fewer
 * digits ("1:0.0"), or as other programs write it ("pci_0000_01_00_0", "PCI:1:0:0"). None of
 * them is taken for an address, since a slip of the finger is like them too; but what
 * may be meant is named.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/error.h"
#include "lib/host/survey/slot.h"
#include "lib/host/survey/survey.h"

enum { NUMBERS = 4, DIGITS = 8, ANY = -1 };

struct numbers {
	long value[NUMBERS];
	unsigned digits[NUMBERS], count;
	char last; /* what stands before the last of them */
};

/* Numbers with one of ":._" between them; perhaps "." or ".*" at the end, for all functions. */
static bool read_numbers(const char *text, int base, struct numbers *out)
{
	*out = (struct numbers){0};
	for (;;) {
		char *end;

		if (!isxdigit((unsigned char)*text) || out->count == NUMBERS)
			return false;
		out->value[out->count] = strtol(text, &end, base);
		out->digits[out->count] = (unsigned)(end - text);
		if (end == text || out->digits[out->count++] > DIGITS)
			return false;
		if (!*end || !strcmp(end, ".") || !strcmp(end, ".*"))
			return true;
		if (!strchr(":._", *end))
			return false;
		out->last = *end;
		text = end + 1;
	}
}

/* Which number is what. */
static bool read_slot(const char *text, struct slot *out)
{
	bool nodedev = !strncasecmp(text, "pci_", 4), xorg = !strncasecmp(text, "pci:", 4);
	struct numbers numbers;
	unsigned at = 0;

	if (!nodedev && !strchr(text, ':'))
		return false;
	if (!read_numbers(text + (nodedev || xorg ? 4 : 0), xorg ? 10 : 16, &numbers) || numbers.count < 2)
		return false;
	*out = (struct slot){.domain = ANY, .function = ANY};
	if (numbers.count == 4 || (numbers.count == 3 && numbers.digits[0] > 2 && numbers.last != '.'))
		out->domain = numbers.value[at++];
	out->bus = numbers.value[at++];
	out->device = numbers.value[at++];
	if (at < numbers.count)
		out->function = numbers.value[at++];
	return at == numbers.count && out->bus <= 0xff && out->device <= 0x1f && out->function <= 7;
}

bool slot_parse(const char *text, struct slot *out)
{
	struct slot slot;

	return read_slot(text, out ? out : &slot);
}

static bool is_at(const struct lend_bdf *bdf, const struct slot *slot)
{
	return bdf->bus == slot->bus && bdf->device == slot->device &&
	       (slot->domain == ANY || bdf->domain == slot->domain) &&
	       (slot->function == ANY || bdf->function == slot->function);
}

int slot_say(const struct lend_survey *survey, const char *name, const struct slot *slot,
	     struct lend_error *error)
{
	char list[200] = "";
	size_t used = 0;
	unsigned count = 0, listed = 0;

	for (size_t i = 0; i < survey->device_count; i++) {
		const struct lend_host_device *is = &survey->devices[i].seen.is;

		if (!is_at(&is->bdf, slot))
			continue;
		count++;
		if (used + strlen(is->name) + 2 >= sizeof(list))
			continue;
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", used ? ", " : "",
					 is->name);
		listed++;
	}
	if (!count)
		return error_say(
			error, -ENODEV,
			"'%.100s' is no whole address, like 0000:05:00.0, and nothing is there that it "
			"could be; lend ls lists the devices that there are",
			name);
	if (count == 1)
		return error_say(error, -EINVAL, "'%.100s' is no whole address; write %s, if that is meant",
				 name, list);
	return error_say(error, -ENOTUNIQ,
			 "'%.100s' is no whole address; there are %s%s: name each that is meant", name, list,
			 listed < count ? ", and more" : "");
}
