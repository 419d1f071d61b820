/* SPDX-License-Identifier: MIT */
/* What lend bind, unbind, vf and run share; see take.h. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tool/take.h"

enum { LIMIT_MS = 60000 };

/*
 * Runs a command to its end, or kills it after `limit_ms` and says so: a module
 * whose start hangs must not keep the user waiting. Its status as waitpid()
 * gives it, -1: it did not start, or not end.
 */
static int run_command(char *const *line, int limit_ms)
{
	struct pollfd ended = {.events = POLLIN};
	extern char **environ;
	int status = -1, ready = 1;
	pid_t child;

	if (posix_spawnp(&child, line[0], NULL, NULL, line, environ))
		return -1;
	ended.fd = pidfd_open(child, 0);
	if (ended.fd >= 0) {
		ready = poll(&ended, 1, limit_ms);
		close(ended.fd);
	}
	if (!ready) {
		tool_say("%s does not end after %d s; going on without it", line[0], limit_ms / 1000);
		kill(child, SIGKILL);
		return -1; /* not waited for: what waits in the kernel does not even end by this */
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

void take_load_driver(void)
{
	char *const line[] = {(char *)"modprobe", (char *)"-q", (char *)"vfio-pci", NULL};

	/* A driver that is built in or loaded has this folder. If modprobe fails, lend_bind() says what is
	 * missing. */
	if (getenv("LEND_ROOT") || !access("/sys/bus/pci/drivers/vfio-pci", F_OK))
		return;
	run_command(line, LIMIT_MS);
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

	if (getenv("LEND_ROOT"))
		return TOOL_OK;
	/* Without systemd, or without the unit, the user has to arrange it. */
	if (access("/run/systemd/system", F_OK) || run_command(line, LIMIT_MS))
		tool_say(
			"the rule is written; see that 'lend bind --boot' runs at boot, as lend-bind.service "
			"does");
	return TOOL_OK;
}
