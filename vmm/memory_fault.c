/* SPDX-License-Identifier: MIT */
/*
 * A signal handler is given nothing but the signal, so what it needs hangs from
 * the thread. Two machines in one process each have threads of their own.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stddef.h>
#include <unistd.h>

#include "vmm/memory_fault.h"

struct guard {
	sigjmp_buf back;
	struct memory_note *failed;
};

static __thread struct memory_note *own_note;
static __thread struct guard *own_guard;

/* Keeps the first fault: later ones are often its consequence. */
static void make_note(struct memory_note *note, const siginfo_t *info)
{
	const uint64_t one = 1;
	int saved = errno;

	if (!note->code) {
		note->address = info->si_addr;
		note->code = info->si_code;
	}
	if (note->stop)
		*note->stop = 1;
	/* The write fails only when the counter is full, and then the reader is awake anyway. */
	if (note->wake >= 0 && write(note->wake, &one, sizeof(one)) < 0)
		errno = 0;
	errno = saved;
}

static void on_bus_error(int signal, siginfo_t *info, void *context)
{
	struct memory_note *note = own_note;

	(void)context;
	if (own_guard && info->si_code != BUS_MCEERR_AO) {
		make_note(own_guard->failed, info);
		siglongjmp(own_guard->back, 1);
	}
	if (note && (note->inside || info->si_code == BUS_MCEERR_AO)) {
		make_note(note, info);
		return;
	}
	/* Without this the thread would touch the page again, for ever. */
	sigaction(signal, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
	raise(signal);
}

void memory_fault_catch(void)
{
	const struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO};

	sigaction(SIGBUS, &action, NULL);
}

/* A signal that a fault causes while it is blocked ends the process, whatever its handler. */
static void unblock(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGBUS);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

void memory_fault_watch(struct memory_note *note)
{
	own_note = note;
	unblock();
}

int memory_fault_guard(int (*fn)(void *opaque), void *opaque, struct memory_note *failed)
{
	struct guard guard = {.failed = failed};
	int ret;

	unblock();
	if (sigsetjmp(guard.back, 1)) {
		own_guard = NULL;
		return -EFAULT;
	}
	own_guard = &guard;
	ret = fn(opaque);
	own_guard = NULL;
	return ret;
}

const char *memory_fault_text(int code)
{
	return code == BUS_ADRERR ? "the file behind it has become shorter"
				  : "an uncorrectable error of the computer's memory";
}
