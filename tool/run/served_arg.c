/* SPDX-License-Identifier: MIT */
/*
 * -disk and -net: devices whose servers are started beside the machine. Each is a
 * device vfio-user-pci with the command line of its server.
 */
#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/run/device_arg.h"
#include "tool/run/served_arg.h"
#include "tool/serve/net/mac.h"
#include "tool/tool.h"

enum { RECONNECT_S = 3600 };

/* Adds a word to the server's command line. */
static int add(struct run_device *device, const char *word)
{
	struct run_served *served = &device->served;
	size_t length = strlen(word);

	/* static: a function that makes a sentence returns the error it was given, never 0 */
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
	*out = device;
	return add(device, kind);
}

/* The part that both have. True: it is that one, and `ret` says whether it is right. */
static bool take_bootindex(struct run_device *device, const char *option, const char *part, int *ret,
			   struct lend_error *error)
{
	static const char name[] = "bootindex=";
	unsigned index;

	if (strncmp(part, name, sizeof(name) - 1))
		return false;
	*ret = value_number(part + sizeof(name) - 1, 0, INT_MAX, &index);
	if (*ret)
		tool_fail(error, -EINVAL, "-%s: %.60s is not a number from 0", option, part);
	else
		/* static: a function that makes a sentence returns the error it was given, never 0 */
		device->boot_index = (int)index;
	return true;
}

/* What of a disk has been said. */
struct disk_said {
	bool readonly, raw;
};

static int set_disk(const char *part, struct disk_said *said, struct lend_error *error)
{
	static const char readonly[] = "readonly=", format[] = "format=";

	if (!strcmp(part, "readonly")) {
		said->readonly = true;
		return 0;
	}
	if (!strncmp(part, readonly, sizeof(readonly) - 1))
		return value_switch(part + sizeof(readonly) - 1, &said->readonly)
			       ? tool_fail(error, -EINVAL, "-disk: readonly= is on or off")
			       : 0;
	if (!strcmp(part, "format=raw")) {
		said->raw = true;
		return 0;
	}
	if (!strncmp(part, format, sizeof(format) - 1))
		return tool_fail(error, -EINVAL,
				 "-disk: %.60s is not known; an image is raw: qemu-img convert -O raw makes "
				 "one of another format",
				 part);
	return tool_fail(error, -EINVAL,
			 "-disk: '%.60s' is not known; it is -disk IMAGE[,readonly=on], and a comma in the "
			 "image's path is written twice",
			 part);
}

/* What the device is called, by the end of the image's path. */
static void name_disk(struct run_device *device, const char *image)
{
	static const char option[] = "-disk ";
	size_t room = sizeof(device->served.name) - sizeof(option), length = strlen(image);

	snprintf(device->served.name, sizeof(device->served.name), "%s%s", option,
		 length > room ? image + length - room : image);
}

/* For its server's command line a name that begins with a dash is an option. */
static int add_image(struct run_device *device, const char *image)
{
	char path[sizeof(device->served.words)];

	if (*image != '-')
		return add(device, image);
	return (size_t)snprintf(path, sizeof(path), "./%s", image) < sizeof(path) ? add(device, path)
										  : -ENAMETOOLONG;
}

static int read_disk(struct run_device *device, char *rest, struct lend_error *error)
{
	static const char *const names[] = {"file=", "path="};
	const char *image = value_next(&rest);
	struct disk_said said = {0};
	int ret;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strncmp(image, names[i], strlen(names[i])))
			image += strlen(names[i]);
	if (!*image)
		return tool_fail(error, -EINVAL, "-disk: it names no image; give -disk IMAGE[,readonly=on]");
	name_disk(device, image);
	ret = add_image(device, image);
	while (!ret && rest) {
		const char *part = value_next(&rest);

		if (!take_bootindex(device, "disk", part, &ret, error))
			ret = set_disk(part, &said, error);
	}
	if (!ret && said.readonly)
		ret = add(device, "--readonly");
	return ret || !said.raw ? ret : add(device, "--format=raw");
}

/* Checks of what stands behind "=". The server has them, too, but says them of its own options. */

static int check_tap(const char *value, struct lend_error *error)
{
	return strlen(value) < IFNAMSIZ ? 0
					: tool_fail(error, -EINVAL,
						    "-net: tap=%.60s: the name of an interface has at most "
						    "%d characters",
						    value, IFNAMSIZ - 1);
}

static int check_fd(const char *value, struct lend_error *error)
{
	unsigned fd;

	return value_number(value, 0, INT_MAX, &fd)
		       ? tool_fail(error, -EINVAL,
				   "-net: fd=%.60s is no number of a descriptor; give that of an open tap",
				   value)
		       : 0;
}

static int check_mac(const char *value, struct lend_error *error)
{
	uint8_t mac[6];
	const char *wrong = value_mac(value, mac);

	return wrong ? tool_fail(error, -EINVAL, "-net: mac=%.60s %s", value, wrong) : 0;
}

static int check_user(const char *value, struct lend_error *error)
{
	return *value ? tool_fail(error, -EINVAL, "-net: user has no value; leave out '=%.60s'", value) : 0;
}

/* The words of a part, the option of the server, and whether that says where frames go. */
static const struct net_part {
	const char *name, *option;
	bool is_end, has_value;
	int (*check)(const char *value, struct lend_error *error);
} net_parts[] = {
	{"user", "--user", true, false, check_user}, {"tap", "--tap", true, true, check_tap},
	{"ifname", "--tap", true, true, check_tap},  {"fd", "--fd-tap", true, true, check_fd},
	{"mac", "--mac", false, true, check_mac},
};

/* What of a card has been said. */
struct net_said {
	bool end, mac;
};

static int add_part(struct run_device *device, const struct net_part *part, const char *value,
		    struct net_said *said, struct lend_error *error)
{
	bool *twice = part->is_end ? &said->end : &said->mac;
	int ret = part->check(value, error);

	if (ret)
		return ret;
	if (*twice)
		return tool_fail(error, -EINVAL, "-net: %s",
				 part->is_end ? "its frames go to one place; give user, tap= or fd=, and "
						"another -net for another card"
					      : "mac= is given twice; a card has one address");
	*twice = true;
	ret = add(device, part->option);
	return ret || !part->has_value ? ret : add(device, value);
}

static int set_net(struct run_device *device, const char *part, struct net_said *said,
		   struct lend_error *error)
{
	size_t length = strcspn(part, "=");
	const char *value = part[length] ? part + length + 1 : "";

	/* "tap,ifname=NAME" */
	if (!strcmp(part, "tap"))
		return 0;
	for (size_t i = 0; i < sizeof(net_parts) / sizeof(*net_parts); i++)
		if (strlen(net_parts[i].name) == length && !strncmp(part, net_parts[i].name, length) &&
		    (*value || !net_parts[i].has_value))
			return add_part(device, &net_parts[i], value, said, error);
	return tool_fail(
		error, -EINVAL,
		"-net: '%.60s' is not known; it is -net user or -net tap=NAME, and ,mac=ADDRESS after it",
		part);
}

static int read_net(struct run_device *device, char *rest, struct lend_error *error)
{
	struct net_said said = {0};
	int ret = 0;

	device->served.keeps = true;
	snprintf(device->served.name, sizeof(device->served.name), "-net %s", rest);
	while (!ret && rest) {
		const char *part = value_next(&rest);

		if (!take_bootindex(device, "net", part, &ret, error))
			ret = set_net(device, part, &said, error);
	}
	if (!ret && !said.end)
		return tool_fail(error, -EINVAL,
				 "-net: it names no tap; give -net tap=NAME, or -net user for a network "
				 "without privileges");
	return ret;
}

static bool server_has(const struct run_device *device, const char *word)
{
	const char *at = device->served.words;

	for (unsigned i = 0; i < device->served.count; i++, at += strlen(at) + 1)
		if (!strcmp(at, word))
			return true;
	return false;
}

/* A tap has a name of its own, which its card's address comes from. Cards of passt are numbered. */
static int number_card(struct run_options *options, struct run_device *device)
{
	uint8_t mac[NET_MAC];
	char text[3 * NET_MAC];
	unsigned before = 0;
	int ret;

	for (unsigned i = 0; i < options->device_count; i++)
		before += server_has(&options->devices[i], "--user");
	if (!before || !server_has(device, "--user") || server_has(device, "--mac"))
		return 0;
	net_mac_make(NET_USER_NAME, before, mac);
	snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
		 mac[5]);
	ret = add(device, "--mac");
	return ret ? ret : add(device, text);
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
	if (ret == -ENAMETOOLONG)
		ret = tool_fail(error, -EINVAL, "-%s: '%.40s...' is too long", option, value);
	free(copy);
	ret = ret ? ret : number_card(options, device);
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
