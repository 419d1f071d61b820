/* SPDX-License-Identifier: MIT */
/* lend ls as a table: a line each, and with -v what is known below it. */
#include <stdio.h>
#include <string.h>

#include "tool/clean.h"
#include "tool/ls.h"

/* Widths of the columns, from what is in them. */
struct widths {
	int address, word, driver, group;
};

static int most(int a, size_t b)
{
	return a > (int)b ? a : (int)b;
}

static void group_text(const struct lend_survey_device *device, char out[16])
{
	if (device->is.group < 0)
		strcpy(out, "-");
	else
		snprintf(out, 16, "%d", device->is.group);
}

static struct widths measure(const struct ls *ls)
{
	struct widths widths = {7, 5, 6, 5};
	char group[16];

	for (size_t i = 0; i < ls->count; i++) {
		const struct lend_survey_device *device = ls->devices[i];

		group_text(device, group);
		widths.address = most(widths.address, strlen(device->is.name));
		widths.word = most(widths.word, strlen(device->word));
		widths.driver = most(widths.driver, strlen(device->is.driver));
		widths.group = most(widths.group, strlen(group));
	}
	return widths;
}

void ls_line(const struct ls *ls, const char *line)
{
	unsigned shown = 0;
	bool escape = false;

	for (const char *at = line; *at; at++) {
		if (*at == '\033')
			escape = true;
		/* The second to fourth byte of a character of UTF-8 take no column. */
		if (!escape && (*at & 0xc0) != 0x80 && ls->width && ++shown > ls->width)
			continue;
		if (!escape && ls->width && shown > ls->width)
			continue;
		putchar(*at);
		if (escape && *at == 'm')
			escape = false;
	}
	putchar('\n');
}

void ls_siblings(const struct lend_survey *survey, const struct lend_survey_device *device, char *out,
		 size_t size)
{
	const struct lend_survey_device *other;
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; device->is.group >= 0 && (other = lend_survey_at(survey, i)); i++)
		if (other != device && other->is.group == device->is.group && used < size)
			used += (size_t)snprintf(out + used, size - used, "%s%s", used ? " " : "",
						 other->is.name);
}

LEND_PRINTF(3, 4) static void detail(const struct ls *ls, const char *name, const char *format, ...)
{
	char text[600], line[640];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	clean_text(text);
	snprintf(line, sizeof(line), "    %-9s %s", name, text);
	ls_line(ls, line);
}

/* What it is, the word for its kind, and what ends it. */
static void use(const struct ls *ls, const struct lend_use *use)
{
	detail(ls, "in use", "%s", use->text);
	if (use->cure[0])
		detail(ls, "", "%s, ended by: %s", lend_use_name(use->kind), use->cure);
	else
		detail(ls, "", "%s", lend_use_name(use->kind));
}

static void details(const struct ls *ls, const struct lend_survey_device *device)
{
	char siblings[400];

	detail(ls, "id", "%04x:%04x (subsystem %04x:%04x, revision %02x)", device->is.vendor,
	       device->is.device, device->subsystem_vendor, device->subsystem_device, device->revision);
	detail(ls, "path", "%s", device->path);
	if (device->serial[0] || device->dsn[0])
		detail(ls, "serial", "%s", device->serial[0] ? device->serial : device->dsn);
	ls_siblings(ls->survey, device, siblings, sizeof(siblings));
	if (siblings[0])
		detail(ls, "group", "%d, with %s", device->is.group, siblings);
	if (device->is.numa_node >= 0)
		detail(ls, "NUMA node", "%d", device->is.numa_node);
	if (!device->is.is_bridge)
		detail(ls, "reset", "%s",
		       device->is.reset_methods[0] ? device->is.reset_methods : "no way known");
	if (device->vfs_max)
		detail(ls, "SR-IOV", "%u of %u virtual functions", device->vfs, device->vfs_max);
	if (device->physfn[0])
		detail(ls, "SR-IOV", "a virtual function of %s", device->physfn);
	if (device->interfaces[0])
		detail(ls, "is", "%s", device->interfaces);
	for (size_t i = 0; i < device->use_count; i++)
		use(ls, &device->uses[i]);
	if (device->why[0] &&
	    (!device->use_count || device->state == LEND_STATE_BLOCKED || device->state == LEND_STATE_DEAD))
		detail(ls, "why", "%s", device->why);
}

/* What "bindable" stands on: a use that was not looked for is not seen. */
static void looked_at(const struct ls *ls)
{
	struct lend_way way;
	char line[320];

	ls_line(ls, "");
	ls_line(ls, "A device without \"in use\" is not in use as far as can be told. Looked at:");
	for (size_t i = 0; lend_survey_way(ls->survey, i, &way); i++) {
		snprintf(line, sizeof(line), "    %-11s %s", way.name, way.looks_at);
		ls_line(ls, line);
	}
}

/* That is said with and without -v: such a device is not known to be free. */
static void not_looked_at(const struct ls *ls)
{
	const char *unseen;
	char line[320];

	for (size_t i = 0; (unseen = lend_survey_unseen(ls->survey, i)); i++) {
		if (!i)
			ls_line(ls, "");
		snprintf(line, sizeof(line), "not looked at: %s", unseen);
		clean_text(line);
		ls_line(ls, line);
	}
}

void ls_table(const struct ls *ls)
{
	struct widths w = measure(ls);
	char line[512], name[240], group[16], driver[64], interfaces[96];

	snprintf(line, sizeof(line), "%-*s  %-*s  %-*s  %*s  %s", w.address, "ADDRESS", w.word, "STATE",
		 w.driver, "DRIVER", w.group, "GROUP", "DEVICE");
	ls_line(ls, line);
	for (size_t i = 0; i < ls->count; i++) {
		const struct lend_survey_device *device = ls->devices[i];

		names_device(ls->names, device, name, sizeof(name));
		group_text(device, group);
		clean_copy(driver, sizeof(driver), device->is.driver[0] ? device->is.driver : "-");
		clean_copy(interfaces, sizeof(interfaces), device->interfaces);
		snprintf(line, sizeof(line), "%-*s  %s%-*s%s  %-*s  %*s  %s%s%s%s", w.address,
			 device->is.name, show_colour(device, ls->colours), w.word, device->word,
			 show_plain(ls->colours), w.driver, driver, w.group, group, name,
			 interfaces[0] ? " [" : "", interfaces, interfaces[0] ? "]" : "");
		ls_line(ls, line);
		if (ls->verbose)
			details(ls, device);
	}
	if (ls->verbose)
		looked_at(ls);
	not_looked_at(ls);
}
