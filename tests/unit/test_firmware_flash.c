/* SPDX-License-Identifier: MIT */
/* The flash chip as firmware uses it: its commands, and what is read. */
#include <errno.h>
#include <string.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/flash_stage.h"

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
	assert_int_equal(stage->flash.shows, 2);
	assert_int_equal(stage->flash.accesses, 11);
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

	flash_stage_restart(stage, true, false);
	for (unsigned i = 0; i < sizeof(probe); i++) {
		put(stage, PROBE, probe[i]);
		assert_int_equal(get(stage, PROBE), 0x8d);
	}
	assert_int_equal(stage->changes + stage->lines + disk.writes, 0);
}

static void a_store_that_is_only_read_says_so(void **state)
{
	struct stage *stage = *state;

	flash_stage_restart(stage, false, true);
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

static void sizes_that_are_none_are_refused(void **state)
{
	static const uint32_t sizes[] = {0, 1, FLASH_BLOCK - 1, FLASH_BLOCK + 1, FLASH_MAX + FLASH_BLOCK};
	struct stage *stage = *state;
	const struct flash_calls calls = flash_stage_calls(stage);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, flash_stage_start, flash_stage_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(firmware_finds_the_chip),
		TEST(programming_clears_bits_alone),
		TEST(erasing_takes_its_block_alone),
		TEST(every_state_but_the_array_gives_status),
		TEST(wide_accesses_are_bytes),
		TEST(the_end_of_a_chip_is_no_way_out),
		TEST(code_is_rom),
		TEST(a_store_that_is_only_read_says_so),
		TEST(sizes_that_are_none_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
