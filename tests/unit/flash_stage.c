/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/flash_stage.h"

ssize_t __wrap_pwrite(int fd, const void *bytes, size_t length, off_t at);
int __wrap_fdatasync(int fd);
ssize_t __real_pwrite(int fd, const void *bytes, size_t length, off_t at);

struct flash_disk disk;

ssize_t __wrap_pwrite(int fd, const void *bytes, size_t length, off_t at)
{
	if (disk.interrupt) {
		disk.interrupt = false;
		errno = EINTR;
		return -1;
	}
	if (disk.writes < sizeof(disk.order) / sizeof(*disk.order))
		disk.order[disk.writes] = at;
	disk.writes++;
	if (disk.fail_from && (int)disk.writes >= disk.fail_from) {
		errno = disk.error;
		return disk.error ? -1 : 0;
	}
	return __real_pwrite(fd, bytes, disk.at_most && length > disk.at_most ? disk.at_most : length, at);
}

int __wrap_fdatasync(int fd)
{
	(void)fd;
	disk.syncs++;
	errno = disk.sync_error;
	return disk.sync_error ? -1 : 0;
}

static void show(void *opaque, bool shown)
{
	struct stage *stage = opaque;

	assert_int_equal(stage->shown, !shown);
	stage->shown = shown;
	stage->kept = !shown;
	stage->changes++;
}

static void keep(void *opaque, bool kept)
{
	struct stage *stage = opaque;

	assert_false(stage->shown);
	stage->kept = kept;
}

static void say(void *opaque, enum lend_log_level level, const char *text)
{
	struct stage *stage = opaque;

	(void)level;
	stage->lines++;
	snprintf(stage->line, sizeof(stage->line), "%s", text);
}

struct flash_calls flash_stage_calls(struct stage *stage)
{
	return (struct flash_calls){.show = show, .keep = keep, .say = say, .opaque = stage};
}

void flash_stage_make(struct stage *stage, const struct flash_config *config)
{
	const struct flash_calls calls = flash_stage_calls(stage);

	stage->shown = true;
	assert_int_equal(flash_init(&stage->flash, config, &calls), 0);
}

int flash_stage_start(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));
	uint8_t block[FLASH_BLOCK];

	memset(&disk, 0, sizeof(disk));
	memset(block, 0xff, sizeof(block));
	block[PROBE] = 0x8d;
	stage->fd = memfd_create("vars", MFD_CLOEXEC);
	for (unsigned i = 0; i < SIZE / FLASH_BLOCK; i++)
		assert_int_equal(write(stage->fd, block, sizeof(block)), sizeof(block));
	flash_stage_make(stage, &(struct flash_config){
					.name = "vars.fd", .size = SIZE, .from = stage->fd, .fd = stage->fd});
	*state = stage;
	return 0;
}

int flash_stage_end(void **state)
{
	struct stage *stage = *state;

	flash_free(&stage->flash);
	close(stage->fd);
	free(stage);
	return 0;
}

void flash_stage_restart(struct stage *stage, bool rom, bool readonly)
{
	flash_free(&stage->flash);
	flash_stage_make(stage, &(struct flash_config){.name = "vars.fd",
						       .size = SIZE,
						       .from = stage->fd,
						       .fd = stage->fd,
						       .rom = rom,
						       .readonly = readonly});
}

unsigned get(struct stage *stage, unsigned at)
{
	return (unsigned)flash_ops.read(&stage->flash, at, 1) & 0xff;
}

void put(struct stage *stage, unsigned at, unsigned value)
{
	flash_ops.write(&stage->flash, at, 1, value);
}

void store(struct stage *stage, unsigned at, unsigned value)
{
	put(stage, at, 0x10);
	put(stage, at, value);
}

unsigned in_file(struct stage *stage, unsigned at)
{
	uint8_t byte;

	assert_int_equal(pread(stage->fd, &byte, 1, at), 1);
	return byte;
}
