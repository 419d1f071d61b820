/* SPDX-License-Identifier: MIT */
/*
 * Adapters by which this computer serves disks to others: ports of Fibre Channel and of RDMA.
 * A target is listed by the name of its port, and that name tells the adapter.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/host/uses/ways.h"

enum { DIGITS = 16 };

struct walk {
	struct lend_survey *survey;
	const char *dir; /* the folder of this level */
	const struct fabric *fabric;
	struct device *device;
	const char *port;
	char wanted[DIGITS + 1];
};

/* The first, or the last, 16 digits of a name: "naa.21:00:00:24:ff:31:4c:48", "fe80::0002:c903:000e:8acd". */
static bool read_digits(const char *name, bool last, char out[DIGITS + 1])
{
	size_t count = 0;

	if (!strncmp(name, "naa.", 4))
		name += 4;
	if (!strncmp(name, "0x", 2))
		name += 2;
	for (; *name; name++) {
		if (*name == ':')
			continue;
		if (!isxdigit((unsigned char)*name))
			break;
		if (count == DIGITS && !last)
			break;
		if (count == DIGITS)
			memmove(out, out + 1, --count);
		out[count++] = *name;
	}
	out[count] = '\0';
	return count == DIGITS;
}

static struct device *fibre_adapter(struct walk *walk)
{
	struct lend_bdf bdf;

	return fibre_port(walk->survey, walk->wanted, &bdf) ? survey_device(walk->survey, &bdf) : NULL;
}

/* The first GID of a port ends in the port's own number. */
static int look_at_port(void *opaque, const char *name)
{
	struct walk *walk = opaque;
	char dir[PATH_MAX], gid[64], digits[DIGITS + 1];

	return !sysfs_path(dir, "%s/%s", walk->dir, name) &&
	       look_read(walk->survey, dir, "gids/0", gid, sizeof(gid)) > 0 &&
	       read_digits(gid, true, digits) && !strcasecmp(digits, walk->wanted);
}

static int look_at_rdma(void *opaque, const char *name)
{
	struct walk *walk = opaque;
	char dir[PATH_MAX];
	struct walk below = {.survey = walk->survey, .dir = dir};

	strcpy(below.wanted, walk->wanted);
	if (!sysfs_path(dir, "%s/%s/ports", walk->dir, name) &&
	    look_each(walk->survey, dir, look_at_port, &below) > 0)
		walk->device = survey_owner(walk->survey, walk->dir, name);
	return walk->device != NULL;
}

static struct device *rdma_adapter(struct walk *walk)
{
	char dir[PATH_MAX];
	struct walk list = {.survey = walk->survey, .dir = dir};

	strcpy(list.wanted, walk->wanted);
	if (!sysfs_path(dir, "%s/class/infiniband", context_sysfs(walk->survey->context)))
		look_each(walk->survey, dir, look_at_rdma, &list);
	return list.device;
}

/* The kinds of ports of LIO that are a device of their own. Those of iSCSI are addresses of an interface. */
static const struct fabric {
	const char *folder, *what;
	bool last; /* which digits of the name are the port */
	struct device *(*adapter)(struct walk *walk);
} fabrics[] = {
	{"qla2xxx", "Fibre Channel", false, fibre_adapter},
	{"qla2xxx_npiv", "Fibre Channel", false, fibre_adapter},
	{"efct", "Fibre Channel", false, fibre_adapter},
	{"fc", "Fibre Channel", false, fibre_adapter},
	{"srpt", "RDMA", true, rdma_adapter},
};

static int find_group(void *opaque, const char *group)
{
	struct walk *walk = opaque;
	char dir[PATH_MAX], enabled[8];

	if (strncmp(group, "tpgt_", 5) != 0 || sysfs_path(dir, "%s/%s", walk->dir, group) ||
	    look_read(walk->survey, dir, "enable", enabled, sizeof(enabled)) <= 0 || enabled[0] != '1')
		return 0;
	survey_use(walk->survey, walk->device, LEND_USE_TARGET, "its port %.60s of %s serves disks to others",
		   walk->port, walk->fabric->what);
	if (survey_is_plain(walk->port))
		survey_command(walk->device, "sh -c 'echo 0 >/sys/kernel/config/target/%s/%s/%s/enable'",
			       walk->fabric->folder, walk->port, group);
	return 0;
}

static int find_port(void *opaque, const char *port)
{
	struct walk *walk = opaque;
	char dir[PATH_MAX];

	if (!read_digits(port, walk->fabric->last, walk->wanted) || sysfs_path(dir, "%s/%s", walk->dir, port))
		return 0;
	walk->device = walk->fabric->adapter(walk);
	if (walk->device)
		look_each(walk->survey, dir, find_group,
			  &(struct walk){.survey = walk->survey,
					 .dir = dir,
					 .fabric = walk->fabric,
					 .device = walk->device,
					 .port = port});
	return 0;
}

static int add_subsystem(void *opaque, const char *subsystem)
{
	struct walk *walk = opaque;
	char path[PATH_MAX];

	survey_use(walk->survey, walk->device, LEND_USE_TARGET,
		   "its port of Fibre Channel serves the NVMe target %.80s", subsystem);
	if (!sysfs_path(path, "/sys/kernel/config/nvmet/ports/%s/subsystems/%s", walk->port, subsystem))
		survey_cure(walk->device, "rm", path);
	return 0;
}

/* "nn-0x20000090fa942779:pn-0x10000090fa942779"; those of other transports are addresses of an interface. */
static int find_nvme(void *opaque, const char *port)
{
	static const char is[] = "pn-";
	struct walk *walk = opaque;
	char dir[PATH_MAX], transport[16], address[128], *found;

	if (sysfs_path(dir, "%s/%s", walk->dir, port) ||
	    look_read(walk->survey, dir, "addr_trtype", transport, sizeof(transport)) <= 0 ||
	    strcmp(transport, "fc") != 0 ||
	    look_read(walk->survey, dir, "addr_traddr", address, sizeof(address)) <= 0)
		return 0;
	found = strstr(address, is);
	if (!found || !read_digits(found + strlen(is), false, walk->wanted))
		return 0;
	walk->device = fibre_adapter(walk);
	walk->port = port;
	if (walk->device && !sysfs_path(dir, "%s/%s/subsystems", walk->dir, port))
		look_each(walk->survey, dir, add_subsystem, walk);
	return 0;
}

void survey_ports(struct lend_survey *survey)
{
	const char *sys = context_sysfs(survey->context);
	char dir[PATH_MAX];
	struct walk walk = {.survey = survey, .dir = dir};

	for (size_t i = 0; i < sizeof(fabrics) / sizeof(*fabrics); i++) {
		walk.fabric = &fabrics[i];
		if (!sysfs_path(dir, "%s/kernel/config/target/%s", sys, fabrics[i].folder))
			look_each(survey, dir, find_port, &walk);
	}
	if (!sysfs_path(dir, "%s/kernel/config/nvmet/ports", sys))
		look_each(survey, dir, find_nvme, &walk);
}
