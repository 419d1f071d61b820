/* SPDX-License-Identifier: MIT */
/* SIGBUS: what is noted, what is ended at the touch, and what still ends the process. */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"
#include "vmm/memory_fault.h"

enum { PAGE = 4096 };

/* Two pages of a file that has become one page long. */
static uint8_t *cut_file(void)
{
	int fd = memfd_create("cut", MFD_CLOEXEC);
	uint8_t *at;

	assert_int_equal(ftruncate(fd, 2 * PAGE), 0);
	at = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(at != MAP_FAILED);
	assert_int_equal(ftruncate(fd, PAGE), 0);
	close(fd);
	return at;
}

static int touch(void *opaque)
{
	uint8_t *at = opaque;

	at[0] = 1;
	at[PAGE + 16] = 1;
	return 5;
}

static int touch_nothing(void *opaque)
{
	(void)opaque;
	return 5;
}

static void a_touch_ends_and_says_where(void **state)
{
	struct memory_note note = {.wake = -1};
	uint8_t *at = cut_file();
	sigset_t all, before;

	(void)state;
	memory_fault_catch();
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (int i = 0; i < 3; i++) { /* each time anew */
		note.code = 0;
		assert_int_equal(memory_fault_guard(touch, at, &note), -EFAULT);
		assert_int_equal(note.code, BUS_ADRERR);
		assert_ptr_equal(note.address, at + PAGE + 16);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	note.code = 0;
	assert_int_equal(memory_fault_guard(touch_nothing, NULL, &note), 5);
	assert_int_equal(note.code, 0);
	assert_non_null(strstr(memory_fault_text(BUS_ADRERR), "file"));
	munmap(at, 2 * PAGE);
}

static void tell(int code, void *address)
{
	siginfo_t info = {.si_signo = SIGBUS, .si_code = code, .si_addr = address};

	assert_int_equal(syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGBUS, &info), 0);
}

/* An error that was found in passing: nobody touched the page, so the thread goes on. */
static void what_is_found_in_passing_wakes_the_loop(void **state)
{
	struct memory_note note = {.wake = eventfd(0, EFD_NONBLOCK)};
	uint64_t count;

	(void)state;
	memory_fault_catch();
	memory_fault_watch(&note);
	tell(BUS_MCEERR_AO, (void *)0x5000);
	tell(BUS_MCEERR_AO, (void *)0x9000);
	memory_fault_watch(NULL);
	assert_int_equal(note.code, BUS_MCEERR_AO);
	assert_ptr_equal(note.address, (void *)0x5000); /* the first */
	assert_int_equal(read(note.wake, &count, sizeof(count)), sizeof(count));
	assert_int_equal(count, 2);
	close(note.wake);
}

static int signal_of_child(void (*body)(void *opaque), void *opaque)
{
	const struct rlimit none = {0};
	pid_t pid = fork();
	int status;

	if (!pid) {
		setrlimit(RLIMIT_CORE, &none);
		signal(SIGBUS, SIG_DFL); /* as cmocka leaves it, it would go on */
		memory_fault_catch();
		body(opaque);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void touch_unguarded(void *opaque)
{
	struct memory_note note = {.wake = -1};

	memory_fault_watch(&note); /* of a thread that is not inside KVM_RUN */
	touch(opaque);
}

static void told_unwatched(void *opaque)
{
	(void)opaque;
	memory_fault_watch(NULL);
	tell(BUS_MCEERR_AR, (void *)0x5000);
}

/* Returning would touch the page again, for ever. */
static void a_touch_of_anybody_else_ends_the_process(void **state)
{
	uint8_t *at = cut_file();

	(void)state;
	assert_int_equal(signal_of_child(touch_unguarded, at), SIGBUS);
	assert_int_equal(signal_of_child(told_unwatched, NULL), SIGBUS);
	munmap(at, 2 * PAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_touch_ends_and_says_where),
		cmocka_unit_test(what_is_found_in_passing_wakes_the_loop),
		cmocka_unit_test(a_touch_of_anybody_else_ends_the_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
