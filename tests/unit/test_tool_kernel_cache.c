/* SPDX-License-Identifier: MIT */
/* The cache of unpacked kernels: each format, what is not taken from it, and what leaves it. */
#include <asm/bootparam.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <lz4.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/folder.h"
#include "tool/run/kernel/cache.h"
#include "tool/run/kernel/entry.h"

enum { KERNEL = 9 << 20, PACKED_MAX = 12 << 20, SETUP = 1024 };

struct stage {
	char root[64], folder[128];
	struct kernel_cache cache;
	struct lend_error error;
	uint64_t size;
	uint8_t *kernel, *image; /* the image: a header, and then the payload */
	size_t packed;
};

static size_t pack_zstd(const uint8_t *in, uint8_t *out)
{
	return ZSTD_compress(out, PACKED_MAX, in, KERNEL, 1);
}

static size_t pack_lz4(const uint8_t *in, uint8_t *out)
{
	size_t at = 4;

	memcpy(out, "\x02\x21\x4c\x18", 4);
	for (size_t done = 0; done < KERNEL; done += 8 << 20) {
		size_t left = KERNEL - done, length = left < 8 << 20 ? left : 8 << 20;
		int size = LZ4_compress_default((const char *)in + done, (char *)out + at + 4, (int)length,
						LZ4_compressBound(8 << 20));

		memcpy(out + at, &size, 4);
		at += 4 + (size_t)size;
	}
	return at;
}

static size_t pack_lzma(const uint8_t *in, uint8_t *out, bool alone)
{
	lzma_stream stream = LZMA_STREAM_INIT;
	lzma_options_lzma options;

	lzma_lzma_preset(&options, 0);
	options.dict_size = 8 << 20;
	assert_int_equal(alone ? lzma_alone_encoder(&stream, &options)
			       : lzma_easy_encoder(&stream, 0, LZMA_CHECK_CRC32),
			 LZMA_OK);
	stream.next_in = in;
	stream.avail_in = KERNEL;
	stream.next_out = out;
	stream.avail_out = PACKED_MAX;
	assert_int_equal(lzma_code(&stream, LZMA_FINISH), LZMA_STREAM_END);
	lzma_end(&stream);
	return PACKED_MAX - stream.avail_out;
}

static size_t pack_xz(const uint8_t *in, uint8_t *out)
{
	return pack_lzma(in, out, false);
}

static size_t pack_alone(const uint8_t *in, uint8_t *out)
{
	return pack_lzma(in, out, true);
}

static size_t pack_gzip(const uint8_t *in, uint8_t *out)
{
	z_stream stream = {.avail_in = KERNEL, .next_out = out, .avail_out = PACKED_MAX};

	stream.next_in = (z_const Bytef *)in;
	assert_int_equal(deflateInit2(&stream, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	deflateEnd(&stream);
	return PACKED_MAX - stream.avail_out - 4; /* its last four bytes are the size already */
}

static size_t pack_otherwise(const uint8_t *in, uint8_t *out)
{
	memcpy(out, in, KERNEL);
	memcpy(out, "BZh9", 4);
	return KERNEL;
}

static void put_header(struct stage *stage, uint32_t offset, uint32_t length, uint32_t room)
{
	const struct setup_header header = {.setup_sects = 1,
					    .header = 0x53726448,
					    .version = 0x020f,
					    .xloadflags = XLF_KERNEL_64,
					    .init_size = room,
					    .payload_offset = offset,
					    .payload_length = length};

	memcpy(stage->image + 0x1f1, &header, sizeof(header));
}

static void pack(struct stage *stage, size_t (*packer)(const uint8_t *in, uint8_t *out))
{
	const uint32_t size = KERNEL;

	stage->packed = packer(stage->kernel, stage->image + SETUP);
	memcpy(stage->image + SETUP + stage->packed, &size, 4);
	stage->packed += 4;
	put_header(stage, 0, (uint32_t)stage->packed, KERNEL + 4096);
}

static int setup(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));
	uint32_t random = 1;

	assert_non_null(stage);
	strcpy(stage->root, "/tmp/lend-test-kernels-XXXXXX");
	assert_non_null(mkdtemp(stage->root));
	snprintf(stage->folder, sizeof(stage->folder), "%s/a/b", stage->root);
	stage->cache.folder = stage->folder;
	stage->cache.settled_s = 3600; /* files that a test damages are younger */
	stage->kernel = calloc(1, KERNEL);
	stage->image = calloc(1, SETUP + PACKED_MAX);
	assert_true(stage->kernel && stage->image);
	for (size_t i = 0; i < KERNEL; i += 64) {
		random = random * 1664525 + 1013904223;
		memcpy(stage->kernel + i, &random, sizeof(random));
	}
	memcpy(stage->kernel, ELFMAG, SELFMAG);
	stage->kernel[EI_CLASS] = ELFCLASS64;
	pack(stage, pack_zstd);
	*state = stage;
	return 0;
}

static int teardown(void **state)
{
	struct stage *stage = *state;

	folder_remove(stage->root);
	if (!strncmp(stage->folder, "/dev/shm/", strlen("/dev/shm/")))
		folder_remove(stage->folder);
	free(stage->kernel);
	free(stage->image);
	free(stage);
	return 0;
}

static int find(struct stage *stage)
{
	int kernel = memfd_create("kernel", MFD_CLOEXEC), fd;

	assert_int_equal(write(kernel, stage->image, SETUP + stage->packed), SETUP + stage->packed);
	stage->error.text[0] = '\0';
	fd = kernel_cache_find(&stage->cache, kernel, &stage->size, &stage->error);
	close(kernel);
	if (fd < 0)
		assert_true(stage->error.text[0]);
	return fd;
}

/* Gives the file another name, too, so that its inode is not given to the next one. */
static void hold(const struct stage *stage, int fd)
{
	static unsigned number;
	char from[64], to[128];

	snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
	snprintf(to, sizeof(to), "%s/held-%u", stage->root, number++);
	assert_int_equal(linkat(AT_FDCWD, from, AT_FDCWD, to, AT_SYMLINK_FOLLOW), 0);
}

/* It is the kernel; returns its inode, by which files are told apart. */
static ino_t find_right(struct stage *stage)
{
	int fd = find(stage);
	struct stat st;
	uint8_t *bytes;

	if (fd < 0)
		fail_msg("%s", stage->error.text);
	assert_int_equal(stage->size, KERNEL);
	bytes = mmap(NULL, KERNEL, PROT_READ, MAP_PRIVATE, fd, 0);
	assert_true(bytes != MAP_FAILED);
	assert_memory_equal(bytes, stage->kernel, KERNEL);
	munmap(bytes, KERNEL);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(write(fd, "x", 1), -1);
	hold(stage, fd);
	close(fd);
	return st.st_ino;
}

/* The only file of the cache. */
static const char *entry_path(struct stage *stage)
{
	static char path[256];
	char command[256];
	FILE *listed;

	snprintf(command, sizeof(command), "ls -d %s/*", stage->folder);
	listed = popen(command, "r");
	assert_non_null(fgets(path, sizeof(path), listed));
	assert_null(fgets(command, sizeof(command), listed));
	pclose(listed);
	path[strcspn(path, "\n")] = '\0';
	return path;
}

static void each_format_is_unpacked_once(void **state)
{
	static size_t (*const packers[])(const uint8_t *in, uint8_t *out) = {pack_zstd, pack_lz4, pack_xz,
									     pack_alone, pack_gzip};
	struct stage *stage = *state;

	for (size_t i = 0; i < sizeof(packers) / sizeof(*packers); i++) {
		ino_t first;

		pack(stage, packers[i]);
		first = find_right(stage);
		assert_int_equal(find_right(stage), first);
	}
	pack(stage, pack_otherwise);
	assert_int_equal(find(stage), -ENOEXEC);
}

/* Each is made anew, and nothing of the old one is used. */
static void what_may_not_be_ours_is_not_used(void **state)
{
	struct stage *stage = *state;
	ino_t first = find_right(stage);
	const char *path = entry_path(stage);
	char other[300];

	assert_int_equal(chmod(path, 0620), 0);
	assert_int_not_equal(find_right(stage), first);
	first = find_right(stage);
	assert_int_equal(chmod(path, 0602), 0);
	assert_int_not_equal(find_right(stage), first);
	snprintf(other, sizeof(other), "%s/other", stage->root);
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(symlink(other, path), 0);
	find_right(stage);
	assert_int_equal(find_right(stage), find_right(stage));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	find_right(stage);
	if (!geteuid()) {
		assert_int_equal(chown(path, 1, 1), 0);
		first = find_right(stage);
		assert_int_equal(find_right(stage), first);
	}
}

static void a_folder_of_others_is_refused(void **state)
{
	struct stage *stage = *state;

	find_right(stage);
	assert_int_equal(chmod(stage->folder, 0770), 0);
	assert_int_equal(find(stage), -EPERM);
	assert_non_null(strstr(stage->error.text, stage->folder));
	assert_int_equal(chmod(stage->folder, 0707), 0);
	assert_int_equal(find(stage), -EPERM);
	assert_int_equal(chmod(stage->folder, 0700), 0);
	if (!geteuid()) {
		assert_int_equal(chown(stage->folder, 1, 1), 0);
		assert_int_equal(find(stage), -EPERM);
		assert_int_equal(chown(stage->folder, 0, 0), 0);
	}
	folder_remove(stage->folder);
	assert_int_equal(symlink(stage->root, stage->folder), 0);
	assert_true(find(stage) < 0);
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
		ino_t first = find_right(stage);
		const char *path = entry_path(stage);

		assert_int_equal(stat(path, &st), 0);
		flip(path, i < 6 ? places[i] : st.st_size - 1 - 8 * (off_t)(i - 6));
		assert_int_not_equal(find_right(stage), first);
		assert_int_equal(truncate(path, st.st_size - 1 - (off_t)i * 1000), 0);
		find_right(stage);
		assert_int_equal(truncate(path, st.st_size + 1), 0);
		find_right(stage);
	}
}

/* Another payload of the same name: nobody can make an image that gets another one's kernel. */
static void payloads_are_compared_as_a_whole(void **state)
{
	struct stage *stage = *state;
	uint8_t *bytes;
	int fd;

	find_right(stage);
	stage->image[SETUP + stage->packed / 3] ^= 1;
	fd = find(stage); /* a literal of its format, which has no checksum of its own */
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

	put_header(stage, 0, packed, KERNEL - 1);
	assert_int_equal(find(stage), -ENOEXEC);
	put_header(stage, 0, packed + 1, KERNEL);
	assert_int_equal(find(stage), -ENOEXEC);
	put_header(stage, UINT32_MAX, packed, KERNEL);
	assert_int_equal(find(stage), -ENOEXEC);
	put_header(stage, 0, 0, KERNEL);
	assert_int_equal(find(stage), -ENOEXEC);
	put_header(stage, 0, packed, UINT32_MAX);
	memcpy(stage->image + SETUP + packed - 4, &huge, 4);
	assert_int_equal(find(stage), -ENOEXEC);
	memcpy(stage->image + SETUP + packed - 4, &more, 4);
	assert_int_equal(find(stage), -EBADMSG);
	memcpy(stage->image + SETUP + packed - 4, &less, 4);
	assert_int_equal(find(stage), -EBADMSG);
	stage->kernel[0] = 0;
	pack(stage, pack_zstd);
	assert_int_equal(find(stage), -EBADMSG);
}

/* In each format: no bytes are written behind the room, and nothing is left. */
static void damaged_payloads_are_not_unpacked(void **state)
{
	static size_t (*const packers[])(const uint8_t *in, uint8_t *out) = {pack_zstd, pack_lz4, pack_xz,
									     pack_alone, pack_gzip};
	struct stage *stage = *state;
	char path[256];

	for (size_t i = 0; i < sizeof(packers) / sizeof(*packers); i++) {
		pack(stage, packers[i]);
		memset(stage->image + SETUP + stage->packed / 2, 0xff, 4096);
		assert_true(find(stage) < 0);
	}
	snprintf(path, sizeof(path), "%s/.lend-new", stage->folder);
	assert_int_equal(access(path, F_OK), -1);
}

static void the_oldest_leave(void **state)
{
	struct stage *stage = *state;
	const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	ino_t second;
	char oldest[256];

	stage->cache.bytes_max = 2 * KERNEL + KERNEL / 2;
	find_right(stage);
	strcpy(oldest, entry_path(stage));
	assert_int_equal(utimensat(AT_FDCWD, oldest, old, 0), 0);
	stage->kernel[KERNEL - 1] = 1;
	pack(stage, pack_zstd);
	second = find_right(stage);
	assert_int_equal(access(oldest, F_OK), 0);
	stage->kernel[KERNEL - 1] = 2;
	pack(stage, pack_zstd);
	find_right(stage);
	assert_int_equal(access(oldest, F_OK), -1);
	stage->kernel[KERNEL - 1] = 1;
	pack(stage, pack_zstd);
	assert_int_equal(find_right(stage), second);
	stage->cache.bytes_max = KERNEL; /* less than one needs */
	stage->kernel[KERNEL - 1] = 3;
	pack(stage, pack_zstd);
	assert_int_equal(find(stage), -ENOSPC);
	stage->kernel[KERNEL - 1] = 1; /* nothing left for one that does not fit */
	pack(stage, pack_zstd);
	assert_int_equal(find_right(stage), second);
}

static off_t size_of(const char *folder, const char *name)
{
	char path[256];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return stat(path, &st) ? -1 : st.st_size;
}

/* The user may name any folder: what has no name of ours is neither counted nor removed. */
static void other_files_stay(void **state)
{
	static const char *const names[] = {"disk.img",
					    "new",
					    "0123456789abcdef",
					    "0123456789abcdef-0123456",
					    "0123456789abcdef-012345678",
					    "0123456789abcdef-0123456g",
					    "0123456789ABCDEF-01234567",
					    "0123456789abcdef_01234567",
					    "0123456789abcdef-01234567.save"};
	static const char ours[] = "0123456789abcdef-01234567", seen[] = "0123456789abcdef-01234568.seen";
	const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	struct stage *stage = *state;

	find_right(stage);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names) + 2; i++) {
		const char *name = i < sizeof(names) / sizeof(*names)    ? names[i]
				   : i == sizeof(names) / sizeof(*names) ? ours
									 : seen;
		char path[256];
		int fd;

		snprintf(path, sizeof(path), "%s/%s", stage->folder, name);
		fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		assert_true(fd >= 0);
		assert_int_equal(ftruncate(fd, 1 << 30), 0);
		assert_int_equal(futimens(fd, old), 0);
		close(fd);
	}
	stage->kernel[KERNEL - 1] = 1;
	pack(stage, pack_zstd);
	find_right(stage);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_int_equal(size_of(stage->folder, names[i]), 1 << 30);
	assert_int_equal(size_of(stage->folder, ours), -1);
	assert_int_equal(size_of(stage->folder, seen), -1);
}

/* What is used keeps its place, though it was made long ago. */
static void use_makes_young(void **state)
{
	struct stage *stage = *state;
	const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	struct stat st;

	find_right(stage);
	assert_int_equal(utimensat(AT_FDCWD, entry_path(stage), old, 0), 0);
	find_right(stage);
	assert_int_equal(stat(entry_path(stage), &st), 0);
	assert_true(st.st_mtime > 1000);
}

static void nobody_waits_for_another_process(void **state)
{
	struct stage *stage = *state;
	int folder;

	find_right(stage);
	folder = open(stage->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(flock(folder, LOCK_EX), 0);
	find_right(stage); /* what is there is found all the same */
	stage->kernel[KERNEL - 1] = 1;
	pack(stage, pack_zstd);
	assert_int_equal(find(stage), -EBUSY);
	close(folder);
	find_right(stage);
}

/* A process that was killed leaves a file that is none. */
static void a_half_made_file_is_replaced(void **state)
{
	struct stage *stage = *state;
	char path[256];

	find_right(stage);
	snprintf(path, sizeof(path), "%s/.lend-new", stage->folder);
	assert_int_equal(rename(entry_path(stage), path), 0);
	assert_int_equal(truncate(path, 4096), 0);
	find_right(stage);
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
	snprintf(entry, sizeof(entry), "%s", entry_path(stage));
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

static void the_folder_is_the_users(void **state)
{
	struct stage *stage = *state;
	char path[256];

	stage->cache.folder = NULL;
	assert_int_equal(find(stage), -ENOENT);
	stage->cache.home.home = "relative";
	assert_int_equal(find(stage), -ENOENT);
	stage->cache.home.home = stage->root;
	find_right(stage);
	snprintf(path, sizeof(path), "%s/.cache/lend/kernels", stage->root);
	assert_int_equal(access(path, F_OK), 0);
	snprintf(path, sizeof(path), "%s/xdg", stage->root);
	stage->cache.home.cache = path;
	find_right(stage);
	snprintf(stage->folder, sizeof(stage->folder), "%s/xdg/lend/kernels", stage->root);
	assert_int_equal(access(stage->folder, F_OK), 0);
}

int main(void)
{
#define CACHE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CACHE_TEST(each_format_is_unpacked_once),
		CACHE_TEST(what_may_not_be_ours_is_not_used),
		CACHE_TEST(a_folder_of_others_is_refused),
		CACHE_TEST(a_damaged_file_is_made_anew),
		CACHE_TEST(payloads_are_compared_as_a_whole),
		CACHE_TEST(images_that_lie_are_booted_as_they_are),
		CACHE_TEST(damaged_payloads_are_not_unpacked),
		CACHE_TEST(the_oldest_leave),
		CACHE_TEST(other_files_stay),
		CACHE_TEST(use_makes_young),
		CACHE_TEST(nobody_waits_for_another_process),
		CACHE_TEST(a_half_made_file_is_replaced),
		CACHE_TEST(what_was_checked_is_not_read_again),
		CACHE_TEST(an_image_that_is_cut_meanwhile_is_none),
		CACHE_TEST(the_folder_is_the_users),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
