/* SPDX-License-Identifier: MIT */
/* The console of this computer: graphics, serial ports, the network, keyboards. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/host/uses/ways.h"

struct hypervisor {
	struct lend_survey *survey;
	const char *dir;
	const char *kernel; /* "hvc0" */
};

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

/* A console of virtio has no link to its device, and a device may have several ports, or none of these. */
static int add_virtio(void *opaque, const char *name)
{
	struct hypervisor *of = opaque;
	struct device *device = survey_owner(of->survey, of->dir, name);
	char dir[PATH_MAX], driver[32];

	if (device && !sysfs_path(dir, "%s/%s", of->dir, name) &&
	    !look_link(of->survey, dir, "driver", driver, sizeof(driver)) &&
	    !strcmp(driver, "virtio_console"))
		survey_use(of->survey, device, LEND_USE_CONSOLE,
			   "the console of this computer may be on it (%.16s)", of->kernel);
	return 0;
}

static void add_hypervisor(struct lend_survey *survey, const char *kernel)
{
	char dir[PATH_MAX];
	struct hypervisor of = {survey, dir, kernel};

	if (!sysfs_path(dir, "%s/bus/virtio/devices", context_sysfs(survey->context)))
		look_each(survey, dir, add_virtio, &of);
}

static void add_serial(struct lend_survey *survey, const char *what, const char *kernel)
{
	struct device *device = *kernel ? device_of(survey, kernel) : NULL;

	if (device)
		survey_use(survey, device, LEND_USE_CONSOLE, "%s is on its /dev/%s", what, kernel);
	else if (!strncmp(kernel, "hvc", 3))
		add_hypervisor(survey, kernel);
}

static void find_serial(struct lend_survey *survey)
{
	const char *sys = context_sysfs(survey->context);
	char active[256], *rest = active, *word;

	/* "tty0 ttyS4": all consoles that the kernel prints to. */
	if (look_read(survey, sys, "class/tty/console/active", active, sizeof(active)) > 0)
		while ((word = strsep(&rest, " \n")))
			add_serial(survey, "the console of this computer", word);
	/* "ttyS4,115200" */
	if (look_read(survey, sys, "module/kgdboc/parameters/kgdboc", active, sizeof(active)) > 0) {
		active[strcspn(active, ",")] = '\0';
		add_serial(survey, "the debugger of the kernel", active);
	}
}

static struct device *add_netconsole(struct lend_survey *survey, const char *name)
{
	struct interface *interface = interface_named(survey, name);

	if (!interface)
		return NULL;
	survey_use(survey, interface->device, LEND_USE_CONSOLE,
		   "the messages of the kernel go out through %s (netconsole)", interface->name);
	return interface->device;
}

/* A target of netconsole in configfs. Only newer kernels list those of the parameter there, too. */
static int find_target(void *opaque, const char *target)
{
	struct lend_survey *survey = opaque;
	char dir[PATH_MAX], enabled[8], name[32];
	struct device *device;

	if (!strncmp(target, "cmdline", strlen("cmdline")) ||
	    sysfs_path(dir, "%s/kernel/config/netconsole/%s", context_sysfs(survey->context), target) ||
	    look_read(survey, dir, "enabled", enabled, sizeof(enabled)) <= 0 || enabled[0] != '1' ||
	    look_read(survey, dir, "dev_name", name, sizeof(name)) <= 0)
		return 0;
	device = add_netconsole(survey, name);
	if (device && survey_is_plain(target))
		survey_command(device, "sh -c 'echo 0 >/sys/kernel/config/netconsole/%s/enabled'", target);
	return 0;
}

/* The parameter "netconsole=+4444@10.0.0.1/eth1,9353@10.0.0.2/12:34:56:78:9a:bc", if the module is loaded. */
static void find_netconsole(struct lend_survey *survey)
{
	static const char is[] = "netconsole=";
	const char *sys = context_sysfs(survey->context);
	char dir[PATH_MAX], *parameters, *rest, *word;

	if (!sysfs_path(dir, "%s/kernel/config/netconsole", sys))
		look_each(survey, dir, find_target, survey);
	if (sysfs_path(dir, "%s/module/netconsole", sys) || !look_exists(survey, dir))
		return;
	parameters = rest = look_load(survey, context_proc(survey->context), "cmdline");
	while ((word = strsep(&rest, " \n"))) {
		char *name = strncmp(word, is, strlen(is)) ? NULL : strchr(word, '/');

		if (!name)
			continue;
		name[1 + strcspn(name + 1, ",")] = '\0';
		add_netconsole(survey, name + 1);
	}
	free(parameters);
}

/* A line "X: Name=value" of one input device; `value` ends where the line does. */
static bool is_line(char *line, const char *name, char **value)
{
	if (strncmp(line, name, strlen(name)) != 0)
		return false;
	*value = line + strlen(name);
	return true;
}

/* The device that a keyboard is connected to; NULL: no PCI device, as with a laptop's own. */
struct keyboard {
	struct device *device;
	char name[88];
};

struct keyboards {
	struct keyboard *rows;
	size_t count;
};

/* A whole keyboard has the handler "sysrq"; a mouse, or a switch with a key, does not. */
static void read_keyboards(struct lend_survey *survey, struct keyboards *out)
{
	char *text = look_load(survey, context_proc(survey->context), "bus/input/devices"), *rest = text;
	char *line, *name = NULL, *path = NULL, *handlers;
	struct keyboard *keyboard;
	struct lend_bdf owner;

	while ((line = strsep(&rest, "\n"))) {
		if (!*line)
			name = path = NULL;
		if (is_line(line, "N: Name=", &name) || is_line(line, "S: Sysfs=", &path) ||
		    !is_line(line, "H: Handlers=", &handlers) || !strstr(handlers, "sysrq"))
			continue;
		keyboard = survey_row(survey, &out->rows, &out->count, sizeof(*out->rows));
		if (!keyboard)
			break;
		keyboard->device = path && sysfs_owner(path, &owner) ? survey_device(survey, &owner) : NULL;
		snprintf(keyboard->name, sizeof(keyboard->name), "%.80s", name ? name : "");
	}
	free(text);
}

/* If there is a keyboard elsewhere, those of this controller are no use of it. */
static void find_keyboards(struct lend_survey *survey)
{
	struct keyboards all = {0};
	size_t same = 0;

	read_keyboards(survey, &all);
	while (same < all.count && all.rows[same].device == all.rows[0].device)
		same++;
	if (all.count && same == all.count && all.rows[0].device)
		survey_use(survey, all.rows[0].device, LEND_USE_KEYBOARD,
			   "the keyboard %s of this computer is connected to it", all.rows[0].name);
	free(all.rows);
}

void survey_console(struct lend_survey *survey)
{
	find_graphics(survey);
	find_serial(survey);
	find_netconsole(survey);
	find_keyboards(survey);
	survey_early(survey);
}
