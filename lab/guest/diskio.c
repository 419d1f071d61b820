/* SPDX-License-Identifier: MIT */
/*
 * Direct I/O on a whole block device, from inside a guest.
 *
 *   diskio hash DEV [--depth N]        sha256 of the whole device
 *   diskio fill DEV --seed S [--depth N] [--high]
 *                                      write a pattern at scattered places, read it
 *                                      back, compare
 *   diskio pin CPU DEV [-n COUNT]      direct reads from that processor
 *   diskio read DEV [-n COUNT] [--size BYTES] [--depth N]
 *                                      at random places (benchmark); depth 1
 *                                      is one read after the other
 *
 * Rules: every transfer is O_DIRECT, N requests are in flight (a thread each,
 * and without threads for read),
 * one line of result. --high puts every buffer above 4 GiB of physical memory
 * and fails where it cannot. Exit status 0, 1 failed, 2 usage.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "reads.h"
#include "sha256.h"

enum {
	CHUNK = 128 * 1024,
	PAGE = 4096,
	HUGE = 2 * 1024 * 1024,
	MAX_DEPTH = 64,
};
#define FOUR_GIB (UINT64_C(1) << 32)

static _Noreturn void fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("diskio: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	exit(1);
}

/* Buffers */

static uint64_t physical(const void *address)
{
	uint64_t entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	off_t at = (off_t)((uintptr_t)address / PAGE * sizeof(entry));

	if (fd < 0 || pread(fd, &entry, sizeof(entry), at) != sizeof(entry))
		fail("/proc/self/pagemap: %s", strerror(errno));
	close(fd);
	/* Bit 63: present; bits 0 to 54: the frame, zero without privilege. */
	if (!(entry >> 63) || !(entry & ((UINT64_C(1) << 55) - 1)))
		fail("/proc/self/pagemap: no frame; not root?");
	return (entry & ((UINT64_C(1) << 55) - 1)) * PAGE;
}

static void *map_locked(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	if (mlock(p, size))
		fail("mlock: %s", strerror(errno));
	return p;
}

static bool all_high(const uint8_t *p, uint64_t *low, uint64_t *high)
{
	for (size_t at = 0; at < CHUNK; at += PAGE) {
		uint64_t a = physical(p + at);

		if (a < FOUR_GIB)
			return false;
		*low = a < *low ? a : *low;
		*high = a > *high ? a : *high;
	}
	return true;
}

/*
 * Low pages that come are kept, so that the kernel has to give others; up to
 * the last 128 MiB of what is free.
 */
static void *high_buffer(uint64_t *low, uint64_t *high)
{
	for (;;) {
		long left = sysconf(_SC_AVPHYS_PAGES);
		uint8_t *p = left > 128 * 256 ? map_locked(CHUNK) : NULL;
		uint64_t l = *low, h = *high;

		if (!p)
			fail("no memory above 4 GiB to be had");
		if (all_high(p, &l, &h)) {
			*low = l;
			*high = h;
			return p;
		}
	}
}

/* The pattern: splitmix64 of seed and place, so each word is its own. */
static uint64_t pattern(uint64_t seed, uint64_t word)
{
	uint64_t z = seed * UINT64_C(0xd1342543de82ef95) +
		     (word + 1) * UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static void fill_pattern(uint64_t *p, size_t n, uint64_t seed, uint64_t at)
{
	for (size_t i = 0; i < n / 8; i++)
		p[i] = pattern(seed, at / 8 + i);
}

static void check_pattern(const uint64_t *p, size_t n, uint64_t seed,
			  uint64_t at)
{
	for (size_t i = 0; i < n / 8; i++)
		if (p[i] != pattern(seed, at / 8 + i))
			fail("differs at byte %llu",
			     (unsigned long long)(at + i * 8));
}

/*
 * The workers: worker w of N takes pieces w, w + N, w + 2 N, ... A hash needs them in
 * their order; writes, and reads that compare, go to places all over the device.
 */

enum job { JOB_HASH, JOB_WRITE, JOB_VERIFY };

static struct {
	int fd;
	uint64_t size, seed, pieces;
	uint64_t step; /* from one place to the next, modulo pieces; no divisor in common */
	unsigned depth;
	enum job job;
	struct sha256 hash;
	uint64_t turn; /* the next piece to be hashed, under lock */
	pthread_mutex_t lock;
	pthread_cond_t turned;
	void *buffers[MAX_DEPTH];
} run = {
	.depth = 8,
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.turned = PTHREAD_COND_INITIALIZER,
};

static void hash_in_turn(uint64_t piece, const void *p, size_t n)
{
	pthread_mutex_lock(&run.lock);
	while (run.turn != piece)
		pthread_cond_wait(&run.turned, &run.lock);
	if (n % SHA256_BLOCK)
		fail("the device's size is no multiple of %d bytes",
		     SHA256_BLOCK);
	sha256_add(&run.hash, p, n);
	run.turn++;
	pthread_cond_broadcast(&run.turned);
	pthread_mutex_unlock(&run.lock);
}

static void *worker(void *argument)
{
	unsigned index = (unsigned)(uintptr_t)argument;
	void *p = run.buffers[index];

	for (uint64_t i = index; i < run.pieces; i += run.depth) {
		uint64_t place = run.job == JOB_HASH ? i : i * run.step % run.pieces;
		uint64_t at = place * CHUNK;
		size_t n = run.size - at < CHUNK ? run.size - at : CHUNK;
		ssize_t done;

		if (run.job == JOB_WRITE) {
			fill_pattern(p, n, run.seed, at);
			done = pwrite(run.fd, p, n, (off_t)at);
		} else {
			done = pread(run.fd, p, n, (off_t)at);
		}
		if (done != (ssize_t)n)
			fail("%s of %zu bytes at %llu: %s",
			     run.job == JOB_WRITE ? "write" : "read", n,
			     (unsigned long long)at,
			     done < 0 ? strerror(errno) : "short");
		if (run.job == JOB_VERIFY)
			check_pattern(p, n, run.seed, at);
		if (run.job == JOB_HASH)
			hash_in_turn(i, p, n);
	}
	return NULL;
}

static void all_workers(enum job job)
{
	pthread_t threads[MAX_DEPTH];

	run.job = job;
	for (unsigned i = 0; i < run.depth; i++)
		if (pthread_create(&threads[i], NULL, worker,
				   (void *)(uintptr_t)i))
			fail("pthread_create failed");
	for (unsigned i = 0; i < run.depth; i++)
		pthread_join(threads[i], NULL);
}

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

static void open_device(const char *path, int flags)
{
	run.fd = open(path, flags | O_DIRECT | O_CLOEXEC);
	if (run.fd < 0)
		fail("%s: %s", path, strerror(errno));
	if (ioctl(run.fd, BLKGETSIZE64, &run.size) || !run.size)
		fail("%s: not a block device with a size", path);
	run.pieces = (run.size + CHUNK - 1) / CHUNK;
	run.step = run.pieces / 8 * 5 + 1;
	while (common_divisor(run.pieces, run.step) != 1)
		run.step++;
}

static void make_buffers(bool above)
{
	uint64_t low = UINT64_MAX, high = 0;

	for (unsigned i = 0; i < run.depth; i++) {
		run.buffers[i] = above ? high_buffer(&low, &high) :
					 map_locked(CHUNK);
		if (!run.buffers[i])
			fail("no memory for buffers");
	}
	if (above)
		printf("buffers from %#llx to %#llx\n",
		       (unsigned long long)low,
		       (unsigned long long)(high + PAGE - 1));
}

static void reads(unsigned long count, size_t size, unsigned depth)
{
	struct reads random = {.fd = run.fd,
			       .places = run.size / size,
			       .size = size,
			       .buffers = map_locked(size * depth)};
	struct timespec a, b;
	double seconds;
	int ret;

	if (!random.buffers || !random.places || size % 512)
		fail("cannot read pieces of %zu bytes", size);
	clock_gettime(CLOCK_MONOTONIC, &a);
	ret = reads_run(&random, depth, count);
	clock_gettime(CLOCK_MONOTONIC, &b);
	if (ret)
		fail("a read: %s", strerror(-ret));
	seconds = (double)(b.tv_sec - a.tv_sec) +
		  (double)(b.tv_nsec - a.tv_nsec) / 1e9;
	printf("%lu reads of %zu bytes in %.3f s\n", count, size, seconds);
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		fail("processor %d: %s", cpu, strerror(errno));
}

static _Noreturn void usage(void)
{
	fputs("usage: diskio hash DEV [--depth N]\n"
	      "       diskio fill DEV --seed S [--depth N] [--high]\n"
	      "       diskio pin CPU DEV [-n COUNT]\n"
	      "       diskio read DEV [-n COUNT] [--size BYTES] [--depth N]\n", stderr);
	exit(2);
}

static unsigned long number(const char *text)
{
	char *end;
	unsigned long value;

	if (!text)
		usage();
	value = strtoul(text, &end, 0);
	if (*end || end == text)
		usage();
	return value;
}

int main(int argc, char **argv)
{
	unsigned long count = 64, size = PAGE;
	const char *verb = argc > 2 ? argv[1] : "";
	int at = strcmp(verb, "pin") ? 2 : 3;
	bool above = false, seeded = false;
	const char *device = argc > at ? argv[at] : NULL;

	if (!device)
		usage();
	if (!strcmp(verb, "read")) {
		count = 1000;
		run.depth = 1;
	}
	for (int i = at + 1; i < argc; i++) {
		if (!strcmp(argv[i], "--high")) {
			above = true;
		} else if (!strcmp(argv[i], "--depth")) {
			run.depth = (unsigned)number(argv[++i]);
		} else if (!strcmp(argv[i], "--seed")) {
			run.seed = number(argv[++i]);
			seeded = true;
		} else if (!strcmp(argv[i], "-n")) {
			count = number(argv[++i]);
		} else if (!strcmp(argv[i], "--size")) {
			size = number(argv[++i]);
		} else {
			usage();
		}
	}
	if (!run.depth || run.depth > MAX_DEPTH || !size)
		usage();

	if (!strcmp(verb, "hash")) {
		open_device(device, O_RDONLY);
		make_buffers(above);
		sha256_init(&run.hash);
		all_workers(JOB_HASH);
		sha256_print(&run.hash);
	} else if (!strcmp(verb, "fill") && seeded) {
		open_device(device, O_RDWR);
		make_buffers(above);
		all_workers(JOB_WRITE);
		if (fsync(run.fd))
			fail("%s: flush: %s", device, strerror(errno));
		all_workers(JOB_VERIFY);
		printf("verified %llu bytes\n", (unsigned long long)run.size);
	} else if (!strcmp(verb, "pin")) {
		pin((int)number(argv[2]));
		open_device(device, O_RDONLY);
		reads(count, size, 1);
	} else if (!strcmp(verb, "read")) {
		open_device(device, O_RDONLY);
		reads(count, size, run.depth);
	} else {
		usage();
	}
	return 0;
}
