/* SPDX-License-Identifier: MIT */
/*
 * Anonymous memory with MADV_HUGEPAGE: a plain memfd gets no transparent huge
 * pages on most hosts, and a private mapping of one doubles when it is pinned.
 * DONTFORK, since a fork would share the pinned pages; DONTDUMP, since a core
 * of the machine shall not hold its guest.
 *
 * Where the host has several nodes of memory, the node that the user named is the
 * only one (MPOL_BIND): who names it wants that, and what it has was compared
 * before. The devices' own node, which nobody named, is preferred
 * (MPOL_PREFERRED): a machine that started yesterday starts today, too, when the
 * node has less. A host with one node has nothing to choose, and is told nothing.
 * The threads that populate run on the node's processors: they clear the pages, and
 * the tables of the pages come from the node of who makes them.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mman.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/error.h"
#include "vmm/memory.h"
#include "vmm/node.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

enum { HUGE_PAGE = 2 << 20, STEP = 4 << 20 };

static void tell_filled(struct memory *memory, uint64_t more)
{
	uint64_t now = __atomic_add_fetch(&memory->filled, more, __ATOMIC_RELAXED);

	if (memory->kind.filled)
		memory->kind.filled(memory->kind.opaque, now - more, now);
}

/*
 * In steps: a thread that is to end does not have to wait for one long call, and neither has one that
 * maps something, since the call holds the lock of the address space.
 */
static void *fill(void *opaque)
{
	struct memory_filler *filler = opaque;
	uint8_t *base = filler->memory->base + filler->offset;

	for (uint64_t done = 0; done < filler->length; done += STEP) {
		uint64_t left = filler->length - done, length = left < STEP ? left : STEP;

		if (madvise(base + done, length, MADV_POPULATE_WRITE)) {
			filler->ret = -errno;
			break;
		}
		tell_filled(filler->memory, length);
	}
	return NULL;
}

/* How many threads populate; with `attributes` for them where the memory is to come from a node. */
static unsigned fillers_wanted(const struct memory *memory, pthread_attr_t *attributes)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct node_cpus near;
	unsigned count = 0;

	if (memory->on_node && memory->kind.sysfs)
		count = node_find_cpus(memory->kind.sysfs, memory->kind.node, &near);
	if (count)
		pthread_attr_setaffinity_np(attributes, sizeof(near.sets), near.sets);
	else
		count = cpus < 1 ? 1 : (unsigned)cpus;
	return count > MEMORY_THREADS_MAX ? MEMORY_THREADS_MAX : count;
}

static int start_fillers(struct memory *memory)
{
	pthread_attr_t attributes;
	unsigned count;
	uint64_t share, offset = 0;
	int ret = 0;

	pthread_attr_init(&attributes);
	count = fillers_wanted(memory, &attributes);
	share = align_up(memory->size / count, HUGE_PAGE);
	for (unsigned i = 0; i < count && offset < memory->size && !ret; i++) {
		struct memory_filler *filler = &memory->fillers[i];
		uint64_t left = memory->size - offset;

		*filler = (struct memory_filler){
			.memory = memory, .offset = offset, .length = left < share ? left : share};
		if (i + 1 == count)
			filler->length = left;
		ret = brief_start(&filler->thread, &attributes, fill, filler);
		memory->filler_count += !ret;
		offset += filler->length;
	}
	pthread_attr_destroy(&attributes);
	return ret ? -EAGAIN : 0;
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
static int choose_node(struct memory *memory, struct lend_error *error)
{
	const struct memory_kind *kind = &memory->kind;
	bool has;
	int count = kind->has_node ? node_count(kind->node, &has) : 0, ret = 0;

	if (!kind->has_node || (count < 0 && !kind->node_asked))
		return 0;
	if (count > 1 && has)
		ret = node_bind(memory->base, memory->size, kind->node, kind->node_asked);
	memory->on_node = count > 1 && has && !ret;
	if (!kind->node_asked || (count > 0 && has && !ret))
		return 0;
	ret = ret ? ret : count < 0 ? count : -EINVAL;
	return fail(error, ret,
		    "-m: node=%u: this computer's memory has no such node, or a cpuset forbids it (%s); see "
		    "/sys/devices/system/node",
		    kind->node, strerror(-ret));
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
	memory->on_node = false;
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
	ret = choose_node(memory, error);
	if (ret) {
		memory_free(memory);
		return ret;
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
		brief_join(&memory->fillers[i].thread);
		if (memory->fillers[i].ret)
			ret = memory->fillers[i].ret;
	}
	memory->filler_count = 0;
	if (ret == -EINVAL) /* a kernel before 5.14: pages come when they are pinned */
		ret = 0;
	/* A kernel without a huge page left on that node signals as for a file that was cut: EFAULT. */
	if (ret && memory->on_node && memory->kind.node_asked)
		return fail(error, ret,
			    "cannot populate %llu MiB of guest memory from node %u: %s; use a smaller -m, "
			    "%sor leave out node=",
			    (unsigned long long)(memory->size >> 20), memory->kind.node,
			    ret == -EFAULT ? "too little is free there" : strerror(-ret),
			    memory->kind.huge_page ? "raise its nr_hugepages, " : "");
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
