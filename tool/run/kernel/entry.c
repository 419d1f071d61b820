/* SPDX-License-Identifier: MIT */
#define XXH_INLINE_ALL
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "tool/run/kernel/entry.h"
#include "tool/run/kernel/unpack.h"

enum { NAMED_BYTES = 65536, PART_BYTES = 256 << 10, PAGE = 4096 };

struct trailer {
	char magic[8];
	uint64_t unpacked, size; /* bytes of the kernel and of the payload */
	uint64_t sum;            /* XXH64 of the kernel */
};

static const char magic[8] = "lendkrn1";

/* A part of a file, in memory. */
struct view {
	void *map;
	size_t length;
	const uint8_t *bytes;
};

static int view_open(struct view *view, int fd, uint64_t at, uint64_t size)
{
	uint64_t start = at & ~(uint64_t)(PAGE - 1);

	view->bytes = NULL;
	view->length = (size_t)(at - start + size);
	view->map = mmap(NULL, view->length, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, (off_t)start);
	if (view->map == MAP_FAILED)
		return -errno;
	view->bytes = (const uint8_t *)view->map + (at - start);
	return 0;
}

static void view_close(struct view *view)
{
	munmap(view->map, view->length);
}

bool entry_is_own(int fd, bool folder)
{
	struct stat st;

	return !fstat(fd, &st) && (folder ? S_ISDIR(st.st_mode) : S_ISREG(st.st_mode)) &&
	       st.st_uid == geteuid() && !(st.st_mode & (S_IWGRP | S_IWOTH));
}

uint64_t entry_size(const struct payload *payload)
{
	return payload->unpacked + payload->size + sizeof(struct trailer);
}

/* The end of a payload depends on all that is in front of it; if it does not, the payloads differ and one is
 * made anew. */
int entry_name(int kernel, const struct payload *payload, char out[ENTRY_NAME])
{
	uint64_t length = payload->size < NAMED_BYTES ? payload->size : NAMED_BYTES;
	struct view end;
	int ret = view_open(&end, kernel, payload->at + payload->size - length, length);

	if (ret)
		return ret;
	snprintf(out, ENTRY_NAME, "%016llx-%08llx",
		 (unsigned long long)XXH64(end.bytes, length, payload->size),
		 (unsigned long long)payload->unpacked);
	view_close(&end);
	return 0;
}

static bool is_same_payload(int fd, int kernel, const struct payload *payload)
{
	struct view here, there;
	bool same = false;

	if (view_open(&here, fd, payload->unpacked, payload->size))
		return false;
	if (!view_open(&there, kernel, payload->at, payload->size)) {
		same = !memcmp(here.bytes, there.bytes, payload->size);
		view_close(&there);
	}
	view_close(&here);
	return same;
}

static bool is_elf(const uint8_t *bytes)
{
	return !memcmp(bytes, ELFMAG, SELFMAG) && bytes[EI_CLASS] == ELFCLASS64;
}

/* Read in parts that stay in the processor's cache: mapping as much costs four times the sum. */
static int add_parts(XXH64_state_t *sum, int fd, uint64_t size, uint8_t *part)
{
	for (uint64_t at = 0; at < size;) {
		uint64_t left = size - at;
		ssize_t got = pread(fd, part, left < PART_BYTES ? left : PART_BYTES, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -EBADMSG;
		if (!at && (got < (ssize_t)sizeof(Elf64_Ehdr) || !is_elf(part)))
			return -EBADMSG;
		XXH64_update(sum, part, (size_t)got);
		at += (uint64_t)got;
	}
	return 0;
}

static int sum_of(int fd, const struct payload *payload, uint64_t *out)
{
	uint8_t *part = malloc(PART_BYTES);
	XXH64_state_t sum;
	int ret = -ENOMEM;

	if (part) {
		XXH64_reset(&sum, 0);
		ret = add_parts(&sum, fd, payload->unpacked, part);
		*out = XXH64_digest(&sum);
	}
	free(part);
	return ret;
}

bool entry_is_right(int fd, int kernel, const struct payload *payload)
{
	struct trailer trailer;
	struct stat st;
	uint64_t sum;

	if (fstat(fd, &st) || (uint64_t)st.st_size != entry_size(payload))
		return false;
	if (pread(fd, &trailer, sizeof(trailer), (off_t)(payload->unpacked + payload->size)) !=
		    sizeof(trailer) ||
	    memcmp(trailer.magic, magic, sizeof(magic)) || trailer.unpacked != payload->unpacked ||
	    trailer.size != payload->size)
		return false;
	return is_same_payload(fd, kernel, payload) && !sum_of(fd, payload, &sum) && sum == trailer.sum;
}

static int write_all(int fd, const void *bytes, size_t length, uint64_t at)
{
	for (size_t done = 0; done < length;) {
		ssize_t ret = pwrite(fd, (const char *)bytes + done, length - done, (off_t)(at + done));

		if (ret < 0 && errno == EINTR)
			continue;
		if (ret <= 0)
			return ret < 0 ? -errno : -EIO;
		done += (size_t)ret;
	}
	return 0;
}

int entry_make(int fd, int kernel, const struct payload *payload)
{
	struct trailer trailer = {.unpacked = payload->unpacked, .size = payload->size};
	struct view view;
	int ret = unpack(kernel, payload, fd);

	memcpy(trailer.magic, magic, sizeof(magic));
	ret = ret ? ret : sum_of(fd, payload, &trailer.sum);
	ret = ret ? ret : view_open(&view, kernel, payload->at, payload->size);
	if (ret)
		return ret;
	ret = write_all(fd, view.bytes, payload->size, payload->unpacked);
	view_close(&view);
	return ret ? ret : write_all(fd, &trailer, sizeof(trailer), payload->unpacked + payload->size);
}
