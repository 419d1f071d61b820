/* SPDX-License-Identifier: MIT */
/* What lend bind, unbind, vf and run share; see take.h. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tool/clean.h"
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
	char text[sizeof(struct lend_error)];

	(void)opaque;
	clean_copy(text, sizeof(text), line);
	printf("%s\n", text);
	fflush(stdout);
}

bool take_absent(const struct lend_survey *survey, const char *name, struct lend_survey_device *out)
{
	const struct lend_survey_device *found;

	memset(out, 0, sizeof(*out));
	out->size = sizeof(*out);
	return !strncmp(name, "pci", 3) &&
	       (size_t)snprintf(out->path, sizeof(out->path), "%s", name) < sizeof(out->path) &&
	       lend_survey_resolve(survey, name, &found, NULL);
}

/* A unit of systemd, installed with lend; enabled in the file system where systemd does not run. */
int take_enable_boot(void)
{
	bool runs = !access("/run/systemd/system", F_OK);
	char *const online[] = {(char *)"systemctl", (char *)"-q", (char *)"enable",
				(char *)"lend-bind.service", NULL};
	char *const offline[] = {(char *)"systemctl",         (char *)"-q",
				 (char *)"--root=/",          (char *)"enable",
				 (char *)"lend-bind.service", NULL};
	int status;

	if (getenv("LEND_ROOT"))
		return TOOL_OK;
	status = run_command(runs ? online : offline, LIMIT_MS);
	if (status < 0)
		tool_say(
			"the rule is written; there is no systemctl here that makes it hold: have 'lend bind "
			"--boot' run at each boot, when the drivers are loaded");
	else if (status)
		tool_say("the rule is written, but nothing follows it at boot: install lend-bind.service, "
			 "and systemctl %senable lend-bind.service",
			 runs ? "" : "--root=/ ");
	return TOOL_OK;
}
