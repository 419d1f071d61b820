/* SPDX-License-Identifier: MIT */
/* What the console of this computer is on: graphics, serial ports, keyboards. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/host/uses/ways.h"

static struct device *device_of(struct lend_survey *survey, const char *kernel)
{
	for (size_t i = 0; i < survey->node_count; i++) {
		const struct node *node = &survey->nodes[i];

		if (node->has_owner && !node->is_block && !strcmp(node->kernel, kernel))
			return survey_device(survey, &node->owner);
	}
	return NULL;
}

static void find_graphics(struct lend_survey *survey)
{
	struct device *frames = device_of(survey, "fb0");

	for (size_t i = 0; i < survey->device_count; i++) {
		struct device *device = &survey->devices[i];

		if (lend_host_is_vfio(device->seen.is.driver))
			continue;
		if (device->seen.boot_vga)
			survey_use(survey, device, LEND_USE_CONSOLE, "the console of this computer is on it");
		else if (device == frames)
			survey_use(survey, device, LEND_USE_CONSOLE,
				   "the console of this computer is on its /dev/fb0");
	}
}

/* "tty0 ttyS4": all that the kernel prints to. */
static void find_serial(struct lend_survey *survey)
{
	char active[256], *rest = active, *word;

	if (sysfs_read(context_sysfs(survey->context), "class/tty/console/active", active, sizeof(active)) <=
	    0)
		return;
	while ((word = strsep(&rest, " \n"))) {
		struct device *device = *word ? device_of(survey, word) : NULL;

		if (device)
			survey_use(survey, device, LEND_USE_CONSOLE,
				   "the console of this computer is on its /dev/%s", word);
	}
}

/* A line "X: Name=value" of one input device; `value` ends where the line does. */
static bool is_line(char *line, const char *name, char **value)
{
	if (strncmp(line, name, strlen(name)) != 0)
		return false;
	*value = line + strlen(name);
	return true;
}

/* Whole keyboards have the handler "sysrq"; mice and switches with a key do not. */
static void find_keyboards(struct lend_survey *survey)
{
	char *text = sysfs_load(context_proc(survey->context), "bus/input/devices", NULL), *rest = text;
	char *line, *name = NULL, *path = NULL, *handlers;
	struct lend_bdf owner;
	struct device *device;

	while ((line = strsep(&rest, "\n"))) {
		if (!*line)
			name = path = NULL;
		if (is_line(line, "N: Name=", &name) || is_line(line, "S: Sysfs=", &path) ||
		    !is_line(line, "H: Handlers=", &handlers) || !path || !strstr(handlers, "sysrq") ||
		    !sysfs_owner(path, &owner))
			continue;
		device = survey_device(survey, &owner);
		if (device)
			survey_use(survey, device, LEND_USE_KEYBOARD,
				   "the keyboard %.80s of this computer is connected to it",
				   name ? name : "");
	}
	free(text);
}

void survey_console(struct lend_survey *survey)
{
	find_graphics(survey);
	find_serial(survey);
	find_keyboards(survey);
}
