/* SPDX-License-Identifier: MIT */
/*
 * Anonymous memory with MADV_HUGEPAGE: a plain memfd gets no transparent huge
 * pages on most hosts, and a private mapping of one doubles when it is pinned.
 * DONTFORK, since a fork would share the pinned pages; DONTDUMP, since a core
 * of the machine shall not hold its guest.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <linux/mman.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/error.h"
#include "vmm/memory.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

enum { BITS = 8 * sizeof(unsigned long), HUGE_PAGE = 2 << 20 };

static void tell_filled(struct memory *memory, uint64_t more)
{
	uint64_t now = __atomic_add_fetch(&memory->filled, more, __ATOMIC_RELAXED);

	if (memory->kind.filled)
		memory->kind.filled(memory->kind.opaque, now - more, now);
}

/* In steps, so that a thread that is to end does not have to wait for one long call. */
static void *fill(void *opaque)
{
	struct memory_filler *filler = opaque;
	uint8_t *base = filler->memory->base + filler->offset;

	for (uint64_t done = 0; done < filler->length; done += MIB(64)) {
		uint64_t left = filler->length - done, length = left < MIB(64) ? left : MIB(64);

		if (madvise(base + done, length, MADV_POPULATE_WRITE)) {
			filler->ret = -errno;
			break;
		}
		tell_filled(filler->memory, length);
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

/* Address space for `size` bytes that begins at a multiple of `align`. */
static uint8_t *reserve_aligned(uint64_t size, uint64_t align)
{
	uint8_t *area =
		mmap(NULL, size + align, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint8_t *base;

	if (area == MAP_FAILED)
		return NULL;
	base = (uint8_t *)align_up((uintptr_t)area, align);
	if (base != area)
		munmap(area, (size_t)(base - area));
	munmap(base + size, (size_t)(area + align - base));
	return base;
}

/* The flag of mmap and memfd_create that names a size of huge pages: its logarithm, shifted. */
static unsigned huge_flag(uint64_t page)
{
	return (unsigned)__builtin_ctzll(page) << MAP_HUGE_SHIFT;
}

static int back(struct memory *memory, const struct memory_kind *kind)
{
	/*
	 * Huge pages are reserved here, so that too few of them are an error now and
	 * not SIGBUS at the first touch.
	 */
	int flags = MAP_FIXED | (kind->huge_page ? 0 : MAP_NORESERVE);
	unsigned huge = kind->huge_page ? MAP_HUGETLB | huge_flag(kind->huge_page) : 0;

	if (kind->shared) {
		unsigned how = MFD_CLOEXEC | MFD_ALLOW_SEALING |
			       (kind->huge_page ? MFD_HUGETLB | huge_flag(kind->huge_page) : 0);

		memory->fd = memfd_create("lend-memory", how);
		if (memory->fd < 0 || ftruncate(memory->fd, (off_t)kind->size))
			return -errno;
		/* Who has the descriptor, too, must not take pages away, or seal the file against us. */
		if (fcntl(memory->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
			return -errno;
		flags |= MAP_SHARED;
	} else {
		flags |= MAP_PRIVATE | MAP_ANONYMOUS | (int)huge;
	}
	if (mmap(memory->base, kind->size, PROT_READ | PROT_WRITE, flags, memory->fd, 0) == MAP_FAILED)
		return -errno;
	return 0;
}

/* Called before memory is populated, because it does not move pages that are there. */
static int prefer_node(const struct memory *memory, unsigned node)
{
	unsigned long nodes[MEMORY_NODES / BITS] = {0};

	nodes[node / BITS] = 1ul << node % BITS;
	/* The kernel takes one bit less than it is told. */
	return syscall(SYS_mbind, memory->base, memory->size, MPOL_PREFERRED, nodes, MEMORY_NODES + 1, 0)
		       ? -errno
		       : 0;
}

int memory_new(struct memory *memory, const struct memory_kind *kind, struct lend_error *error)
{
	uint64_t align = kind->huge_page > HUGE_PAGE ? kind->huge_page : HUGE_PAGE;
	int ret;

	memory->base = reserve_aligned(kind->size, align);
	if (!memory->base)
		return fail(error, -errno, "cannot reserve %llu MiB for the guest: %s; use a smaller -m",
			    (unsigned long long)(kind->size >> 20), strerror(errno));
	memory->kind = *kind;
	memory->filled = 0;
	memory->size = kind->size;
	memory->fd = -1;
	ret = back(memory, kind);
	if (ret) {
		memory_free(memory);
		return fail(error, ret, "cannot get %llu MiB of memory%s: %s%s",
			    (unsigned long long)(kind->size >> 20), kind->huge_page ? " in huge pages" : "",
			    strerror(-ret), kind->huge_page ? "; raise vm.nr_hugepages" : "");
	}
	ret = kind->has_node && kind->node < MEMORY_NODES ? prefer_node(memory, kind->node) : 0;
	if (ret && kind->node_asked) {
		memory_free(memory);
		return fail(error, ret,
			    "-m: node=%u: this computer's memory has no such node (%s); see "
			    "/sys/devices/system/node",
			    kind->node, strerror(-ret));
	}
	madvise(memory->base, memory->size, MADV_DONTFORK);
	madvise(memory->base, memory->size, MADV_DONTDUMP);
	if (!kind->huge_page)
		madvise(memory->base, memory->size, MADV_HUGEPAGE);
	tell_filled(memory, 0);
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
	if (!memory->base)
		return;
	munmap(memory->base, memory->size);
	if (memory->fd >= 0)
		close(memory->fd);
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

bool memory_find(const struct memory *memory, const void *va, gpa_t *out)
{
	uint64_t offset = (uintptr_t)va - (uintptr_t)memory->base;

	for (unsigned i = 0; i < memory->piece_count; i++) {
		const struct memory_piece *piece = &memory->pieces[i];

		if (offset < piece->offset || offset - piece->offset >= piece->length)
			continue;
		*out = gpa(piece->gpa.a + (offset - piece->offset));
		return true;
	}
	return false;
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
