/* SPDX-License-Identifier: MIT */
/*
 * A process that may open no file and look at none: a child behind a filter of
 * system calls that kills it. What the test has to say is the child's exit
 * status: 0, or the line of the jail_check() that failed.
 */
#ifndef TESTS_UNIT_JAIL_H
#define TESTS_UNIT_JAIL_H

#include <seccomp.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"

/* The line that failed, in what an exit status can hold. */
#define jail_check(what)                                                                                     \
	do {                                                                                                 \
		if (!(what))                                                                                 \
			return __LINE__ % 250 + 1;                                                           \
	} while (0)

static inline void jail_close_doors(void)
{
	static const int calls[] = {
		SCMP_SYS(open),   SCMP_SYS(openat),    SCMP_SYS(openat2),    SCMP_SYS(creat),
		SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(stat),
		SCMP_SYS(lstat),  SCMP_SYS(statx),     SCMP_SYS(readlink),   SCMP_SYS(readlinkat),
		SCMP_SYS(statfs), SCMP_SYS(chdir),     SCMP_SYS(getcwd),     SCMP_SYS(execve),
	};
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int bad = !filter;

	for (unsigned i = 0; i < sizeof(calls) / sizeof(*calls) && !bad; i++)
		bad = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, calls[i], 0);
	if (bad || seccomp_load(filter))
		_exit(255);
	seccomp_release(filter);
}

static inline void in_jail(int (*test)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		jail_close_doors();
		/* By the call itself: a sanitizer makes calls of its own in _exit(). */
		syscall(SYS_exit_group, test());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_false(WIFSIGNALED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

#endif
