/* SPDX-License-Identifier: MIT */
/* What lend bind, unbind, vf and run share; see take.h. */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tool/take.h"

void take_load_driver(void)
{
	char *const line[] = {(char *)"modprobe", (char *)"-q", (char *)"vfio-pci", NULL};
	extern char **environ;
	pid_t child;

	/* Built in, or loaded, it is there; where modprobe cannot help, lend_bind() says what is missing. */
	if (getenv("LEND_ROOT") || !access("/sys/bus/pci/drivers/vfio-pci", F_OK))
		return;
	if (!posix_spawnp(&child, "modprobe", NULL, NULL, line, environ))
		waitpid(child, NULL, 0);
}

void take_note(void *opaque, const char *line)
{
	(void)opaque;
	printf("%s\n", line);
	fflush(stdout);
}

/* A unit of systemd, installed with lend. */
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
