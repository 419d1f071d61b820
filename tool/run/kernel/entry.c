/* SPDX-License-Identifier: MIT */
#define XXH_INLINE_ALL
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "tool/run/kernel/entry.h"
#include "tool/run/kernel/unpack.h"
#include "tool/run/read_all.h"

enum { NAMED_BYTES = 65536, PART_BYTES = 256 << 10 };

struct trailer {
	char magic[8];
	uint64_t unpacked, size; /* bytes of the kernel and of the payload */
	uint64_t sum;            /* XXH64 of the kernel */
};

static const char magic[8] = "lendkrn1";

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

static bool are_digits(const char *text, size_t count)
{
	return strspn(text, "0123456789abcdef") >= count;
}

bool entry_is_name(const char *name, size_t length)
{
	return length == 16 + 1 + 8 && are_digits(name, 16) && name[16] == '-' && are_digits(name + 17, 8);
}

/* The end of a payload depends on all that is in front of it; if it does not, the payloads differ and one is
 * made anew. */
int entry_name(int kernel, const struct payload *payload, char out[ENTRY_NAME])
{
	uint64_t length = payload->size < NAMED_BYTES ? payload->size : NAMED_BYTES;
	uint8_t *end = malloc(length);
	int ret = end ? read_all(kernel, end, length, payload->at + payload->size - length) : -ENOMEM;

	if (!ret)
		snprintf(out, ENTRY_NAME, "%016llx-%08llx",
			 (unsigned long long)XXH64(end, length, payload->size),
			 (unsigned long long)payload->unpacked);
	free(end);
	return ret;
}

static size_t part_of(uint64_t left)
{
	return left < PART_BYTES ? (size_t)left : PART_BYTES;
}

static bool is_same_payload(int fd, int kernel, const struct payload *payload)
{
	uint8_t *parts = malloc((size_t)2 * PART_BYTES);
	bool same = parts;

	for (uint64_t at = 0; same && at < payload->size; at += PART_BYTES) {
		size_t length = part_of(payload->size - at);

		same = !read_all(fd, parts, length, payload->unpacked + at) &&
		       !read_all(kernel, parts + PART_BYTES, length, payload->at + at) &&
		       !memcmp(parts, parts + PART_BYTES, length);
	}
	free(parts);
	return same;
}

static bool is_elf(const uint8_t *bytes)
{
	return !memcmp(bytes, ELFMAG, SELFMAG) && bytes[EI_CLASS] == ELFCLASS64;
}

/* Read in parts that stay in the processor's cache: mapping as much costs four times the sum. */
static int add_parts(XXH64_state_t *sum, int fd, uint64_t size, uint8_t *part)
{
	for (uint64_t at = 0; at < size; at += PART_BYTES) {
		size_t length = part_of(size - at);
		int ret = read_all(fd, part, length, at);

		if (ret)
			return ret;
		if (!at && (length < sizeof(Elf64_Ehdr) || !is_elf(part)))
			return -EBADMSG;
		XXH64_update(sum, part, length);
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
	if (read_all(fd, &trailer, sizeof(trailer), payload->unpacked + payload->size) ||
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

static int make(int fd, const uint8_t *packed, const struct payload *payload)
{
	struct trailer trailer = {.unpacked = payload->unpacked, .size = payload->size};
	int ret = unpack(packed, payload, fd);

	memcpy(trailer.magic, magic, sizeof(magic));
	ret = ret ? ret : sum_of(fd, payload, &trailer.sum);
	ret = ret ? ret : write_all(fd, packed, payload->size, payload->unpacked);
	return ret ? ret : write_all(fd, &trailer, sizeof(trailer), payload->unpacked + payload->size);
}

/* The image is read once: what is written is what was unpacked, whatever becomes of the image. */
int entry_make(int fd, int kernel, const struct payload *payload)
{
	uint8_t *packed = malloc(payload->size);
	int ret = packed ? read_all(kernel, packed, payload->size, payload->at) : -ENOMEM;

	ret = ret ? ret : make(fd, packed, payload);
	free(packed);
	return ret;
}
