/* SPDX-License-Identifier: MIT */
/*
 * For one test program each: the calls into the C library that can fail, by --wrap of the linker
 * (Makefile). A call is known by its place in the code and by how often that place was passed, so
 * that threads which run at the same time do not change which one fails. While calls are counted,
 * the chosen one fails. What is handed out is counted always: descriptors, bytes of mappings and
 * pieces of memory.
 *
 * A read or a write of an eventfd or a timer is no call that can fail: the kernel refuses one only
 * where the counter is full or zero. For the same reason only a watch that is added can fail.
 */
#ifndef TESTS_UNIT_FAILING_CALLS_H
#define TESTS_UNIT_FAILING_CALLS_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"

/* Under the sanitizer of threads, which is slow and sees each thread in the first life, one in so many. */
#ifdef __SANITIZE_THREAD__
enum { EVERY = 16 };
#else
enum { EVERY = 1 };
#endif

enum { PLACES_MAX = 512, PIECES_MAX = 1 << 15, NUMBERS_MAX = 1024 };

struct place {
	const void *at;
	unsigned passed;
};

/* Calls. Of processes that fork from one, in memory that they share (calls_share()). */
struct calls {
	pthread_mutex_t lock;
	struct place places[PLACES_MAX];
	unsigned place_count;
	const void *fails_at; /* the place; NULL: none */
	unsigned fails_nth;   /* from 1 */
	unsigned failed;
	const char *what;    /* failed */
	unsigned complaints; /* all are listed before the test fails */
};
static struct calls own_calls = {.lock = PTHREAD_MUTEX_INITIALIZER}, *calls = &own_calls;
static bool counting; /* in this process */

static struct {
	pthread_mutex_t lock;
	bool is_counter[NUMBERS_MAX]; /* descriptors of eventfds and timers */
	const void *pieces[PIECES_MAX];
	unsigned piece_count;
	int64_t mapped; /* bytes */
} held = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* addr2line -e PROGRAM -f says where a place is, less the address at which the program lies. */
static inline void call_complain(const void *place, unsigned nth, const char *what)
{
	extern const char __executable_start;

	print_error("call %u at %#lx (%s) failed: %s\n", nth,
		    (unsigned long)((const char *)place - &__executable_start), calls->what, what);
	calls->complaints++;
}

/* One that was killed with the lock leaves it. */
static inline void calls_lock(void)
{
	if (pthread_mutex_lock(&calls->lock) == EOWNERDEAD)
		pthread_mutex_consistent(&calls->lock);
}

/* Counts a call at a place; whether it fails. */
static inline bool call_fails(const void *at, const char *what)
{
	struct place *place = calls->places;
	bool fails;

	if (!__atomic_load_n(&counting, __ATOMIC_ACQUIRE))
		return false;
	calls_lock();
	while (place < calls->places + calls->place_count && place->at != at)
		place++;
	if (place == calls->places + PLACES_MAX)
		abort();
	calls->place_count += place == calls->places + calls->place_count;
	place->at = at;
	fails = ++place->passed == calls->fails_nth && at == calls->fails_at;
	calls->failed += fails;
	calls->what = fails ? what : calls->what;
	pthread_mutex_unlock(&calls->lock);
	return fails;
}

static inline unsigned piece_slot(const void *piece)
{
	unsigned at = (unsigned)((uintptr_t)piece >> 4) * 2654435761u % PIECES_MAX;

	while (held.pieces[at] && held.pieces[at] != piece)
		at = (at + 1) % PIECES_MAX;
	return at;
}

static inline void *piece_taken(void *piece)
{
	if (!piece)
		return NULL;
	pthread_mutex_lock(&held.lock);
	if (held.piece_count + 1 == PIECES_MAX)
		abort();
	held.pieces[piece_slot(piece)] = piece;
	held.piece_count++;
	pthread_mutex_unlock(&held.lock);
	return piece;
}

/* What the C library made for the caller (getline) is not in the table. */
static inline void piece_given(const void *piece)
{
	unsigned at;

	pthread_mutex_lock(&held.lock);
	at = piece ? piece_slot(piece) : 0;
	if (piece && held.pieces[at]) {
		held.piece_count--;
		held.pieces[at] = NULL;
		/* Those behind it may have been put there because it was in their place. */
		for (unsigned next = (at + 1) % PIECES_MAX; held.pieces[next];
		     next = (next + 1) % PIECES_MAX) {
			const void *moved = held.pieces[next];

			held.pieces[next] = NULL;
			held.pieces[piece_slot(moved)] = moved;
		}
	}
	pthread_mutex_unlock(&held.lock);
}

/* From now on calls are counted in all processes that this one makes, together. */
static inline void calls_share(void)
{
	pthread_mutexattr_t kind;
	void *shared = mmap(NULL, sizeof(*calls), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(shared != MAP_FAILED);
	calls = shared;
	pthread_mutexattr_init(&kind);
	pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&calls->lock, &kind);
	pthread_mutexattr_destroy(&kind);
}

#define CALL_FAILS(what) call_fails(__builtin_return_address(0), what)
#define REFUSE(code)     (errno = (code), -1)
#define WRAP(type, name, ...)                                                                                \
	type __real_##name(__VA_ARGS__);                                                                     \
	type __wrap_##name(__VA_ARGS__);                                                                     \
	type __wrap_##name(__VA_ARGS__)

WRAP(void *, malloc, size_t size)
{
	return CALL_FAILS("malloc") ? NULL : piece_taken(__real_malloc(size));
}

WRAP(void *, calloc, size_t count, size_t size)
{
	return CALL_FAILS("calloc") ? NULL : piece_taken(__real_calloc(count, size));
}

WRAP(void *, realloc, void *old, size_t size)
{
	void *piece;

	if (CALL_FAILS("realloc"))
		return NULL;
	piece_given(old);
	piece = __real_realloc(old, size);
	return piece_taken(piece ? piece : old) ? piece : NULL;
}

WRAP(char *, strdup, const char *text)
{
	return CALL_FAILS("strdup") ? NULL : piece_taken(__real_strdup(text));
}

WRAP(void, free, void *piece)
{
	piece_given(piece);
	__real_free(piece);
}

/* Whether a descriptor counts events; and from now on. */
static inline bool is_counter(int fd)
{
	return fd >= 0 && fd < NUMBERS_MAX && __atomic_load_n(&held.is_counter[fd], __ATOMIC_RELAXED);
}

static inline int counter(int fd, bool counts)
{
	if (fd >= 0 && fd < NUMBERS_MAX)
		__atomic_store_n(&held.is_counter[fd], counts, __ATOMIC_RELAXED);
	return fd;
}

/* What a test does with a path, a descriptor that is closed and a mapping that goes, before the C library
 * does. */
static const char *(*path_of)(const char *path, char room[256]);
static void (*on_close)(int fd);
static void (*on_unmap)(size_t length);

WRAP(int, open, const char *path, int flags, ...)
{
	char room[256];
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
	va_end(args);
	if (CALL_FAILS("open"))
		return REFUSE(EMFILE);
	return counter(__real_open(path_of ? path_of(path, room) : path, flags, mode), false);
}

WRAP(int, close, int fd)
{
	if (on_close)
		on_close(fd);
	counter(fd, false);
	return __real_close(fd);
}

WRAP(FILE *, fopen, const char *path, const char *mode)
{
	if (CALL_FAILS("fopen")) {
		errno = EMFILE;
		return NULL;
	}
	return __real_fopen(path, mode);
}

WRAP(DIR *, opendir, const char *path)
{
	if (CALL_FAILS("opendir")) {
		errno = EMFILE;
		return NULL;
	}
	return __real_opendir(path);
}

WRAP(int, memfd_create, const char *name, unsigned flags)
{
	return CALL_FAILS("memfd_create") ? REFUSE(EMFILE) : counter(__real_memfd_create(name, flags), false);
}

WRAP(int, eventfd, unsigned count, int flags)
{
	return CALL_FAILS("eventfd") ? REFUSE(EMFILE) : counter(__real_eventfd(count, flags), true);
}

WRAP(int, timerfd_create, int clock, int flags)
{
	return CALL_FAILS("timerfd_create") ? REFUSE(EMFILE)
					    : counter(__real_timerfd_create(clock, flags), true);
}

WRAP(int, epoll_create1, int flags)
{
	return CALL_FAILS("epoll_create1") ? REFUSE(EMFILE) : counter(__real_epoll_create1(flags), false);
}

WRAP(int, epoll_ctl, int epoll, int what, int fd, struct epoll_event *event)
{
	return what == EPOLL_CTL_ADD && CALL_FAILS("epoll_ctl") ? REFUSE(ENOSPC)
								: __real_epoll_ctl(epoll, what, fd, event);
}

WRAP(ssize_t, read, int fd, void *data, size_t length)
{
	return !is_counter(fd) && CALL_FAILS("read") ? REFUSE(EIO) : __real_read(fd, data, length);
}

WRAP(ssize_t, write, int fd, const void *data, size_t length)
{
	return !is_counter(fd) && CALL_FAILS("write") ? REFUSE(EIO) : __real_write(fd, data, length);
}

WRAP(ssize_t, pread, int fd, void *data, size_t length, off_t at)
{
	return CALL_FAILS("pread") ? REFUSE(EIO) : __real_pread(fd, data, length, at);
}

WRAP(ssize_t, pwrite, int fd, const void *data, size_t length, off_t at)
{
	return CALL_FAILS("pwrite") ? REFUSE(EIO) : __real_pwrite(fd, data, length, at);
}

WRAP(void *, mmap, void *at, size_t length, int protection, int flags, int fd, off_t offset)
{
	void *area;

	if (CALL_FAILS("mmap")) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	area = __real_mmap(at, length, protection, flags, fd, offset);
	if (area != MAP_FAILED && !(flags & MAP_FIXED))
		__atomic_add_fetch(&held.mapped, (int64_t)length, __ATOMIC_RELAXED);
	return area;
}

WRAP(int, munmap, void *at, size_t length)
{
	if (on_unmap)
		on_unmap(length);
	__atomic_sub_fetch(&held.mapped, (int64_t)length, __ATOMIC_RELAXED);
	return __real_munmap(at, length);
}

WRAP(int, pthread_create, pthread_t *thread, const pthread_attr_t *how, void *(*body)(void *), void *opaque)
{
	return CALL_FAILS("pthread_create") ? EAGAIN : __real_pthread_create(thread, how, body, opaque);
}

WRAP(int, socketpair, int family, int type, int protocol, int out[2])
{
	return CALL_FAILS("socketpair") ? REFUSE(EMFILE) : __real_socketpair(family, type, protocol, out);
}

WRAP(int, pipe2, int out[2], int flags)
{
	return CALL_FAILS("pipe2") ? REFUSE(EMFILE) : __real_pipe2(out, flags);
}

WRAP(int, signalfd, int fd, const sigset_t *signals, int flags)
{
	return CALL_FAILS("signalfd") ? REFUSE(EMFILE) : __real_signalfd(fd, signals, flags);
}

WRAP(pid_t, fork, void)
{
	return CALL_FAILS("fork") ? REFUSE(EAGAIN) : __real_fork();
}

/* What a process holds; the same before and after, whatever failed between. */
struct holdings {
	unsigned descriptors, pieces;
	int64_t mapped;
};

static inline struct holdings holdings_now(void)
{
	struct holdings now = {.pieces = held.piece_count, .mapped = held.mapped};
	DIR *listed = __real_opendir("/proc/self/fd");

	assert_non_null(listed);
	while (readdir(listed))
		now.descriptors++;
	closedir(listed);
	return now;
}

/* From now on calls are counted anew; call `nth` at a place fails, NULL: none. */
static inline void calls_count(const void *place, unsigned nth)
{
	calls_lock();
	calls->place_count = calls->failed = 0;
	memset(calls->places, 0, sizeof(calls->places));
	calls->fails_at = place;
	calls->fails_nth = nth;
	pthread_mutex_unlock(&calls->lock);
	__atomic_store_n(&counting, true, __ATOMIC_RELEASE);
}

static inline void calls_count_no_more(void)
{
	__atomic_store_n(&counting, false, __ATOMIC_RELEASE);
}

/*
 * Lives once, and then again with each call of that life failing in turn. life() begins and ends the
 * counting where it wants. Returns how many failed.
 */
static inline unsigned each_call_fails(void (*life)(const void *place, unsigned nth))
{
	static struct place all[PLACES_MAX];
	struct holdings before, after;
	unsigned count, total = 0;

	calls->complaints = 0;
	life(NULL, 0); /* what is made once for ever is there then */
	before = holdings_now();
	life(NULL, 0);
	count = calls->place_count;
	memcpy(all, calls->places, sizeof(all));
	for (unsigned i = 0; i < count; i++) {
		for (unsigned nth = 1; nth <= all[i].passed; nth++) {
			if (total++ % EVERY)
				continue;
			calls->what = "nothing";
			life(all[i].at, nth);
			after = holdings_now();
			if (after.descriptors != before.descriptors)
				call_complain(all[i].at, nth, "descriptors are left");
			if (after.pieces != before.pieces)
				call_complain(all[i].at, nth, "memory is left");
			if (after.mapped != before.mapped)
				call_complain(all[i].at, nth, "mappings are left");
			before = after;
		}
	}
	assert_int_equal(calls->complaints, 0);
	return total;
}

#endif
