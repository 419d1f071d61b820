/* SPDX-License-Identifier: MIT */
/*
 * What a process gives up so that nobody who takes it over has more than it needs: its
 * user, its capabilities, files, system calls. Each is final. Files and system calls are
 * those of one thread and of the threads that it starts later.
 */
#ifndef VMM_CONFINE_H
#define VMM_CONFINE_H

#include <linux/filter.h>
#include <seccomp.h>
#include <stdbool.h>
#include <sys/types.h>

/** Another user, with one group and no others: of all threads. Needs root. 0 or negative errno. */
int confine_user(uid_t user, gid_t group);

/** No capability, and none that a program could bring back (no_new_privs). 0 or negative errno. */
int confine_privileges(void);

/**
 * All rights to files, TCP ports and abstract sockets that Landlock of this kernel can withhold. Open
 * descriptors stay as they are. After confine_privileges(). 0, also where the kernel has no Landlock;
 * or negative errno.
 */
int confine_files(void);

/**
 * Makes a program for confine_calls() of rules: what they do not allow ends the process, or with `log`
 * is done and noted in the kernel's log. `*out` is freed by confine_free(). 0 or negative errno.
 */
int confine_program(int (*add_rules)(scmp_filter_ctx filter, const void *opaque), const void *opaque,
		    bool log, struct sock_fprog *out);

/** A rule for these: new memory, but none that can be executed. 0 or negative errno. */
int confine_allow_memory(scmp_filter_ctx filter);

/** From now on the calling thread makes the calls alone that the program allows. 0 or negative errno. */
int confine_calls(const struct sock_fprog *program);

void confine_free(struct sock_fprog *program);

#endif
