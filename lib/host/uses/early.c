/* SPDX-License-Identifier: MIT */
/*
 * Ports, of USB controllers and of PCI, that the kernel prints to or is debugged by, and that
 * are no console.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/host/uses/ways.h"

/* The debug capability of a USB controller is a serial port of the kernel (xHCI 1.2, 7.6). */
static void find_debug_port(struct lend_survey *survey, struct device *device)
{
	char dir[PATH_MAX], state[32];

	if (strcmp(device->seen.is.driver, "xhci_hcd") != 0 ||
	    sysfs_path(dir, "%s/bus/pci/devices/%s", context_sysfs(survey->context), device->seen.is.name) ||
	    look_read(survey, dir, "dbc", state, sizeof(state)) <= 0 || !strcmp(state, "disabled"))
		return;
	survey_use(survey, device, LEND_USE_CONSOLE, "its debug port is on (dbc: %s)", state);
	survey_command(device, "sh -c 'echo disable >/sys/bus/pci/devices/%s/dbc'", device->seen.is.name);
}

/* "earlyprintk=pciserial,force,00:18.0,115200,keep": without "keep" it ends when a console begins. */
static void find_early(struct lend_survey *survey, char *word)
{
	static const char is[] = "earlyprintk=pciserial,";
	struct device *device;
	struct lend_bdf bdf;
	char *part;

	if (strncmp(word, is, strlen(is)) != 0 || !strstr(word, "keep"))
		return;
	word += strlen(is);
	while ((part = strsep(&word, ","))) {
		device = lend_bdf_parse(part, &bdf) ? NULL : survey_device(survey, &bdf);
		if (device)
			survey_use(survey, device, LEND_USE_CONSOLE,
				   "the messages of the kernel go to it (earlyprintk)");
	}
}

void survey_early(struct lend_survey *survey)
{
	char *text = look_load(survey, context_proc(survey->context), "cmdline"), *rest = text, *word;

	while ((word = strsep(&rest, " \n")))
		find_early(survey, word);
	free(text);
	for (size_t i = 0; i < survey->device_count; i++)
		find_debug_port(survey, &survey->devices[i]);
}
