/* SPDX-License-Identifier: MIT */
/* Finding the device that a person means by a name, and comparing it with the one expected. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/error.h"
#include "lib/host/survey/slot.h"
#include "lib/host/survey/survey.h"

/* Parses "8086:10d3" or "8086:10d3/SERIAL"; `*serial` points to the serial number, or is NULL. */
static bool parse_ids(const char *text, uint16_t *vendor, uint16_t *device, const char **serial)
{
	unsigned a, b;

	for (int i = 0; i < 9; i++)
		if (i == 4 ? text[i] != ':' : !isxdigit((unsigned char)text[i]))
			return false;
	if (sscanf(text, "%4x:%4x", &a, &b) != 2 || (text[9] && text[9] != '/'))
		return false;
	*vendor = (uint16_t)a;
	*device = (uint16_t)b;
	*serial = text[9] && text[10] ? text + 10 : NULL;
	return !text[9] || *serial;
}

/* Letters, digits and a few other characters that the kernel takes for interfaces and no address has. */
static bool is_interface_name(const char *text)
{
	size_t length = strlen(text);

	if (!length || length > 15 || !isalpha((unsigned char)text[0]))
		return false;
	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr("-_.", text[i]))
			return false;
	return true;
}

static bool is_slot_path(const char *text)
{
	return !strncmp(text, "pci", 3) && strchr(text, ':') && strchr(text, '/');
}

static bool is_node(const char *text)
{
	return !strncmp(text, "/dev/", 5) && text[5];
}

bool lend_survey_is_name(const char *name)
{
	uint16_t vendor, device;
	const char *serial;
	struct lend_bdf bdf;

	return !lend_bdf_parse(name, &bdf) || is_node(name) || is_slot_path(name) ||
	       parse_ids(name, &vendor, &device, &serial) || slot_parse(name, NULL) ||
	       is_interface_name(name);
}

static bool same_serial(const struct lend_survey_device *device, const char *serial)
{
	return (device->serial[0] && !strcmp(device->serial, serial)) ||
	       (device->dsn[0] && !strcasecmp(device->dsn, serial));
}

/* What a name is looked up by: one of these; the others are empty. */
struct wanted {
	const char *path, *interface, *serial;
	const struct node *node;
	uint16_t vendor, device;
	bool ids;
};

static bool is_wanted(const struct lend_survey_device *device, const struct wanted *wanted)
{
	if (wanted->path)
		return !strcmp(device->path, wanted->path);
	if (wanted->interface)
		return has_word(device->interfaces, wanted->interface);
	if (wanted->ids)
		return device->is.vendor == wanted->vendor && device->is.device == wanted->device &&
		       (!wanted->serial || same_serial(device, wanted->serial));
	return wanted->node && wanted->node->has_owner && !bdf_compare(&wanted->node->owner, &device->is.bdf);
}

static int look_up(const struct lend_survey *survey, const char *name, const struct wanted *wanted,
		   const struct lend_survey_device **out, struct lend_error *error)
{
	char list[300] = "";
	size_t found = 0, used = 0;

	for (size_t i = 0; i < survey->device_count; i++) {
		const struct lend_survey_device *device = &survey->devices[i].seen;

		if (!is_wanted(device, wanted))
			continue;
		*out = device;
		found++;
		if (used < sizeof(list))
			used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s%s%s%s",
						 used ? ", " : "", device->is.name,
						 device->serial[0] ? " (serial " : "", device->serial,
						 device->serial[0] ? ")" : "");
	}
	if (found == 1)
		return 0;
	if (found)
		return error_say(error, -ENOTUNIQ, "'%.100s' may be %zu devices: %s; name one of them", name,
				 found, list);
	return error_say(error, -ENODEV, "no PCI device is '%.100s'; lend ls lists those that there are",
			 name);
}

/* Looks at all rows of a node: a multipath disk has several. */
static int look_up_node(const struct lend_survey *survey, const char *name,
			const struct lend_survey_device **out, struct lend_error *error)
{
	char path[PATH_MAX], real[PATH_MAX];
	const struct lend_survey_device *first = NULL;
	size_t skip = strlen(context_dev(survey->context)) + 1;

	if (sysfs_path(path, "%s/%s", context_dev(survey->context), name + strlen("/dev/")) ||
	    !realpath(path, real))
		return error_say(error, -ENODEV, "%.100s: %s", name, strerror(errno));
	if (strlen(real) <= skip)
		return error_say(error, -ENODEV, "%.100s is no device", name);
	for (size_t i = 0; i < survey->node_count; i++) {
		const struct wanted wanted = {.node = &survey->nodes[i]};
		int ret;

		if (!survey->nodes[i].has_owner || strcmp(survey->nodes[i].name, real + skip) != 0)
			continue;
		ret = look_up(survey, name, &wanted, out, error);
		if (ret)
			return ret;
		if (first && first != *out)
			return error_say(error, -ENOTUNIQ,
					 "%.100s is reached through %s and %s; name one of them", name,
					 first->is.name, (*out)->is.name);
		first = *out;
	}
	return first ? 0
		     : error_say(error, -ENODEV,
				 "%.100s is not of one PCI device; lend ls lists those that there are", name);
}

static int look_up_address(const struct lend_survey *survey, const struct lend_bdf *bdf,
			   const struct lend_survey_device **out, struct lend_error *error)
{
	char name[16];

	lend_bdf_format(bdf, name);
	*out = lend_survey_find(survey, bdf);
	return *out ? 0
		    : error_say(error, -ENODEV,
				"there is no PCI device %s; lend ls lists those that there are", name);
}

int lend_survey_resolve(const struct lend_survey *survey, const char *name,
			const struct lend_survey_device **out, struct lend_error *error)
{
	struct wanted wanted = {0};
	struct lend_bdf bdf;
	struct slot slot;

	if (!lend_bdf_parse(name, &bdf))
		return look_up_address(survey, &bdf, out, error);
	if (is_node(name))
		return look_up_node(survey, name, out, error);
	if (parse_ids(name, &wanted.vendor, &wanted.device, &wanted.serial))
		wanted.ids = true;
	else if (is_slot_path(name))
		wanted.path = name;
	else if (slot_parse(name, &slot))
		return slot_say(survey, name, &slot, error);
	else if (is_interface_name(name))
		wanted.interface = name;
	else
		return error_say(error, -EINVAL,
				 "'%.100s' names no device; write an address like 0000:05:00.0, an interface "
				 "like eth1, a node like /dev/nvme0n1, or VENDOR:DEVICE[/SERIAL]",
				 name);
	return look_up(survey, name, &wanted, out, error);
}

int lend_survey_expect(const struct lend_survey *survey, const struct lend_survey_device *device,
		       const char *expected, struct lend_error *error)
{
	uint16_t vendor, id;
	const char *serial;
	char known[64];

	if (!parse_ids(expected, &vendor, &id, &serial))
		return error_say(error, -EINVAL, "'%.100s' is not VENDOR:DEVICE[/SERIAL], like 8086:10d3",
				 expected);
	if (device->is.vendor != vendor || device->is.device != id)
		return error_say(error, -ESTALE, "%s is %04x:%04x and not %.9s, as expected: another device",
				 device->is.name, device->is.vendor, device->is.device, expected);
	if (!serial || same_serial(device, serial))
		return 0;
	/* A drive that is bound to VFIO does not tell its number. What it told before is compared. */
	host_known_serial(survey->context, device, known);
	if (!known[0] && !device->serial[0] && !device->dsn[0])
		return error_say(error, -ENODATA,
				 "%s: its serial number cannot be told while %s has it; bind it with lend "
				 "bind, which remembers it, or expect VENDOR:DEVICE alone",
				 device->is.name, device->is.driver[0] ? device->is.driver : "no driver");
	if (!strcmp(known, serial))
		return 0;
	return error_say(error, -ESTALE, "%s has the serial number %s and not %.64s, as expected",
			 device->is.name,
			 device->serial[0] ? device->serial
			 : known[0]        ? known
					   : device->dsn,
			 serial);
}
