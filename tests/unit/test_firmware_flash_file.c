/* SPDX-License-Identifier: MIT */
/*
 * The file behind a flash chip: whole blocks, in the order of the changes, also where the disk is full
 * for a while, or fails.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/flash_stage.h"

static void a_lost_store_begins_empty_or_from_its_template(void **state)
{
	struct stage *stage = *state;

	flash_free(&stage->flash);
	flash_stage_make(stage, &(struct flash_config){.size = 2 * FLASH_BLOCK, .from = -1, .fd = -1});
	assert_int_equal(get(stage, PROBE), 0xff);
	store(stage, 0, 0x12);
	put(stage, 0, 0xff);
	assert_int_equal(get(stage, 0), 0x12);
	assert_int_equal(flash_sync(&stage->flash), 0);
	flash_free(&stage->flash);
	flash_stage_make(
		stage, &(struct flash_config){
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
	assert_int_equal(in_file(stage, 0), 0xff);
	store(stage, 0, 0);
	put(stage, 0, 0xff);
	assert_non_null(strstr(stage->line, "Input/output error"));
	disk.fail_from = 0;
	assert_int_equal(flash_sync(&stage->flash), 0);
	assert_int_equal(in_file(stage, 0), 0);
}

/* The kernel drops what it could not write, and says so to the next fdatasync() alone. */
static void what_the_disk_lost_is_written_again(void **state)
{
	struct stage *stage = *state;

	store(stage, 5 * FLASH_BLOCK, 0x55);
	put(stage, 0, 0xff);
	assert_int_equal(disk.writes, 1);
	disk.sync_error = EIO;
	assert_int_equal(flash_sync(&stage->flash), -EIO);
	assert_int_equal(stage->lines, 1);
	assert_int_equal(flash_sync(&stage->flash), -EIO);
	assert_int_equal(disk.writes, 1 + SIZE / FLASH_BLOCK);
	assert_int_equal(stage->lines, 1); /* said already */
	disk.sync_error = 0;
	assert_int_equal(flash_sync(&stage->flash), 0);
	assert_int_equal(disk.writes, 1 + 2 * SIZE / FLASH_BLOCK);
	assert_non_null(strstr(stage->line, "again"));
	assert_int_equal(flash_sync(&stage->flash), 0);
	assert_int_equal(disk.syncs, 3);
	assert_int_equal(stage->lines, 2);
}

static void each_burst_is_on_the_disk_where_that_is_asked(void **state)
{
	struct stage *stage = *state;

	flash_free(&stage->flash);
	flash_stage_make(
		stage,
		&(struct flash_config){
			.name = "vars.fd", .size = SIZE, .from = stage->fd, .fd = stage->fd, .sync = true});
	store(stage, FLASH_BLOCK, 0x11);
	store(stage, 2 * FLASH_BLOCK, 0x22);
	assert_int_equal(disk.syncs, 0);
	put(stage, 0, 0xff);
	assert_int_equal(disk.syncs, 1);
	put(stage, 0, 0x70); /* nothing is changed */
	put(stage, 0, 0xff);
	assert_int_equal(disk.syncs, 1);
	disk.sync_error = EIO;
	store(stage, FLASH_BLOCK, 0x10);
	put(stage, 0, 0xff);
	assert_int_equal(stage->lines, 1);
	assert_int_equal(get(stage, FLASH_BLOCK), 0x10);
	disk.sync_error = 0;
	store(stage, FLASH_BLOCK, 0);
	put(stage, 0, 0xff);
	assert_non_null(strstr(stage->line, "again"));
	assert_int_equal(disk.syncs, 3);
}

static void *look(void *opaque)
{
	assert_int_equal(get(opaque, 2 * FLASH_BLOCK), 0x01);
	return NULL;
}

/* Another processor reads before the batch has ended; and a batch ends within a burst. */
static void another_looks_within_a_batch(struct stage *stage)
{
	pthread_t thread;

	disk.syncs = 0;
	flash_batch(&stage->flash, true);
	store(stage, 2 * FLASH_BLOCK, 0x01);
	put(stage, 0, 0xff);
	assert_false(stage->shown);
	assert_int_equal(pthread_create(&thread, NULL, look, stage), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(disk.syncs, 1);
	assert_true(stage->shown);
	store(stage, 2 * FLASH_BLOCK, 0x00);
	put(stage, 0, 0xff);
	put(stage, 0, 0x70);
	flash_batch(&stage->flash, false);
	assert_int_equal(disk.syncs, 2);
	assert_false(stage->shown);
	assert_true(stage->kept);
	put(stage, 0, 0xff);
	assert_true(stage->shown);
}

/* What was written and not looked for is waited for once, however often the guest changed its mind. */
static void a_batch_is_on_the_disk_at_its_end(void **state)
{
	struct stage *stage = *state;

	flash_free(&stage->flash);
	flash_stage_make(
		stage,
		&(struct flash_config){
			.name = "vars.fd", .size = SIZE, .from = stage->fd, .fd = stage->fd, .sync = true});
	stage->changes = 0;
	flash_batch(&stage->flash, true);
	for (unsigned i = 0; i < 5; i++) {
		store(stage, i * FLASH_BLOCK, 0x11);
		assert_int_equal(stage->kept, i == 0);
		put(stage, 0, 0xff);
		assert_false(stage->shown || stage->kept);
	}
	assert_int_equal(get(stage, FLASH_BLOCK), 0x11);
	assert_int_equal(disk.syncs, 0);
	flash_batch(&stage->flash, false);
	assert_int_equal(disk.syncs, 1);
	assert_true(stage->shown);
	assert_int_equal(stage->changes, 2);
	flash_batch(&stage->flash, true);
	flash_batch(&stage->flash, false);
	assert_int_equal(disk.syncs, 1);
	store(stage, FLASH_BLOCK, 0x10);
	put(stage, 0, 0xff);
	assert_int_equal(disk.syncs, 2);
	assert_true(stage->shown);
	another_looks_within_a_batch(stage);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, flash_stage_start, flash_stage_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_lost_store_begins_empty_or_from_its_template),
		TEST(blocks_are_written_whole_and_in_order),
		TEST(short_and_interrupted_writes_go_on),
		TEST(a_full_disk_loses_nothing),
		TEST(a_disk_that_takes_nothing_ends_no_machine),
		TEST(what_the_disk_lost_is_written_again),
		TEST(each_burst_is_on_the_disk_where_that_is_asked),
		TEST(a_batch_is_on_the_disk_at_its_end),
		TEST(a_killed_machine_leaves_whole_blocks),
		TEST(a_reset_ends_a_burst),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
