/* SPDX-License-Identifier: MIT */
/*
 * Anonymous memory with MADV_HUGEPAGE: a plain memfd gets no transparent huge
 * pages on most hosts, and a private mapping of one doubles when it is pinned.
 * DONTFORK, since a fork would share the pinned pages; DONTDUMP, since a core
 * of the machine shall not hold its guest.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/error.h"
#include "vmm/memory.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

enum { HUGE_PAGE = 2 << 20 };

/* In steps, so that an end that is asked for meanwhile is not kept waiting by one long call. */
static void *fill(void *opaque)
{
	struct memory_filler *filler = opaque;
	uint8_t *base = filler->memory->base + filler->offset;

	for (uint64_t done = 0; done < filler->length; done += MIB(64)) {
		uint64_t left = filler->length - done;

		if (madvise(base + done, left < MIB(64) ? left : MIB(64), MADV_POPULATE_WRITE) == 0)
			continue;
		filler->ret = -errno;
		break;
	}
	return NULL;
}

static int start_fillers(struct memory *memory)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned count = cpus < 1 ? 1 : cpus > MEMORY_THREADS_MAX ? MEMORY_THREADS_MAX : (unsigned)cpus;
	uint64_t share = align_up(memory->size / count, HUGE_PAGE);
	uint64_t offset = 0;

	for (unsigned i = 0; i < count && offset < memory->size; i++) {
		struct memory_filler *filler = &memory->fillers[i];
		uint64_t left = memory->size - offset;

		*filler = (struct memory_filler){
			.memory = memory, .offset = offset, .length = left < share ? left : share};
		if (i + 1 == count)
			filler->length = left;
		if (pthread_create(&filler->thread, NULL, fill, filler))
			return -EAGAIN;
		memory->filler_count++;
		offset += filler->length;
	}
	return 0;
}

int memory_new(struct memory *memory, uint64_t size, struct lend_error *error)
{
	uint8_t *area, *base;

	/* Reserve a huge page more, to begin at a huge page's boundary. */
	area = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (area == MAP_FAILED)
		return fail(error, -errno, "cannot reserve %llu MiB for the guest: %s; use a smaller -m",
			    (unsigned long long)(size >> 20), strerror(errno));
	base = (uint8_t *)align_up((uintptr_t)area, HUGE_PAGE);
	if (base != area)
		munmap(area, (size_t)(base - area));
	munmap(base + size, (size_t)(area + HUGE_PAGE - base));

	memory->base = base;
	memory->size = size;
	madvise(base, size, MADV_DONTFORK);
	madvise(base, size, MADV_DONTDUMP);
	madvise(base, size, MADV_HUGEPAGE);
	if (start_fillers(memory)) {
		memory_free(memory);
		return fail(error, -EAGAIN,
			    "cannot start a thread to populate guest memory: limit of processes?");
	}
	return 0;
}

int memory_wait(struct memory *memory, struct lend_error *error)
{
	int ret = 0;

	for (unsigned i = 0; i < memory->filler_count; i++) {
		pthread_join(memory->fillers[i].thread, NULL);
		if (memory->fillers[i].ret)
			ret = memory->fillers[i].ret;
	}
	memory->filler_count = 0;
	if (ret == -EINVAL) /* a kernel before 5.14: pages come when they are pinned */
		ret = 0;
	if (ret)
		return fail(error, ret, "cannot populate %llu MiB of guest memory: %s; use a smaller -m",
			    (unsigned long long)(memory->size >> 20), strerror(-ret));
	return 0;
}

void memory_free(struct memory *memory)
{
	memory_wait(memory, NULL);
	if (memory->base)
		munmap(memory->base, memory->size);
	*memory = (struct memory){0};
}

void *memory_at(const struct memory *memory, gpa_t at, uint64_t length)
{
	for (unsigned i = 0; i < memory->piece_count; i++) {
		const struct memory_piece *piece = &memory->pieces[i];
		uint64_t inside = at.a - piece->gpa.a;

		if (at.a >= piece->gpa.a && inside < piece->length && length <= piece->length - inside)
			return memory->base + piece->offset + inside;
	}
	return NULL;
}

bool memory_overlaps(const struct memory *memory, gpa_t at, uint64_t length)
{
	for (unsigned i = 0; i < memory->piece_count; i++) {
		const struct memory_piece *piece = &memory->pieces[i];

		if (at.a < piece->gpa.a ? piece->gpa.a - at.a < length : at.a - piece->gpa.a < piece->length)
			return true;
	}
	return false;
}

int memory_put(const struct memory *memory, gpa_t at, const void *data, uint64_t length)
{
	void *to = memory_at(memory, at, length);

	if (!to)
		return -EFAULT;
	memcpy(to, data, length);
	return 0;
}
