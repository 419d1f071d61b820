/* SPDX-License-Identifier: MIT */
/* Making the machine process; see spawn.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "tool/run/spawn.h"

static int compare(const void *a, const void *b)
{
	const int *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* For kernels without close_range, before 5.9, and filters that refuse it. */
static void close_listed(unsigned first, unsigned last)
{
	DIR *listed = opendir("/proc/self/fd");
	const struct dirent *entry;

	/* Without procfs each number is closed in turn. */
	if (!listed) {
		long end = sysconf(_SC_OPEN_MAX);

		for (unsigned fd = first; fd <= last && (long)fd < end; fd++)
			close((int)fd);
		return;
	}
	while ((entry = readdir(listed))) {
		char *end;
		unsigned long fd = strtoul(entry->d_name, &end, 10);

		if (end != entry->d_name && !*end && fd >= first && fd <= last && (int)fd != dirfd(listed))
			close((int)fd);
	}
	closedir(listed);
}

static void close_from_to(unsigned first, unsigned last)
{
	if (first <= last && close_range(first, last, 0))
		close_listed(first, last);
}

/* Once there is room for one more descriptor. Who cannot give up the user's terminal does not go on with it.
 */
static void replace_standard(const int *keep, size_t count)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		bool wanted = false;

		for (size_t i = 0; i < count; i++)
			wanted |= keep[i] == fd;
		if (!wanted && dup2(null, fd) < 0)
			_exit(EXIT_FAILURE);
	}
	if (null > STDERR_FILENO)
		close(null);
}

void spawn_close_others(const int *keep, size_t count)
{
	unsigned next = STDERR_FILENO + 1;
	int sorted[SPAWN_KEEP_MAX];
	size_t kept = 0;

	for (size_t i = 0; i < count && kept < SPAWN_KEEP_MAX; i++)
		if (keep[i] > STDERR_FILENO)
			sorted[kept++] = keep[i];
	/* static: nothing is sorted where nothing was kept */
	qsort(sorted, kept, sizeof(*sorted), compare);
	for (size_t i = 0; i < kept; i++) {
		close_from_to(next, (unsigned)sorted[i] - 1);
		next = (unsigned)sorted[i] + 1;
	}
	close_from_to(next, UINT_MAX);
	replace_standard(keep, count);
}

static void ignore_terminal_signals(void)
{
	static const int signals[] = {SIGINT, SIGQUIT, SIGHUP, SIGTSTP, SIGTTIN, SIGTTOU, SIGPIPE};

	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		signal(signals[i], SIG_IGN);
}

pid_t spawn(int (*main)(void *opaque), void *opaque, const int *keep, size_t count)
{
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid)
		return pid;
	setsid();
	ignore_terminal_signals();
	spawn_close_others(keep, count);
	_exit(main(opaque));
}
