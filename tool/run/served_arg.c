/* SPDX-License-Identifier: MIT */
/*
 * -disk and -net: devices whose servers are started beside the machine. Each is a
 * device vfio-user-pci with the command line of its server.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/run/device_arg.h"
#include "tool/run/served_arg.h"
#include "tool/tool.h"

enum { RECONNECT_S = 3600 };

/* Adds a word to the server's command line. */
static int add(struct run_device *device, const char *word)
{
	struct run_served *served = &device->served;
	size_t length = strlen(word);

	if (served->used + length + 1 > sizeof(served->words) || served->count == SERVED_WORDS_MAX)
		return -ENAMETOOLONG;
	memcpy(served->words + served->used, word, length);
	served->words[served->used + length] = '\0';
	served->used += length + 1;
	served->count++;
	return 0;
}

static int new_device(struct run_options *options, const char *option, const char *kind,
		      struct run_device **out, struct lend_error *error)
{
	struct run_device *device = &options->devices[options->device_count];

	if (options->device_count == VMM_DEVICES_MAX)
		return tool_fail(error, -EINVAL,
				 "-%s: more than %d devices are given; a machine has room for no more",
				 option, VMM_DEVICES_MAX);
	*device = (struct run_device){.user = true, .reconnect_s = RECONNECT_S};
	device_defaults(device);
	snprintf(device->served.option, sizeof(device->served.option), "-%s", option);
	*out = device;
	return add(device, kind);
}

static int set_disk(struct run_device *device, const char *part, struct lend_error *error)
{
	static const char readonly[] = "readonly=", format[] = "format=";
	bool on;

	if (!strcmp(part, "readonly"))
		return add(device, "--readonly");
	if (!strncmp(part, readonly, sizeof(readonly) - 1)) {
		if (value_switch(part + sizeof(readonly) - 1, &on))
			return tool_fail(error, -EINVAL, "-disk: readonly= is on or off");
		return on ? add(device, "--readonly") : 0;
	}
	if (!strcmp(part, "format=raw"))
		return 0;
	if (!strncmp(part, format, sizeof(format) - 1))
		return tool_fail(error, -EINVAL,
				 "-disk: %.60s is not known; an image is raw: qemu-img convert -O raw makes "
				 "one of another format",
				 part);
	return tool_fail(error, -EINVAL, "-disk: '%.60s' is not known; it is -disk IMAGE[,readonly=on]",
			 part);
}

static int read_disk(struct run_device *device, char *rest, struct lend_error *error)
{
	static const char *const names[] = {"file=", "path="};
	const char *image = device_part(&rest);
	int ret = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strncmp(image, names[i], strlen(names[i])))
			image += strlen(names[i]);
	if (!*image || add(device, image))
		return tool_fail(error, -EINVAL, "-disk: %s; give -disk IMAGE[,readonly=on]",
				 *image ? "the image's path is too long" : "it names no image");
	while (!ret && rest)
		ret = set_disk(device, device_part(&rest), error);
	return ret;
}

static int set_net(struct run_device *device, const char *part, bool *has_end, struct lend_error *error)
{
	static const struct {
		const char *name, *option;
		bool is_end;
	} rows[] = {{"tap=", "--tap", true},
		    {"ifname=", "--tap", true},
		    {"fd=", "--fd-tap", true},
		    {"mac=", "--mac", false}};

	if (!strcmp(part, "user")) {
		*has_end = true;
		return add(device, "--user");
	}
	if (!strcmp(part, "tap"))
		return 0;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		size_t length = strlen(rows[i].name);
		int ret;

		if (strncmp(part, rows[i].name, length) || !part[length])
			continue;
		*has_end |= rows[i].is_end;
		ret = add(device, rows[i].option);
		return ret ? ret : add(device, part + length);
	}
	return tool_fail(
		error, -EINVAL,
		"-net: '%.60s' is not known; it is -net user or -net tap=NAME, and ,mac=ADDRESS after it",
		part);
}

static int read_net(struct run_device *device, char *rest, struct lend_error *error)
{
	bool has_end = false;
	int ret = 0;

	while (!ret && rest)
		ret = set_net(device, device_part(&rest), &has_end, error);
	if (!ret && !has_end)
		return tool_fail(error, -EINVAL,
				 "-net: it names no tap; give -net tap=NAME, or -net user for a network "
				 "without privileges");
	return ret;
}

static int parse_served(struct run_options *options, const char *option, const char *kind, const char *value,
			int (*read)(struct run_device *device, char *rest, struct lend_error *error),
			struct lend_error *error)
{
	struct run_device *device = NULL;
	char *copy;
	int ret = new_device(options, option, kind, &device, error);

	if (ret)
		return ret;
	copy = strdup(value);
	if (!copy)
		return tool_fail(error, -ENOMEM, "not enough memory to read -%s", option);
	ret = read(device, copy, error);
	free(copy);
	options->device_count += !ret;
	return ret;
}

int disk_parse(struct run_options *options, const char *value, struct lend_error *error)
{
	return parse_served(options, "disk", "nvme", value, read_disk, error);
}

/* -net none is what a machine without -net has. */
int net_parse(struct run_options *options, const char *value, struct lend_error *error)
{
	return strcmp(value, "none") ? parse_served(options, "net", "net", value, read_net, error) : 0;
}
