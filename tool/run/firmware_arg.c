/* SPDX-License-Identifier: MIT */
/* The values of -firmware, -name, -boot, -rtc and -fw-cfg, and which of them go with what. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tool/run/firmware_arg.h"
#include "tool/run/foreign.h"
#include "tool/tool.h"

/* What stands behind "name=" in a part; NULL: the part is another one. */
static const char *value_of(const char *part, const char *name)
{
	size_t length = strlen(name);

	return !strncmp(part, name, length) && part[length] == '=' ? part + length + 1 : NULL;
}

static int copy_path(char out[RUN_PATH_MAX], const char *name, const char *value, struct lend_error *error)
{
	if (!*value)
		return tool_fail(error, -EINVAL, "-firmware: %s is empty; give a file", name);
	if (strlen(value) >= RUN_PATH_MAX)
		return tool_fail(error, -EINVAL, "-firmware: the path of %s has more than %d bytes", name,
				 RUN_PATH_MAX - 1);
	strcpy(out, value);
	return 0;
}

static int firmware_part(struct run_firmware *firmware, const char *part, struct lend_error *error)
{
	const char *vars = value_of(part, "vars"), *template = value_of(part, "vars-template");
	const char *sync = value_of(part, "vars-sync");

	if (template)
		return copy_path(firmware->template, "vars-template=", template, error);
	if (sync && !value_switch(sync, &firmware->vars_sync))
		return 0;
	if (!vars)
		return tool_fail(error, -EINVAL,
				 "-firmware: '%.60s' is not known; it is -firmware CODE[,vars=FILE]"
				 "[,vars-template=FILE][,vars-sync=on|off], and a comma in a path is "
				 "written twice",
				 part);
	firmware->no_vars = !strcmp(vars, "none");
	return copy_path(firmware->vars, "vars=", vars, error);
}

int firmware_parse(struct run_options *options, const char *value, struct lend_error *error)
{
	char *copy = strdup(value), *rest = copy;
	struct run_firmware *firmware = &options->firmware;
	int ret;

	if (!copy)
		return tool_fail(error, -ENOMEM, "not enough memory to read -firmware");
	firmware->vars[0] = firmware->template[0] = '\0';
	firmware->no_vars = firmware->vars_sync = false;
	ret = copy_path(firmware->code, "the image", value_next(&rest), error);
	while (!ret && rest)
		ret = firmware_part(firmware, value_next(&rest), error);
	if (!ret && firmware->no_vars && (firmware->template[0] || firmware->vars_sync))
		ret = tool_fail(error, -EINVAL,
				"-firmware: with vars=none there are no variables; leave %s out",
				firmware->template[0] ? "vars-template=" : "vars-sync=");
	free(copy);
	return ret;
}

int name_parse(struct run_options *options, const char *value, struct lend_error *error)
{
	static const struct foreign same = {.same = "debug-threads=on debug-threads=off"};
	size_t length = strcspn(value, ",");
	const char *guest = value_of(value, "guest");

	if (guest) {
		length -= (size_t)(guest - value);
		value = guest;
	}
	if (length < RUN_NAME_MAX)
		snprintf(options->name, sizeof(options->name), "%.*s", (int)length, value);
	if (length >= RUN_NAME_MAX || !value_is_name(options->name) ||
	    (value[length] && !foreign_is_same(&same, value + length + 1)))
		return tool_fail(
			error, -EINVAL,
			"-name %.100s is no name of a machine; give 1 to %d letters, digits, and - _ "
			". + @ after the first",
			value, RUN_NAME_MAX - 1);
	return 0;
}

/* Without firmware nothing asks for an order, a menu, a clock, or a file. */
#define ONLY_WITH " is for a machine with -firmware; leave it out"

int boot_parse(struct run_options *options, const char *value, struct lend_error *error)
{
	const char *rest = value, *menu;
	char part[VALUE_PART];

	options->firmware.boot = true;
	for (;; rest++) {
		rest = value_part(rest, part);
		menu = rest ? value_of(part, "menu") : NULL;
		if (!menu && rest && !strcmp(part, "strict=on")) /* the order is never a mere hint */
			menu = options->firmware.menu ? "on" : "off";
		if (!menu || value_switch(menu, &options->firmware.menu))
			return tool_fail(error, -EINVAL,
					 "-boot %.100s is not known: it is menu=on or menu=off; the order of "
					 "devices is bootindex=N of each -device, -disk and -net",
					 value);
		if (!*rest)
			return 0;
	}
}

/* "2026-11-28" or "2026-11-28T14:00:00", UTC. Each field has its width, and the date exists. */
static int take_datetime(const char *text, int64_t *out)
{
	struct tm tm = {0}, given;
	int day_end = 0, end = 0;
	time_t at;

	if (sscanf(text, "%4d-%2d-%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &day_end) != 3 ||
	    day_end != 10)
		return -EINVAL;
	if (text[day_end] &&
	    (sscanf(text + day_end, "T%2d:%2d:%2d%n", &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &end) != 3 ||
	     end != 9 || text[day_end + end]))
		return -EINVAL;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	given = tm;
	at = timegm(&tm);
	*out = at;
	return at >= 0 && tm.tm_mon == given.tm_mon && tm.tm_mday == given.tm_mday &&
			       tm.tm_hour == given.tm_hour && tm.tm_min == given.tm_min &&
			       tm.tm_sec == given.tm_sec
		       ? 0
		       : -EINVAL;
}

static int take_base(struct run_firmware *firmware, const char *base)
{
	firmware->rtc_base = !strcmp(base, "utc") ? RTC_UTC : !strcmp(base, "localtime") ? RTC_LOCAL : RTC_AT;
	return firmware->rtc_base == RTC_AT ? take_datetime(base, &firmware->rtc_at) : 0;
}

int rtc_parse(struct run_options *options, const char *value, struct lend_error *error)
{
	static const struct foreign same = {.same = "clock=host driftfix=none driftfix=slew"};
	const char *rest = value, *base;
	char part[VALUE_PART];

	options->firmware.rtc = true;
	for (;; rest++) {
		rest = value_part(rest, part);
		base = rest ? value_of(part, "base") : NULL;
		if (!rest || (base ? take_base(&options->firmware, base) : !foreign_is_same(&same, part)))
			return tool_fail(error, -EINVAL,
					 "-rtc %.100s is not known: it is base=utc, base=localtime or a time "
					 "in UTC, like base=2026-11-28T14:00:00",
					 value);
		if (!*rest)
			return 0;
	}
}

static int check_fw_name(const struct run_firmware *firmware, const char *name, struct lend_error *error)
{
	static const char prefix[] = "opt/";

	if (strncmp(name, prefix, sizeof(prefix) - 1) || !name[sizeof(prefix) - 1])
		return tool_fail(
			error, -EINVAL,
			"-fw-cfg: the name %.60s does not begin with opt/; all others are lend's own", name);
	for (unsigned i = 0; i < firmware->file_count; i++)
		if (!strcmp(firmware->files[i].name, name))
			return tool_fail(error, -EINVAL, "-fw-cfg: %s is given twice; give it once", name);
	return 0;
}

int fw_cfg_parse(struct run_options *options, const char *value, struct lend_error *error)
{
	struct run_firmware *firmware = &options->firmware;
	struct run_fw_file *file = &firmware->files[firmware->file_count];
	const char *name = value_of(value, "name");
	const char *rest = strchr(value, ','), *string, *path;
	size_t length;
	int ret;

	name = name ? name : value;
	string = rest ? value_of(rest + 1, "string") : NULL;
	path = rest ? value_of(rest + 1, "file") : NULL;
	length = rest ? (size_t)(rest - name) : 0;
	if (!string && (!path || !*path))
		return tool_fail(error, -EINVAL,
				 "-fw-cfg %.100s is not known: it is name=opt/NAME,string=TEXT or "
				 "name=opt/NAME,file=PATH",
				 value);
	if (firmware->file_count == RUN_FW_FILES_MAX)
		return tool_fail(error, -EINVAL, "-fw-cfg is given more than %d times", RUN_FW_FILES_MAX);
	if (length >= sizeof(file->name))
		return tool_fail(error, -EINVAL, "-fw-cfg: the name %.60s has more than %zu bytes", name,
				 sizeof(file->name) - 1);
	snprintf(file->name, sizeof(file->name), "%.*s", (int)length, name);
	ret = check_fw_name(firmware, file->name, error);
	file->string = string;
	file->path = path;
	firmware->file_count += !ret;
	return ret;
}

/* The first device of the machine that has this index, too. */
static const struct run_device *same_index(const struct run_options *options, unsigned device)
{
	for (unsigned i = 0; i < device; i++)
		if (options->devices[device].boot_index >= 0 &&
		    options->devices[i].boot_index == options->devices[device].boot_index)
			return &options->devices[i];
	return NULL;
}

static const char *name_of_device(const struct run_device *device)
{
	return device->served.count ? device->served.name
	       : device->user       ? device->socket
	       : device->host[0]    ? device->host
	       : device->name[0]    ? device->name
				    : "a device of a descriptor";
}

static int agree_on_order(const struct run_options *options, struct lend_error *error)
{
	for (unsigned i = 0; i < options->device_count; i++) {
		const struct run_device *device = &options->devices[i], *other = same_index(options, i);

		if (device->boot_index >= 0 && !options->firmware.code[0])
			return tool_fail(
				error, -EINVAL,
				"bootindex=%d: the guest is started from its kernel, without an order "
				"of devices; leave it out, or give -firmware instead of -kernel",
				device->boot_index);
		if (other)
			return tool_fail(
				error, -EINVAL,
				"bootindex=%d is given to %s and to %s; give each a number of its own",
				device->boot_index, name_of_device(other), name_of_device(device));
	}
	return 0;
}

int firmware_agree(const struct run_options *options, struct lend_error *error)
{
	const struct run_firmware *firmware = &options->firmware;
	const char *direct = options->kernel    ? "-kernel"
			     : options->initrd  ? "-initrd"
			     : *options->append ? "-append"
						: NULL;

	if (firmware->code[0] && direct)
		return tool_fail(error, -EINVAL,
				 "%s and -firmware exclude each other: firmware starts what is on a device; "
				 "leave one of them out",
				 direct);
	if (!firmware->code[0] && !options->kernel)
		return tool_fail(
			error, -EINVAL,
			"the guest's kernel is missing; give it with -kernel FILE, or -firmware uefi "
			"for what is installed on a device");
	if (!firmware->code[0] && firmware->boot)
		return tool_fail(error, -EINVAL, "-boot" ONLY_WITH);
	if (!firmware->code[0] && firmware->rtc)
		return tool_fail(error, -EINVAL,
				 "-rtc" ONLY_WITH ": a guest that is started from its kernel has no CMOS "
				 "clock, it reads the time, in UTC, from KVM's own");
	if (!firmware->code[0] && firmware->file_count)
		return tool_fail(error, -EINVAL, "-fw-cfg" ONLY_WITH);
	return agree_on_order(options, error);
}
