/* SPDX-License-Identifier: MIT */
/* The values of -sandbox and -user: what the machine gives up before its guest runs. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool/run/options.h"
#include "tool/tool.h"

/* What QEMU's users write behind "on", and what is so here. */
static bool is_said_anyway(const char *word)
{
	static const char *const words[] = {"obsolete=deny", "elevateprivileges=deny", "spawn=deny",
					    "resourcecontrol=deny"};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strcmp(words[i], word))
			return true;
	return false;
}

int sandbox_parse(struct run_options *options, const char *value, struct lend_error *error)
{
	static const char *const modes[] = {
		[RUN_SANDBOX_ON] = "on", [RUN_SANDBOX_LOG] = "log", [RUN_SANDBOX_OFF] = "off"};
	char word[VALUE_PART];
	const char *rest = value_part(value, word);
	unsigned mode = 0;

	while (rest && mode < sizeof(modes) / sizeof(*modes) && strcmp(modes[mode], word))
		mode++;
	if (!rest || mode == sizeof(modes) / sizeof(*modes))
		return tool_fail(error, -EINVAL, "-sandbox %.100s: give on, log or off", value);
	options->sandbox.mode = (enum run_sandbox_mode)mode;
	while (*rest) {
		rest = value_part(rest + 1, word);
		if (!rest || mode != RUN_SANDBOX_ON || !is_said_anyway(word))
			return tool_fail(error, -EINVAL,
					 "-sandbox %.100s: the machine's list of system calls has no parts; "
					 "give on, log or off alone",
					 value);
	}
	return 0;
}

/* "1000" or "1000:1000"; without a group that of the user, if it has a name. */
static int parse_numbers(struct run_sandbox *sandbox, const char *value)
{
	unsigned user, group;
	char first[VALUE_PART];
	size_t length = strcspn(value, ":");
	const struct passwd *entry;

	if (length >= sizeof(first))
		return -EINVAL;
	snprintf(first, sizeof(first), "%.*s", (int)length, value);
	/* The largest number of 32 bits means "no user". */
	if (value_number(first, 0, UINT32_MAX - 1, &user))
		return -EINVAL;
	entry = getpwuid(user);
	group = entry ? entry->pw_gid : user;
	if (value[length] && value_number(value + length + 1, 0, UINT32_MAX - 1, &group))
		return -EINVAL;
	*sandbox = (struct run_sandbox){sandbox->mode, true, user, group};
	return 0;
}

static bool take_user(struct run_sandbox *sandbox, const char *name)
{
	const struct passwd *entry = getpwnam(name);

	if (!entry)
		return false;
	*sandbox = (struct run_sandbox){sandbox->mode, true, entry->pw_uid, entry->pw_gid};
	return true;
}

int user_parse(struct run_options *options, const char *value, struct lend_error *error)
{
	if (geteuid())
		return tool_fail(
			error, -EINVAL,
			"-user %.100s: only root can make the machine another user's; start lend run "
			"as that user, whom lend bind --user lets open the device",
			value);
	if (take_user(&options->sandbox, value) || !parse_numbers(&options->sandbox, value))
		return 0;
	return tool_fail(error, -EINVAL, "-user %.100s: there is no such user; give a name, UID or UID:GID",
			 value);
}

void sandbox_choose_user(struct run_options *options)
{
	if (!options->sandbox.has_user && !geteuid())
		take_user(&options->sandbox, RUN_SANDBOX_USER);
}

const char *sandbox_cost(const struct run_options *options)
{
	switch (options->sandbox.mode) {
	case RUN_SANDBOX_OFF:
		return "-sandbox off: the machine keeps all rights that it was started with, and whoever "
		       "breaks out of it has them";
	case RUN_SANDBOX_LOG:
		return "-sandbox log: a system call that the machine does not need is noted in the kernel's "
		       "log, and done";
	case RUN_SANDBOX_ON:
		break;
	}
	return NULL;
}
