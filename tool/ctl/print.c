/* SPDX-License-Identifier: MIT */
/* What a machine answers, for a person. Its text is cleaned: it may be another user's machine. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tool/clean.h"
#include "tool/ctl/ctl.h"

static void print_clean(const char *text)
{
	char line[512];

	clean_copy(line, sizeof(line), text);
	fputs(line, stdout);
}

void ctl_print_json(const json_t *value)
{
	json_dumpf(value, stdout, JSON_ENSURE_ASCII | JSON_COMPACT);
	putchar('\n');
}

const char *ctl_text(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

static unsigned number_of(const json_t *object, const char *name)
{
	return (unsigned)json_integer_value(json_object_get(object, name));
}

/* Devices that were given to the guest have a name, or an address on the host; the others are the machine's.
 */
static void print_device(const json_t *device)
{
	const json_t *id = json_object_get(device, "id");
	const char *name = ctl_text(device, "qdev_id"), *host = ctl_text(device, "x-host");
	char clean[2][64];

	if (!*name && !*host)
		return;
	clean_copy(clean[0], sizeof(clean[0]), *name ? name : "-");
	clean_copy(clean[1], sizeof(clean[1]), *host ? host : "-");
	printf("%-20s %-20s %02x:%02x.%x  %04x:%04x  ", clean[0], clean[1], number_of(device, "bus"),
	       number_of(device, "slot"), number_of(device, "function"), number_of(id, "vendor"),
	       number_of(id, "device"));
	print_clean(ctl_text(json_object_get(device, "class_info"), "desc"));
	putchar('\n');
}

/* Bus 0 has no bridge above it, and 255 numbers are there: what is nested deeper repeats itself. */
static void print_devices(const json_t *devices, unsigned depth)
{
	size_t i;
	json_t *device;

	json_array_foreach(devices, i, device)
	{
		print_device(device);
		if (depth < 256)
			print_devices(json_object_get(json_object_get(device, "pci_bridge"), "devices"),
				      depth + 1);
	}
}

void ctl_print_devices(const json_t *buses)
{
	size_t i;
	json_t *bus;

	printf("%-20s %-20s %-9s%s\n", "ID", "HOST", "GUEST", "DEVICE");
	json_array_foreach(buses, i, bus) print_devices(json_object_get(bus, "devices"), 0);
}

void ctl_print_lines(const json_t *lines)
{
	size_t i;
	json_t *line;

	json_array_foreach(lines, i, line)
	{
		print_clean(json_string_value(line) ? json_string_value(line) : "");
		putchar('\n');
	}
}

static void print_value(const char *key, const json_t *value)
{
	char *text = json_is_string(value)
			     ? NULL
			     : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_ENSURE_ASCII);

	putchar(' ');
	print_clean(key);
	putchar('=');
	print_clean(text ? text : json_is_string(value) ? json_string_value(value) : "");
	free(text);
}

void ctl_print_event(const char *name, const json_t *event)
{
	const json_t *stamp = json_object_get(event, "timestamp");
	time_t seconds = (time_t)json_integer_value(json_object_get(stamp, "seconds"));
	char clock[16] = "";
	const char *key;
	json_t *value;
	struct tm parts;

	if (localtime_r(&seconds, &parts))
		strftime(clock, sizeof(clock), "%H:%M:%S", &parts);
	printf("%s.%06u ", clock, number_of(stamp, "microseconds") % 1000000);
	print_clean(name);
	json_object_foreach(json_object_get(event, "data"), key, value) print_value(key, value);
	putchar('\n');
}
