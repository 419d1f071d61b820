/* SPDX-License-Identifier: MIT */
/* See asked.h. */
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "tool/asked.h"

/* By number where nothing knows a name; chown takes both. NULL: root. */
static const char *user_name(void)
{
	static char number[16]; /* the same for the whole process */
	const struct passwd *user;

	if (!geteuid())
		return NULL;
	user = getpwuid(geteuid());
	if (user)
		return user->pw_name;
	snprintf(number, sizeof(number), "%u", geteuid());
	return number;
}

struct lend_check_options asked_of(const struct run_options *machine)
{
	return (struct lend_check_options){
		.size = sizeof(struct lend_check_options),
		.memory = machine->memory,
		.huge_page = machine->huge_page,
		.has_node = machine->has_node,
		.node = machine->node,
		.processors = machine->cpus,
		.pin = machine->pin,
		.pin_count = machine->pin_count,
		.user = user_name(),
		.device_alone = machine->device_alone,
	};
}
