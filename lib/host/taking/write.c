/* SPDX-License-Identifier: MIT */
/* Accesses that may never end (write.h). */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/host/taking/write.h"

/* From the helper: errno of the access, and what it read. */
struct answer {
	int code;
	char text[128];
};

/*
 * Runs in the helper, and returns its status. It makes only calls that are safe after a
 * fork of a process with several threads. It closes all our descriptors: a helper that is
 * left behind would otherwise hold locks, and pipes whose end somebody waits for.
 */
static int help(const char *path, const char *text, int to, pid_t parent)
{
	struct answer answer = {0};
	ssize_t done;
	int fd;

	signal(SIGPIPE, SIG_IGN);
	/*
	 * An order that nobody waits for any more must not reach the kernel after the
	 * orders that clean up.
	 */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		return 1;
	setsid();
	dup2(to, STDIN_FILENO);
	if (close_range(STDOUT_FILENO, ~0u, 0))
		for (int i = STDOUT_FILENO; i < 1024; i++)
			close(i);
	fd = open(path, (text ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
	if (fd < 0) {
		answer.code = errno;
	} else {
		done = text ? write(fd, text, strlen(text)) : read(fd, answer.text, sizeof(answer.text) - 1);
		answer.code = done < 0 ? errno : 0;
	}
	return write(STDIN_FILENO, &answer, sizeof(answer)) < 0;
}

static bool await(int fd, unsigned limit_ms)
{
	struct pollfd answered = {.fd = fd, .events = POLLIN};
	int64_t until = (int64_t)clock_ms() + limit_ms, left;

	do {
		int ret;

		left = until - (int64_t)clock_ms();
		ret = poll(&answered, 1, left > 0 ? (int)left : 0);
		if (ret >= 0 || errno != EINTR)
			return ret > 0;
	} while (left > 0);
	return false;
}

static void *bury(void *opaque)
{
	pid_t helper = (pid_t)(intptr_t)opaque;

	while (waitpid(helper, NULL, 0) < 0 && errno == EINTR)
		;
	return NULL;
}

/*
 * A helper that waits in the kernel ends only when the kernel returns. A thread waits
 * for that end, so that no zombie stays behind; it blocks all signals. The helper is
 * killed all the same: if it waits for something else than a driver, it must not give
 * its order later.
 */
static void leave_behind(pid_t helper)
{
	sigset_t all, before;
	pthread_t thread;

	kill(helper, SIGKILL);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (!pthread_create(&thread, NULL, bury, (void *)(intptr_t)helper))
		pthread_detach(thread);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static int ask_helper(const char *path, const char *text, struct answer *out, unsigned limit_ms)
{
	int ends[2], ret = -ETIMEDOUT;
	pid_t parent = getpid(), helper;

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	helper = fork();
	if (helper < 0) {
		ret = -errno;
	} else if (!helper) {
		/*
		 * This ends the helper, and never the caller. No thread can do the helper's work: a
		 * process does not end while one of its threads waits in the kernel.
		 */
		_exit(help(path, text, ends[1], parent));
	} else {
		close(ends[1]);
		ends[1] = -1;
		if (await(ends[0], limit_ms))
			ret = read(ends[0], out, sizeof(*out)) == sizeof(*out) ? -out->code : -EIO;
		if (ret == -ETIMEDOUT)
			leave_behind(helper);
		else
			bury((void *)(intptr_t)helper);
	}
	close(ends[0]);
	if (ends[1] >= 0)
		close(ends[1]);
	return ret;
}

int host_write(struct lend_context *context, const char *path, const char *text, unsigned limit_ms)
{
	const struct context_kernel *kernel = context_kernel(context);
	struct answer answer;

	if (kernel->write)
		return kernel->write(kernel->opaque, path, text, limit_ms);
	return ask_helper(path, text, &answer, limit_ms);
}

static int fresh_path(char out[PATH_MAX], const char *path)
{
	return sysfs_path(out, "%s.new", path);
}

int host_stage(const char *path, const char *text)
{
	ssize_t length = (ssize_t)strlen(text);
	char fresh[PATH_MAX];
	int fd, ret = fresh_path(fresh, path);

	if (ret)
		return ret;
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return -errno;
	/* A short write sets none. */
	errno = ENOSPC;
	if (write(fd, text, (size_t)length) != length || fsync(fd))
		ret = -errno;
	close(fd);
	if (ret)
		unlink(fresh);
	return ret;
}

int host_commit(const char *path)
{
	char fresh[PATH_MAX];
	int ret = fresh_path(fresh, path);

	if (!ret && rename(fresh, path)) {
		ret = -errno;
		unlink(fresh);
	}
	return ret;
}

void host_discard(const char *path)
{
	char fresh[PATH_MAX];

	if (!fresh_path(fresh, path))
		unlink(fresh);
}

int host_replace(const char *path, const char *text)
{
	int ret = host_stage(path, text);

	return ret ? ret : host_commit(path);
}

int host_own(struct lend_context *context, const char *path, uid_t owner)
{
	const struct context_kernel *kernel = context_kernel(context);

	if (kernel->own)
		return kernel->own(kernel->opaque, path, owner);
	return chown(path, owner, (gid_t)-1) ? -errno : 0;
}

int host_read(const char *dir, const char *name, char *out, size_t size, unsigned limit_ms)
{
	struct answer answer;
	char path[PATH_MAX];
	int ret;

	ret = sysfs_path(path, "%s/%s", dir, name);
	if (!ret)
		ret = ask_helper(path, NULL, &answer, limit_ms);
	if (ret)
		return ret;
	answer.text[strcspn(answer.text, "\n")] = '\0';
	if (strlen(answer.text) >= size)
		return -ENAMETOOLONG;
	strcpy(out, answer.text);
	return (int)strlen(out);
}
