/* SPDX-License-Identifier: MIT */
/* lend bind --boot at boot: a unit of systemd, installed with lend. */
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tool/take.h"

int take_enable_boot(void)
{
	char *const line[] = {(char *)"systemctl", (char *)"-q", (char *)"enable",
			      (char *)"lend-bind.service", NULL};
	extern char **environ;
	int status = -1;
	pid_t child;

	if (getenv("LEND_ROOT"))
		return TOOL_OK;
	/* Without systemd, or without the unit, it is for the user to call it. */
	if (!access("/run/systemd/system", F_OK) && !posix_spawnp(&child, line[0], NULL, NULL, line, environ))
		waitpid(child, &status, 0);
	if (status)
		tool_say(
			"the rule is written; see that 'lend bind --boot' runs at boot, as lend-bind.service "
			"does");
	return TOOL_OK;
}
