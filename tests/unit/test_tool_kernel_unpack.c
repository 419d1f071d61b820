/* SPDX-License-Identifier: MIT */
/* Unpacked kernels: each format, payloads that lie or are damaged, and what an entry is compared with. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/folder.h"
#include "tests/unit/kernel_stage.h"

static void each_format_is_unpacked_once(void **state)
{
	static size_t (*const packers[])(const uint8_t *in, uint8_t *out) = {
		kernel_pack_zstd, kernel_pack_lz4, kernel_pack_xz, kernel_pack_alone, kernel_pack_gzip};
	struct stage *stage = *state;

	for (size_t i = 0; i < sizeof(packers) / sizeof(*packers); i++) {
		ino_t first;

		kernel_pack(stage, packers[i]);
		first = kernel_find_right(stage);
		assert_int_equal(kernel_find_right(stage), first);
	}
	kernel_pack(stage, kernel_pack_otherwise);
	assert_int_equal(kernel_find(stage), -ENOEXEC);
}

static void flip(const char *path, off_t at)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	uint8_t byte;

	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

static void a_damaged_file_is_made_anew(void **state)
{
	struct stage *stage = *state;
	const off_t places[] = {0, 100, KERNEL / 2, KERNEL - 1, KERNEL, KERNEL + 1000, 0, 0, 0, 0};
	struct stat st;

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		ino_t first = kernel_find_right(stage);
		const char *path = kernel_entry_path(stage);

		assert_int_equal(stat(path, &st), 0);
		flip(path, i < 6 ? places[i] : st.st_size - 1 - 8 * (off_t)(i - 6));
		assert_int_not_equal(kernel_find_right(stage), first);
		assert_int_equal(truncate(path, st.st_size - 1 - (off_t)i * 1000), 0);
		kernel_find_right(stage);
		assert_int_equal(truncate(path, st.st_size + 1), 0);
		kernel_find_right(stage);
	}
}

/* Another payload of the same name: nobody can make an image that gets another one's kernel. */
static void payloads_are_compared_as_a_whole(void **state)
{
	struct stage *stage = *state;
	uint8_t *bytes;
	int fd;

	kernel_find_right(stage);
	stage->image[SETUP + stage->packed / 3] ^= 1;
	fd = kernel_find(stage); /* a literal of its format, which has no checksum of its own */
	assert_true(fd >= 0);
	bytes = mmap(NULL, KERNEL, PROT_READ, MAP_PRIVATE, fd, 0);
	assert_true(memcmp(bytes, stage->kernel, KERNEL) != 0);
	munmap(bytes, KERNEL);
	close(fd);
}

static void images_that_lie_are_booted_as_they_are(void **state)
{
	struct stage *stage = *state;
	const uint32_t packed = (uint32_t)stage->packed, more = KERNEL + 1, less = KERNEL - 1, huge = 1 << 30;

	kernel_header(stage, 0, packed, KERNEL - 1);
	assert_int_equal(kernel_find(stage), -ENOEXEC);
	kernel_header(stage, 0, packed + 1, KERNEL);
	assert_int_equal(kernel_find(stage), -ENOEXEC);
	kernel_header(stage, UINT32_MAX, packed, KERNEL);
	assert_int_equal(kernel_find(stage), -ENOEXEC);
	kernel_header(stage, 0, 0, KERNEL);
	assert_int_equal(kernel_find(stage), -ENOEXEC);
	kernel_header(stage, 0, packed, UINT32_MAX);
	memcpy(stage->image + SETUP + packed - 4, &huge, 4);
	assert_int_equal(kernel_find(stage), -ENOEXEC);
	memcpy(stage->image + SETUP + packed - 4, &more, 4);
	assert_int_equal(kernel_find(stage), -EBADMSG);
	memcpy(stage->image + SETUP + packed - 4, &less, 4);
	assert_int_equal(kernel_find(stage), -EBADMSG);
	stage->kernel[0] = 0;
	kernel_pack(stage, kernel_pack_zstd);
	assert_int_equal(kernel_find(stage), -EBADMSG);
}

/* In each format: no bytes are written behind the room, and nothing is left. */
static void damaged_payloads_are_not_unpacked(void **state)
{
	static size_t (*const packers[])(const uint8_t *in, uint8_t *out) = {
		kernel_pack_zstd, kernel_pack_lz4, kernel_pack_xz, kernel_pack_alone, kernel_pack_gzip};
	struct stage *stage = *state;
	char path[256];

	for (size_t i = 0; i < sizeof(packers) / sizeof(*packers); i++) {
		kernel_pack(stage, packers[i]);
		memset(stage->image + SETUP + stage->packed / 2, 0xff, 4096);
		assert_true(kernel_find(stage) < 0);
	}
	snprintf(path, sizeof(path), "%s/.lend-new", stage->folder);
	assert_int_equal(access(path, F_OK), -1);
}

/* Whether the check of the file is remembered. */
static bool is_remembered(const char *entry)
{
	char path[300];

	snprintf(path, sizeof(path), "%s.seen", entry);
	return !access(path, F_OK);
}

static int find_in(struct stage *stage, int kernel)
{
	int fd = kernel_cache_find(&stage->cache, kernel, &stage->size, &stage->error);

	assert_true(fd >= 0);
	return fd;
}

/*
 * In memory, where a write by a mapping leaves no time behind: what was checked is not read again.
 * Any other write is seen.
 */
static void what_was_checked_is_not_read_again(void **state)
{
	struct stage *stage = *state;
	char folder[] = "/dev/shm/lend-test-kernels-XXXXXX", entry[256];
	int kernel = memfd_create("kernel", MFD_CLOEXEC), fd;
	uint8_t *bytes;

	assert_non_null(mkdtemp(folder));
	stage->cache.folder = folder;
	snprintf(stage->folder, sizeof(stage->folder), "%s", folder);
	assert_int_equal(write(kernel, stage->image, SETUP + stage->packed), SETUP + stage->packed);
	stage->cache.settled_s = 3600;
	close(find_in(stage, kernel));
	close(find_in(stage, kernel));
	snprintf(entry, sizeof(entry), "%s", kernel_entry_path(stage));
	assert_false(is_remembered(entry)); /* both have just changed */
	stage->cache.settled_s = 0;
	close(find_in(stage, kernel));
	assert_true(is_remembered(entry));
	fd = open(entry, O_RDWR | O_CLOEXEC);
	bytes = mmap(NULL, KERNEL, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(bytes != MAP_FAILED);
	bytes[KERNEL / 2] ^= 1;
	close(find_in(stage, kernel));
	assert_true(bytes[KERNEL / 2] != stage->kernel[KERNEL / 2]);
	bytes[KERNEL / 2] ^= 1;
	munmap(bytes, KERNEL);
	close(fd);
	/* Another image is another matter, though its bytes are the same. */
	fd = memfd_create("kernel", MFD_CLOEXEC);
	assert_int_equal(write(fd, stage->image, SETUP + stage->packed), SETUP + stage->packed);
	flip(entry, 100);
	close(kernel);
	kernel = find_in(stage, fd);
	bytes = mmap(NULL, KERNEL, PROT_READ, MAP_PRIVATE, kernel, 0);
	assert_memory_equal(bytes, stage->kernel, KERNEL);
	munmap(bytes, KERNEL);
	close(kernel);
	close(fd);
	folder_remove(folder);
}

/* By its owner, between two looks at it; in its middle and at its end. */
static void an_image_that_is_cut_meanwhile_is_none(void **state)
{
	struct stage *stage = *state;
	int kernel = memfd_create("kernel", MFD_CLOEXEC), fd = memfd_create("entry", MFD_CLOEXEC);
	char name[ENTRY_NAME];
	struct payload payload;

	assert_int_equal(write(kernel, stage->image, SETUP + stage->packed), SETUP + stage->packed);
	assert_int_equal(payload_find(kernel, &payload), 0);
	assert_int_equal(entry_make(fd, kernel, &payload), 0);
	assert_true(entry_is_right(fd, kernel, &payload));
	for (off_t left = SETUP + (off_t)stage->packed - 1; left > 0; left /= 2) {
		assert_int_equal(ftruncate(kernel, left), 0);
		assert_int_equal(entry_name(kernel, &payload, name), -EBADMSG);
		assert_false(entry_is_right(fd, kernel, &payload));
		assert_int_equal(entry_make(fd, kernel, &payload), -EBADMSG);
	}
	close(kernel);
	close(fd);
}

int main(void)
{
#define CACHE_TEST(name) cmocka_unit_test_setup_teardown(name, kernel_stage_start, kernel_stage_end)
	const struct CMUnitTest tests[] = {
		CACHE_TEST(each_format_is_unpacked_once),
		CACHE_TEST(a_damaged_file_is_made_anew),
		CACHE_TEST(payloads_are_compared_as_a_whole),
		CACHE_TEST(images_that_lie_are_booted_as_they_are),
		CACHE_TEST(damaged_payloads_are_not_unpacked),
		CACHE_TEST(what_was_checked_is_not_read_again),
		CACHE_TEST(an_image_that_is_cut_meanwhile_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
