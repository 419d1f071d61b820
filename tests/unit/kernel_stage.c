/* SPDX-License-Identifier: MIT */
/* See kernel_stage.h. */
#include <asm/bootparam.h>
#include <elf.h>
#include <fcntl.h>
#include <lz4.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/folder.h"
#include "tests/unit/kernel_stage.h"

size_t kernel_pack_zstd(const uint8_t *in, uint8_t *out)
{
	return ZSTD_compress(out, PACKED_MAX, in, KERNEL, 1);
}

size_t kernel_pack_lz4(const uint8_t *in, uint8_t *out)
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

size_t kernel_pack_xz(const uint8_t *in, uint8_t *out)
{
	return pack_lzma(in, out, false);
}

size_t kernel_pack_alone(const uint8_t *in, uint8_t *out)
{
	return pack_lzma(in, out, true);
}

size_t kernel_pack_gzip(const uint8_t *in, uint8_t *out)
{
	z_stream stream = {.avail_in = KERNEL, .next_out = out, .avail_out = PACKED_MAX};

	stream.next_in = (z_const Bytef *)in;
	assert_int_equal(deflateInit2(&stream, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	deflateEnd(&stream);
	return PACKED_MAX - stream.avail_out - 4; /* its last four bytes are the size already */
}

size_t kernel_pack_otherwise(const uint8_t *in, uint8_t *out)
{
	memcpy(out, in, KERNEL);
	memcpy(out, "BZh9", 4);
	return KERNEL;
}

void kernel_header(struct stage *stage, uint32_t offset, uint32_t length, uint32_t room)
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

void kernel_pack(struct stage *stage, size_t (*packer)(const uint8_t *in, uint8_t *out))
{
	const uint32_t size = KERNEL;

	stage->packed = packer(stage->kernel, stage->image + SETUP);
	memcpy(stage->image + SETUP + stage->packed, &size, 4);
	stage->packed += 4;
	kernel_header(stage, 0, (uint32_t)stage->packed, KERNEL + 4096);
}

int kernel_stage_start(void **state)
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
	kernel_pack(stage, kernel_pack_zstd);
	*state = stage;
	return 0;
}

int kernel_stage_end(void **state)
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

int kernel_find(struct stage *stage)
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

ino_t kernel_find_right(struct stage *stage)
{
	int fd = kernel_find(stage);
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

const char *kernel_entry_path(struct stage *stage)
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
