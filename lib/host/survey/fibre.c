/* SPDX-License-Identifier: MIT */
/* Ports of Fibre Channel, and what the kernel made of them elsewhere in sysfs. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/host/survey/survey.h"

struct walk {
	struct lend_survey *survey;
	const char *dir; /* ".../class/fc_host" */
	char port[24];   /* "0x10000090fa942779" */
	struct lend_bdf *out;
};

static int look_at(void *opaque, const char *host)
{
	struct walk *walk = opaque;
	char dir[PATH_MAX], target[PATH_MAX], port[24];

	return !sysfs_path(dir, "%s/%s", walk->dir, host) &&
	       look_read(walk->survey, dir, "port_name", port, sizeof(port)) > 0 &&
	       !strcasecmp(port, walk->port) && look_target(walk->survey, walk->dir, host, target) > 0 &&
	       sysfs_owner(target, walk->out);
}

bool fibre_port(struct lend_survey *survey, const char *name, struct lend_bdf *out)
{
	char dir[PATH_MAX];
	struct walk walk = {.survey = survey, .dir = dir, .out = out};

	snprintf(walk.port, sizeof(walk.port), "0x%.16s", name);
	return !sysfs_path(dir, "%s/class/fc_host", context_sysfs(survey->context)) &&
	       look_each(survey, dir, look_at, &walk) > 0;
}

/* "traddr=nn-0x...:pn-0x...,host_traddr=nn-0x20000090fa942779:pn-0x10000090fa942779" */
bool fibre_controller(struct lend_survey *survey, const char *dir, struct lend_bdf *out)
{
	static const char host[] = "host_traddr=", port[] = "pn-0x";
	char transport[16], address[256], *found;

	if (look_read(survey, dir, "transport", transport, sizeof(transport)) <= 0 ||
	    strcmp(transport, "fc") != 0 || look_read(survey, dir, "address", address, sizeof(address)) <= 0)
		return false;
	found = strstr(address, host);
	found = found ? strstr(found, port) : NULL;
	return found && fibre_port(survey, found + strlen(port), out);
}
