/* SPDX-License-Identifier: MIT */
/*
 * Raw mode and the guard; see terminal.h.
 *
 * Settings that somebody else made meanwhile are not ours to undo: a shell
 * that took the terminal back has put its own there. So out of the foreground,
 * and in the guard, what was before is restored only over what we set.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tool/run/spawn.h"
#include "tool/run/terminal.h"

void terminal_init(struct terminal *terminal, int fd)
{
	*terminal = (struct terminal){.fd = fd >= 0 && isatty(fd) ? fd : -1, .guard_pipe = -1};
}

bool terminal_is_ours(const struct terminal *terminal)
{
	return terminal->fd >= 0 && tcgetpgrp(terminal->fd) == getpgrp();
}

static bool same_settings(const struct termios *a, const struct termios *b)
{
	return a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag && a->c_cflag == b->c_cflag &&
	       a->c_lflag == b->c_lflag && !memcmp(a->c_cc, b->c_cc, sizeof(a->c_cc));
}

/* From the background too, where SIGTTOU would stop us. */
static void restore(const struct terminal *terminal)
{
	sigset_t ttou, mask;

	sigemptyset(&ttou);
	sigaddset(&ttou, SIGTTOU);
	sigprocmask(SIG_BLOCK, &ttou, &mask);
	tcsetattr(terminal->fd, TCSANOW, &terminal->before);
	sigprocmask(SIG_SETMASK, &mask, NULL);
}

static void restore_unless_changed(const struct terminal *terminal)
{
	struct termios now;

	if (!tcgetattr(terminal->fd, &now) && same_settings(&now, &terminal->during))
		restore(terminal);
}

/*
 * The guard: in a session of its own, so that neither a signal to our process
 * group nor a hang-up takes it along. The pipe ends when its one writer, the
 * keeper, does.
 */
static _Noreturn void guard_main(const struct terminal *terminal, int pipe_end)
{
	const int keep[] = {terminal->fd, pipe_end};
	char byte;

	setsid();
	prctl(PR_SET_NAME, "lend-terminal");
	spawn_close_others(keep, 2);
	while (read(pipe_end, &byte, 1) < 0 && errno == EINTR)
		;
	restore_unless_changed(terminal);
	_exit(0);
}

/* Without a guard the terminal still works: only a kill -9 of this process would leave it raw. */
static void start_guard(struct terminal *terminal)
{
	int ends[2];
	pid_t pid;

	if (terminal->guard || pipe2(ends, O_CLOEXEC))
		return;
	pid = fork();
	if (!pid)
		guard_main(terminal, ends[0]);
	close(ends[0]);
	if (pid < 0) {
		close(ends[1]);
		return;
	}
	terminal->guard = pid;
	terminal->guard_pipe = ends[1];
}

void terminal_enter(struct terminal *terminal)
{
	struct termios raw;

	if (terminal->raw || !terminal_is_ours(terminal) || tcgetattr(terminal->fd, &raw))
		return;
	terminal->before = raw;
	cfmakeraw(&raw);
	/* Our own messages, and guests that write bare newlines, stay readable. */
	raw.c_oflag |= OPOST | ONLCR;
	if (tcsetattr(terminal->fd, TCSANOW, &raw) || tcgetattr(terminal->fd, &terminal->during)) {
		restore(terminal);
		return;
	}
	terminal->raw = true;
	start_guard(terminal);
}

void terminal_leave(struct terminal *terminal)
{
	if (!terminal->raw)
		return;
	if (terminal_is_ours(terminal))
		restore(terminal);
	else
		restore_unless_changed(terminal);
	terminal->raw = false;
}

void terminal_free(struct terminal *terminal)
{
	terminal_leave(terminal);
	if (!terminal->guard)
		return;
	close(terminal->guard_pipe);
	while (waitpid(terminal->guard, NULL, 0) < 0 && errno == EINTR)
		;
	terminal->guard = 0;
}
