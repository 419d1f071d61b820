/* SPDX-License-Identifier: MIT */
/*
 * The flash chip as firmware uses it, and the file behind it: whole blocks, in the order of the
 * changes, also where the disk is full for a while. pwrite() and fdatasync() are doubles (Makefile).
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"
#include "vmm/firmware/flash.h"

enum { SIZE = 132 * FLASH_BLOCK, PROBE = 0x10 };

ssize_t __wrap_pwrite(int fd, const void *bytes, size_t length, off_t at);
int __wrap_fdatasync(int fd);
ssize_t __real_pwrite(int fd, const void *bytes, size_t length, off_t at);

/* What the disk does, and what was asked of it. */
static struct {
	int fail_from; /* the Nth write fails and all after it, from 1; 0: none */
	int error;     /* of these */
	int sync_error;
	size_t at_most; /* bytes that a call takes; 0: all */
	bool interrupt; /* the next call, once */
	unsigned writes, syncs;
	off_t order[64];
} disk;

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

struct stage {
	struct flash flash;
	int fd;
	bool shown;
	unsigned changes, lines;
	char line[512];
};

static void show(void *opaque, bool shown)
{
	struct stage *stage = opaque;

	assert_int_equal(stage->shown, !shown);
	stage->shown = shown;
	stage->changes++;
}

static void say(void *opaque, enum lend_log_level level, const char *text)
{
	struct stage *stage = opaque;

	(void)level;
	stage->lines++;
	snprintf(stage->line, sizeof(stage->line), "%s", text);
}

static void start(struct stage *stage, const struct flash_config *config)
{
	const struct flash_calls calls = {show, say, stage};

	stage->shown = true;
	assert_int_equal(flash_init(&stage->flash, config, &calls), 0);
}

static int set_up(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));
	uint8_t block[FLASH_BLOCK];

	memset(&disk, 0, sizeof(disk));
	memset(block, 0xff, sizeof(block));
	block[PROBE] = 0x8d;
	stage->fd = memfd_create("vars", MFD_CLOEXEC);
	for (unsigned i = 0; i < SIZE / FLASH_BLOCK; i++)
		assert_int_equal(write(stage->fd, block, sizeof(block)), sizeof(block));
	start(stage,
	      &(struct flash_config){.name = "vars.fd", .size = SIZE, .from = stage->fd, .fd = stage->fd});
	*state = stage;
	return 0;
}

static int tear_down(void **state)
{
	struct stage *stage = *state;

	flash_free(&stage->flash);
	close(stage->fd);
	free(stage);
	return 0;
}

/* The same chip with other properties. */
static void restart(struct stage *stage, bool rom, bool readonly)
{
	flash_free(&stage->flash);
	start(stage, &(struct flash_config){.name = "vars.fd",
					    .size = SIZE,
					    .from = stage->fd,
					    .fd = stage->fd,
					    .rom = rom,
					    .readonly = readonly});
}

static unsigned get(struct stage *stage, unsigned at)
{
	return (unsigned)flash_ops.read(&stage->flash, at, 1) & 0xff;
}

static void put(struct stage *stage, unsigned at, unsigned value)
{
	flash_ops.write(&stage->flash, at, 1, value);
}

static void store(struct stage *stage, unsigned at, unsigned value)
{
	put(stage, at, 0x10);
	put(stage, at, value);
}

static unsigned in_file(struct stage *stage, unsigned at)
{
	uint8_t byte;

	assert_int_equal(pread(stage->fd, &byte, 1, at), 1);
	return byte;
}

/* What firmware does before it believes that this is a chip: the accesses of a boot, in their order. */
static void firmware_finds_the_chip(void **state)
{
	struct stage *stage = *state;

	put(stage, PROBE, 0x50);
	assert_int_equal(get(stage, PROBE), 0x8d);
	assert_int_equal(stage->changes, 0);
	put(stage, PROBE, 0x70);
	assert_int_equal(get(stage, PROBE), 0x00);
	put(stage, PROBE, 0x10);
	put(stage, PROBE, 0x8d);
	put(stage, PROBE, 0x70);
	assert_int_equal(get(stage, PROBE) & 0x10, 0);
	assert_int_equal(get(stage, PROBE), 0x80);
	assert_false(stage->shown);
	put(stage, PROBE, 0xff);
	assert_true(stage->shown);
	assert_int_equal(get(stage, PROBE), 0x8d);
	assert_int_equal(stage->changes, 2);
	assert_int_equal(disk.writes, 0); /* nothing was changed */
	assert_int_equal(stage->lines, 0);
}

static void programming_clears_bits_alone(void **state)
{
	struct stage *stage = *state;

	store(stage, 0x64, 0x0f);
	store(stage, 0x65, 0xa5);
	assert_int_equal(get(stage, 0x64), 0x80);
	put(stage, 0x64, 0xff);
	assert_int_equal(get(stage, 0x64), 0x0f);
	put(stage, 0x64, 0x40);
	put(stage, 0x64, 0xf0);
	put(stage, 0x64, 0xff);
	assert_int_equal(get(stage, 0x64), 0x00);
	assert_int_equal(get(stage, 0x65), 0xa5);
	assert_int_equal(in_file(stage, 0x64), 0x00);
	assert_int_equal(in_file(stage, 0x65), 0xa5);
	/* A data byte may look like a command. */
	store(stage, 0x66, 0xff);
	assert_int_equal(get(stage, 0x66), 0x80);
}

static void erasing_takes_its_block_alone(void **state)
{
	struct stage *stage = *state;

	put(stage, FLASH_BLOCK + 5, 0x20);
	assert_int_equal(get(stage, FLASH_BLOCK + 5), 0);
	put(stage, FLASH_BLOCK + 5, 0xd0);
	assert_int_equal(get(stage, FLASH_BLOCK + 5), 0x80);
	put(stage, 0, 0xff);
	assert_int_equal(get(stage, FLASH_BLOCK + PROBE), 0xff);
	assert_int_equal(get(stage, PROBE), 0x8d);
	assert_int_equal(get(stage, 2 * FLASH_BLOCK + PROBE), 0x8d);
	assert_int_equal(in_file(stage, FLASH_BLOCK + PROBE), 0xff);
	put(stage, 0, 0x20);
	put(stage, 0, 0xff); /* no confirmation */
	assert_int_equal(get(stage, 0), 0xb0);
	put(stage, 0, 0x50);
	assert_int_equal(get(stage, PROBE), 0x8d);
	put(stage, 0, 0x70);
	assert_int_equal(get(stage, 0), 0);
}

static void every_state_but_the_array_gives_status(void **state)
{
	static const uint8_t commands[] = {0x70, 0x10, 0x40, 0x20, 0x90, 0x98};
	struct stage *stage = *state;

	for (unsigned i = 0; i < sizeof(commands); i++) {
		put(stage, PROBE, commands[i]);
		assert_int_equal(get(stage, PROBE), 0);
		assert_false(stage->shown);
		flash_reset(&stage->flash);
		assert_true(stage->shown);
		assert_int_equal(get(stage, PROBE), 0x8d);
	}
	put(stage, PROBE, 0x60);
	assert_int_equal(get(stage, PROBE), 0x8d);
	assert_string_equal(stage->line, "the guest gave its flash chip the unknown command 0x60");
	assert_int_equal(stage->lines, 1);
}

static void wide_accesses_are_bytes(void **state)
{
	struct stage *stage = *state;

	flash_ops.write(&stage->flash, 0x200, 4, 0x3410ff10);
	assert_int_equal(get(stage, 0x201), 0x80);
	put(stage, 0, 0xff);
	assert_int_equal(flash_ops.read(&stage->flash, 0x200, 4), UINT64_C(0xffffffff34ffffff));
	assert_int_equal(flash_ops.read(&stage->flash, PROBE, 8), UINT64_C(0xffffffffffffff8d));
}

/* An access belongs to the chip of its first byte; the bytes behind its end are nobody's. */
static void the_end_of_a_chip_is_no_way_out(void **state)
{
	struct stage *stage = *state;

	flash_ops.write(&stage->flash, SIZE - 1, 8, 0x00100010001000ff);
	assert_true(stage->shown);
	store(stage, SIZE - 1, 0x5a);
	put(stage, 0, 0xff);
	assert_int_equal(flash_ops.read(&stage->flash, SIZE - 1, 8), UINT64_C(0xffffffffffffff5a));
	assert_int_equal(flash_ops.read(&stage->flash, SIZE, 1), UINT64_MAX);
	flash_ops.write(&stage->flash, UINT64_MAX - 2, 8, 0x10);
	put(stage, SIZE - 1, 0x20);
	put(stage, SIZE - 1, 0xd0);
	flash_reset(&stage->flash);
	assert_int_equal(get(stage, SIZE - 1), 0xff);
}

static void code_is_rom(void **state)
{
	static const uint8_t probe[] = {0x50, 0x70, 0x10, 0x00, 0x70, 0x20, 0xd0, 0x60};
	struct stage *stage = *state;

	restart(stage, true, false);
	for (unsigned i = 0; i < sizeof(probe); i++) {
		put(stage, PROBE, probe[i]);
		assert_int_equal(get(stage, PROBE), 0x8d);
	}
	assert_int_equal(stage->changes + stage->lines + disk.writes, 0);
}

static void a_store_that_is_only_read_says_so(void **state)
{
	struct stage *stage = *state;

	restart(stage, false, true);
	store(stage, 0x64, 0);
	assert_int_equal(get(stage, 0x64), 0x90);
	put(stage, 0, 0x20);
	put(stage, 0, 0xd0);
	assert_int_equal(get(stage, 0) & 0x30, 0x30);
	put(stage, 0, 0xff);
	assert_int_equal(get(stage, 0x64), 0xff);
	assert_int_equal(get(stage, PROBE), 0x8d);
	flash_sync(&stage->flash);
	assert_int_equal(disk.writes + disk.syncs, 0);
}

static void a_lost_store_begins_empty_or_from_its_template(void **state)
{
	struct stage *stage = *state;

	flash_free(&stage->flash);
	start(stage, &(struct flash_config){.size = 2 * FLASH_BLOCK, .from = -1, .fd = -1});
	assert_int_equal(get(stage, PROBE), 0xff);
	store(stage, 0, 0x12);
	put(stage, 0, 0xff);
	assert_int_equal(get(stage, 0), 0x12);
	assert_int_equal(flash_sync(&stage->flash), 0);
	flash_free(&stage->flash);
	start(stage, &(struct flash_config){
			     .size = FLASH_BLOCK, .from = stage->fd, .from_offset = FLASH_BLOCK, .fd = -1});
	assert_int_equal(get(stage, PROBE), 0x8d);
	store(stage, 0, 0x12);
	put(stage, 0, 0xff);
	assert_int_equal(disk.writes + disk.syncs, 0);
	assert_int_equal(in_file(stage, FLASH_BLOCK), 0xff);
}

static void blocks_are_written_whole_and_in_order(void **state)
{
	struct stage *stage = *state;

	store(stage, 7 * FLASH_BLOCK + 9, 0x11);
	store(stage, 2 * FLASH_BLOCK, 0x22);
	store(stage, 7 * FLASH_BLOCK, 0x33);
	store(stage, SIZE - 1, 0x44);
	assert_int_equal(disk.writes, 0); /* the burst goes on */
	put(stage, 0, 0xff);
	assert_int_equal(disk.writes, 3);
	assert_int_equal(disk.order[0], 7 * FLASH_BLOCK);
	assert_int_equal(disk.order[1], 2 * FLASH_BLOCK);
	assert_int_equal(disk.order[2], SIZE - FLASH_BLOCK);
	assert_int_equal(in_file(stage, 7 * FLASH_BLOCK + 9), 0x11);
	assert_int_equal(in_file(stage, SIZE - 1), 0x44);
	put(stage, 0, 0x70);
	put(stage, 0, 0xff);
	assert_int_equal(disk.writes, 3);
	assert_int_equal(disk.syncs, 0);
	assert_int_equal(flash_sync(&stage->flash), 0);
	assert_int_equal(flash_sync(&stage->flash), 0);
	assert_int_equal(disk.syncs, 1);
}

static void short_and_interrupted_writes_go_on(void **state)
{
	struct stage *stage = *state;

	disk.at_most = 1000;
	disk.interrupt = true;
	store(stage, 3 * FLASH_BLOCK + 4095, 0x11);
	put(stage, 0, 0xff);
	assert_int_equal(disk.writes, 5);
	assert_int_equal(in_file(stage, 3 * FLASH_BLOCK + 4095), 0x11);
	assert_int_equal(stage->lines, 0);
}

static void a_full_disk_loses_nothing(void **state)
{
	struct stage *stage = *state;

	disk.fail_from = 2;
	disk.error = ENOSPC;
	for (unsigned i = 0; i < 3; i++)
		store(stage, i * FLASH_BLOCK, 0x11 * (i + 1));
	put(stage, 0, 0xff);
	assert_int_equal(stage->lines, 1);
	assert_non_null(strstr(stage->line, "vars.fd: No space left on device"));
	assert_int_equal(in_file(stage, 0), 0x11);
	assert_int_equal(in_file(stage, FLASH_BLOCK), 0xff);
	assert_int_equal(get(stage, FLASH_BLOCK), 0x22); /* the guest's own view is whole */
	store(stage, 5 * FLASH_BLOCK, 0x55);
	put(stage, 0, 0xff);
	assert_int_equal(flash_sync(&stage->flash), -ENOSPC);
	assert_int_equal(stage->lines, 1); /* said already */
	disk.fail_from = 0;
	disk.writes = 0;
	assert_int_equal(flash_sync(&stage->flash), 0);
	assert_int_equal(disk.writes, 3);
	assert_int_equal(disk.order[0], FLASH_BLOCK); /* in their first order */
	assert_int_equal(disk.order[2], 5 * FLASH_BLOCK);
	assert_int_equal(in_file(stage, 2 * FLASH_BLOCK), 0x33);
	assert_int_equal(stage->lines, 2);
	assert_non_null(strstr(stage->line, "again"));
}

static void a_disk_that_takes_nothing_ends_no_machine(void **state)
{
	struct stage *stage = *state;

	disk.fail_from = 1;
	disk.error = 0; /* pwrite() returns 0 */
	store(stage, 0, 0);
	put(stage, 0, 0xff);
	assert_non_null(strstr(stage->line, "Input/output error"));
	disk.fail_from = 0;
	disk.sync_error = EIO;
	assert_int_equal(flash_sync(&stage->flash), -EIO);
	disk.sync_error = 0;
	assert_int_equal(flash_sync(&stage->flash), 0);
	assert_int_equal(disk.syncs, 2);
}

/* For ever: bursts, each of which makes the two ends of a block equal and different from before. */
static void hammer(struct stage *stage, int started)
{
	for (unsigned burst = 0;; burst++) {
		unsigned block = burst % 7 * FLASH_BLOCK, value = burst % 251;

		put(stage, block, 0x20);
		put(stage, block, 0xd0);
		store(stage, block, value);
		store(stage, block + FLASH_BLOCK - 1, value);
		put(stage, 0, 0xff);
		if (burst == 100)
			assert_int_equal(write(started, "x", 1), 1);
	}
}

static void a_killed_machine_leaves_whole_blocks(void **state)
{
	struct stage *stage = *state;
	int ends[2], status;
	char byte;

	assert_int_equal(pipe(ends), 0);
	for (unsigned round = 0; round < 20; round++) {
		pid_t child = fork();

		if (!child)
			hammer(stage, ends[1]);
		assert_int_equal(read(ends[0], &byte, 1), 1);
		assert_int_equal(kill(child, SIGKILL), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		for (unsigned block = 0; block < 7; block++)
			assert_int_equal(in_file(stage, block * FLASH_BLOCK),
					 in_file(stage, (block + 1) * FLASH_BLOCK - 1));
	}
	close(ends[0]);
	close(ends[1]);
}

static void a_reset_ends_a_burst(void **state)
{
	struct stage *stage = *state;

	store(stage, 0, 0x42);
	put(stage, 0, 0x20);
	flash_reset(&stage->flash);
	assert_true(stage->shown);
	assert_int_equal(in_file(stage, 0), 0x42);
	assert_int_equal(disk.syncs, 1);
	put(stage, 0, 0xd0); /* confirms nothing any more: an unknown command */
	assert_int_equal(get(stage, PROBE), 0x8d);
}

static void sizes_that_are_none_are_refused(void **state)
{
	static const uint32_t sizes[] = {0, 1, FLASH_BLOCK - 1, FLASH_BLOCK + 1, FLASH_MAX + FLASH_BLOCK};
	struct stage *stage = *state;
	const struct flash_calls calls = {show, say, stage};
	struct flash other;

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		assert_int_equal(flash_init(&other,
					    &(struct flash_config){.size = sizes[i], .from = -1, .fd = -1},
					    &calls),
				 -EINVAL);
	assert_int_equal(flash_init(&other,
				    &(struct flash_config){
					    .size = SIZE + FLASH_BLOCK, .from = stage->fd, .fd = stage->fd},
				    &calls),
			 -EIO);
	assert_int_equal(
		flash_init(&other, &(struct flash_config){.size = SIZE, .from = 1 << 20, .fd = -1}, &calls),
		-EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(firmware_finds_the_chip, set_up, tear_down),
		cmocka_unit_test_setup_teardown(programming_clears_bits_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(erasing_takes_its_block_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(every_state_but_the_array_gives_status, set_up, tear_down),
		cmocka_unit_test_setup_teardown(wide_accesses_are_bytes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_end_of_a_chip_is_no_way_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(code_is_rom, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_store_that_is_only_read_says_so, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_lost_store_begins_empty_or_from_its_template, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(blocks_are_written_whole_and_in_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(short_and_interrupted_writes_go_on, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_full_disk_loses_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_disk_that_takes_nothing_ends_no_machine, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_killed_machine_leaves_whole_blocks, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_reset_ends_a_burst, set_up, tear_down),
		cmocka_unit_test_setup_teardown(sizes_that_are_none_are_refused, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
