/* SPDX-License-Identifier: MIT */
/* fw_cfg: the selector, the data port, DMA, and the directory. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/guest_memory.h"
#include "vmm/firmware/fw_cfg.h"

enum { SELECTOR = 0, DATA = 1, HIGH = 4, LOW = 8 };
enum { READ = 2, SKIP = 4, SELECT = 8, WRITE = 16, KEY = 1 << 16 };
enum { DESCRIPTOR = 0x1000, BUFFER = 0x2000 };

static struct fw_cfg fw_cfg;
static struct memory *memory;
static unsigned made, said;

static void make(void *opaque)
{
	made++;
	assert_int_equal(fw_cfg_update(opaque, FW_CFG_SCRIPT, "made", 4), 0);
	assert_int_equal(fw_cfg_update(opaque, FW_CFG_SCRIPT, "longer", 6), -EINVAL);
	assert_int_equal(fw_cfg_update(opaque, "etc/none", "made", 4), -ENOENT);
}

static void say(void *opaque, const char *line)
{
	(void)opaque;
	assert_non_null(strstr(line, "fw_cfg"));
	said++;
}

static int start(void **state)
{
	(void)state;
	memory = guest_memory(RAM);
	fw_cfg_init(&fw_cfg, memory);
	fw_cfg.make = make;
	fw_cfg.say = say;
	fw_cfg.opaque = &fw_cfg;
	made = said = 0;
	assert_int_equal(fw_cfg_add(&fw_cfg, FW_CFG_CPUS, "\x02", 2), 0);
	assert_int_equal(fw_cfg_add_file(&fw_cfg, "etc/words", "0123456789", 10), 0);
	assert_int_equal(fw_cfg_add_file(&fw_cfg, FW_CFG_SCRIPT, "----", 4), 0);
	assert_int_equal(fw_cfg_add_file(&fw_cfg, "bootorder", "", 1), 0);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	fw_cfg_free(&fw_cfg);
	guest_memory_free(memory);
	return 0;
}

static void out(uint64_t port, unsigned length, uint64_t value)
{
	fw_cfg_ops.write(&fw_cfg, port, length, value);
}

static uint64_t in(uint64_t port, unsigned length)
{
	return fw_cfg_ops.read(&fw_cfg, port, length);
}

static void reads(const char *bytes, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(in(DATA, 1), (uint8_t)bytes[i]);
}

static uint32_t swap(uint32_t value)
{
	return __builtin_bswap32(value);
}

static void put_descriptor(uint64_t at, uint32_t control, uint32_t length, uint64_t address)
{
	const struct {
		uint32_t control, length;
		uint64_t address;
	} descriptor = {swap(control), swap(length), __builtin_bswap64(address)};

	assert_int_equal(memory_put(memory, gpa(at), &descriptor, sizeof(descriptor)), 0);
}

/* The control word after a transfer. */
static uint32_t dma(uint32_t control, uint32_t length, uint64_t address)
{
	uint32_t result;

	put_descriptor(DESCRIPTOR, control, length, address);
	out(HIGH, 4, 0);
	out(LOW, 4, swap(DESCRIPTOR));
	memcpy(&result, memory_at(memory, gpa(DESCRIPTOR), 4), 4);
	return swap(result);
}

static uint16_t key_of(const char *name)
{
	for (unsigned i = 0; i < fw_cfg.file_count; i++)
		if (!strcmp(fw_cfg.files[i].name, name))
			return (uint16_t)(FW_CFG_FILES_FROM + i);
	fail_msg("no file %s", name);
	return 0;
}

/* Firmware asks for the signature and the revision by bytes. */
static void items_are_read_by_bytes(void **state)
{
	(void)state;
	reads("QEMU", 4); /* selected from the beginning */
	out(SELECTOR, 2, FW_CFG_SIGNATURE);
	reads("QEMU\0\0", 6);
	out(SELECTOR, 2, FW_CFG_REVISION);
	reads("\3\0\0\0\0", 5);
	out(SELECTOR, 2, 0x4000 | FW_CFG_CPUS); /* the bit for writes has no effect */
	reads("\2\0\0", 3);
	out(SELECTOR, 2, 0x08);
	reads("\0\0\0\0", 4);
	out(SELECTOR, 2, 0x8000);
	reads("\0", 1);
	out(SELECTOR, 2, key_of("etc/words"));
	reads("0123", 4);
	out(SELECTOR, 2, key_of("etc/words"));
	reads("0123456789\0", 11);
	out(SELECTOR, 2, 0x3fff);
	reads("\0", 1);
}

static void other_accesses_have_no_effect(void **state)
{
	(void)state;
	out(SELECTOR, 2, key_of("etc/words"));
	assert_int_equal(in(SELECTOR, 2), UINT64_MAX);
	assert_int_equal(in(DATA, 2), UINT64_MAX);
	assert_int_equal(in(DATA, 4), UINT64_MAX);
	out(SELECTOR, 1, 0);
	out(SELECTOR, 4, 0);
	out(DATA, 1, 0x55);
	out(LOW, 2, swap(DESCRIPTOR));
	reads("0123456789", 10);
	assert_int_equal((uint32_t)in(HIGH, 4), 0x554d4551); /* QEMU */
	assert_int_equal((uint32_t)in(LOW, 4), 0x47464320);  /* _CFG */
	assert_int_equal(in(HIGH, 8), 0x47464320554d4551);
	assert_int_equal(in(LOW + 3, 4), 0xffffffffffffff47);
}

static void dma_reads_skips_and_selects(void **state)
{
	const uint32_t words = key_of("etc/words") * (uint32_t)KEY;
	const char *buffer = memory_at(memory, gpa(BUFFER), 64);

	(void)state;
	memset(memory_at(memory, gpa(BUFFER), 64), '.', 64);
	assert_int_equal(dma(words | SELECT | READ, 4, BUFFER), 0);
	assert_memory_equal(buffer, "0123....", 8);
	assert_int_equal(dma(SKIP, 3, 0), 0);
	assert_int_equal(dma(READ, 5, BUFFER), 0);
	assert_memory_equal(buffer, "789\0\0...", 8);
	assert_int_equal(dma(SKIP, UINT32_MAX, 0), 0);
	assert_int_equal(dma(SKIP, UINT32_MAX, 0), 0);
	assert_int_equal(dma(READ, 2, BUFFER), 0);
	assert_memory_equal(buffer, "\0\0", 2);
	assert_int_equal(dma(words | SELECT, 0, 0), 0);
	assert_int_equal(dma(READ, 0, UINT64_MAX), 0);
	reads("01", 2); /* one offset for both ways */
	assert_int_equal(dma(words | SELECT | READ, 2, BUFFER + 1), 0);
	assert_memory_equal(buffer, "\00001", 3);
}

static void dma_writes_nothing(void **state)
{
	(void)state;
	assert_int_equal(dma(key_of("etc/words") * (uint32_t)KEY | SELECT | WRITE, 4, BUFFER), 1);
	assert_int_equal(dma(READ, 4, BUFFER), 0);
	assert_memory_equal(memory_at(memory, gpa(BUFFER), 4), "0123", 4);
}

/* Nothing is copied to where there is no memory, and the offset stays. */
static void dma_stays_in_memory(void **state)
{
	static const struct {
		uint64_t address;
		uint32_t length;
	} rows[] = {{RAM - 3, 4},    {RAM, 1},        {0xb0000000, 4}, {0xffc00000, 4},
		    {UINT64_MAX, 4}, {0, UINT32_MAX}, {BUFFER, RAM}};

	(void)state;
	out(SELECTOR, 2, key_of("etc/words"));
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(dma(READ, rows[i].length, rows[i].address), 1);
	assert_memory_equal(memory_at(memory, gpa(RAM - 3), 3), "\0\0\0", 3);
	assert_int_equal(dma(READ, 3, RAM - 3), 0);
	assert_memory_equal(memory_at(memory, gpa(RAM - 3), 3), "012", 3);
}

static void a_descriptor_outside_memory_is_ignored(void **state)
{
	static const uint64_t places[] = {RAM - 15, RAM, 0xe0000000, 0xfffffffffffffff0, UINT64_MAX};

	(void)state;
	for (unsigned i = 0; i < sizeof(places) / sizeof(*places); i++) {
		out(HIGH, 8, __builtin_bswap64(places[i]));
		assert_int_equal(said, i + 1);
	}
	/* At the very end, and at an odd address. */
	for (unsigned i = 0; i < 2; i++) {
		const uint64_t at = i ? 0x3001 : RAM - 16;

		put_descriptor(at, FW_CFG_SIGNATURE | SELECT | READ, 4, BUFFER + 16 * i);
		out(HIGH, 8, __builtin_bswap64(at));
		assert_memory_equal(memory_at(memory, gpa(at), 4), "\0\0\0\0", 4);
		assert_memory_equal(memory_at(memory, gpa(BUFFER + 16 * i), 4), "QEMU", 4);
	}
	assert_int_equal(said, sizeof(places) / sizeof(*places));
}

/* A guest does not choose how long a copy takes: no pause waits for long. */
static void dma_has_a_longest(void **state)
{
	const uint8_t *last = memory_at(memory, gpa(BUFFER + FW_CFG_LENGTH_MAX - 1), 2);

	(void)state;
	memset(memory_at(memory, gpa(BUFFER + FW_CFG_LENGTH_MAX - 1), 2), '.', 2);
	out(SELECTOR, 2, key_of("etc/words"));
	assert_int_equal(dma(READ, FW_CFG_LENGTH_MAX + 1, BUFFER), 1);
	assert_memory_equal(last, "..", 2);
	assert_int_equal(dma(READ, FW_CFG_LENGTH_MAX, BUFFER), 0);
	assert_memory_equal(memory_at(memory, gpa(BUFFER), 12), "0123456789\0", 12);
	assert_memory_equal(last, "\0.", 2);
	assert_int_equal(fw_cfg_add_file(&fw_cfg, "opt/long", "", FW_CFG_LENGTH_MAX + 1), -EFBIG);
}

/* The control word is written last. */
static void a_buffer_may_lie_over_its_descriptor(void **state)
{
	const uint32_t words = key_of("etc/words") * (uint32_t)KEY;

	(void)state;
	assert_int_equal(dma(words | SELECT | READ, 10, DESCRIPTOR), 0);
	assert_memory_equal(memory_at(memory, gpa(DESCRIPTOR), 16), "\0\0\0\000456789", 10);
}

static void each_low_half_is_a_transfer(void **state)
{
	(void)state;
	put_descriptor(DESCRIPTOR, FW_CFG_SIGNATURE | SELECT | READ, 4, BUFFER);
	out(HIGH, 4, swap(1));
	assert_int_equal(said, 0);
	assert_memory_equal(memory_at(memory, gpa(BUFFER), 4), "\0\0\0\0", 4);
	out(LOW, 4, swap(DESCRIPTOR)); /* with that high half, outside of memory */
	assert_int_equal(said, 1);
	assert_memory_equal(memory_at(memory, gpa(BUFFER), 4), "\0\0\0\0", 4);
	out(LOW, 4, swap(DESCRIPTOR)); /* which was used once */
	assert_int_equal(said, 1);
	assert_memory_equal(memory_at(memory, gpa(BUFFER), 4), "QEMU", 4);
	memset(memory_at(memory, gpa(BUFFER), 4), 0, 4);
	put_descriptor(DESCRIPTOR, READ | SELECT, 4, BUFFER);
	out(HIGH, 8, __builtin_bswap64(DESCRIPTOR));
	assert_memory_equal(memory_at(memory, gpa(BUFFER), 4), "QEMU", 4);
}

static void the_directory_is_in_order_of_names(void **state)
{
	char name[FW_CFG_NAME_SIZE + 1] = "opt/";
	const uint8_t *at;

	(void)state;
	memset(name + 4, 'x', FW_CFG_NAME_SIZE - 4);
	assert_int_equal(fw_cfg_add_file(&fw_cfg, name, "", 0), -EINVAL);
	name[FW_CFG_NAME_SIZE - 1] = '\0';
	assert_int_equal(fw_cfg_add_file(&fw_cfg, name, "x", 1), 0);
	assert_int_equal(fw_cfg_add_file(&fw_cfg, name, "x", 1), -EEXIST);
	assert_int_equal(fw_cfg_add_file(&fw_cfg, "", "x", 1), -EINVAL);
	fw_cfg_reset(&fw_cfg);
	assert_int_equal(dma(FW_CFG_DIRECTORY * KEY | SELECT | READ, 4 + 5 * 64, BUFFER), 0);
	at = memory_at(memory, gpa(BUFFER), 4 + 5 * 64);
	assert_memory_equal(at, "\0\0\0\4", 4);
	assert_memory_equal(at + 4, "\0\0\0\1\0\x20\0\0bootorder\0", 18);
	assert_memory_equal(at + 4 + 64, "\0\0\0\4\0\x21\0\0etc/table-loader\0", 25);
	assert_memory_equal(at + 4 + 128, "\0\0\0\12\0\x22\0\0etc/words\0", 18);
	assert_memory_equal(at + 4 + 192, "\0\0\0\1\0\x23\0\0", 8);
	assert_memory_equal(at + 4 + 192 + 8, name, FW_CFG_NAME_SIZE);
	for (unsigned i = 0; i < 64; i++)
		assert_int_equal(at[4 + 256 + i], 0);
}

static void there_is_room_for_so_many(void **state)
{
	char name[16];

	(void)state;
	for (unsigned i = 3; i < FW_CFG_FILES_MAX; i++) {
		snprintf(name, sizeof(name), "opt/%02u", i);
		assert_int_equal(fw_cfg_add_file(&fw_cfg, name, name, 6), 0);
	}
	assert_int_equal(fw_cfg_add_file(&fw_cfg, "opt/more", "", 0), -ENOSPC);
	for (uint16_t i = 1; i < FW_CFG_NUMBERS_MAX; i++)
		assert_int_equal(fw_cfg_add(&fw_cfg, (uint16_t)(6 + i), "x", 1), 0);
	assert_int_equal(fw_cfg_add(&fw_cfg, 7, "x", 1), -EEXIST);
	assert_int_equal(fw_cfg_add(&fw_cfg, 0x1f, "x", 1), -ENOSPC);
	out(SELECTOR, 2, key_of("opt/63"));
	reads("opt/63\0", 7);
}

static void a_hidden_file_has_no_name(void **state)
{
	const uint8_t *at = memory_at(memory, gpa(BUFFER), 256);

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		if (i < 3)
			fw_cfg_hide(&fw_cfg, "etc/words", i != 1);
		else
			fw_cfg_reset(&fw_cfg);
		fw_cfg_hide(&fw_cfg, "etc/none", true);
		assert_int_equal(dma(FW_CFG_DIRECTORY * KEY | SELECT | READ, 256, BUFFER), 0);
		assert_int_equal(at[3], 3);
		assert_int_equal(at[4 + 128 + 8], i % 2 ? 'e' : 0);
		assert_int_equal(at[4 + 128 + 5], 0x22);
	}
}

/* Once after each reset, by either way. */
static void the_script_is_made_when_it_is_asked_for(void **state)
{
	const uint32_t script = key_of(FW_CFG_SCRIPT) * (uint32_t)KEY;

	(void)state;
	out(SELECTOR, 2, FW_CFG_DIRECTORY);
	out(SELECTOR, 2, key_of("etc/words"));
	assert_int_equal(made, 0);
	for (unsigned i = 1; i < 3; i++) {
		out(SELECTOR, 2, key_of(FW_CFG_SCRIPT));
		assert_int_equal(made, i);
		reads("made", 4);
		out(SELECTOR, 2, key_of(FW_CFG_SCRIPT));
		assert_int_equal(made, i);
		fw_cfg_reset(&fw_cfg);
	}
	assert_int_equal(dma(script | SELECT | READ, 4, BUFFER), 0);
	assert_int_equal(made, 3);
	assert_memory_equal(memory_at(memory, gpa(BUFFER), 4), "made", 4);
}

static void a_reset_forgets_the_selection(void **state)
{
	(void)state;
	out(SELECTOR, 2, key_of("etc/words"));
	reads("01", 2);
	out(HIGH, 4, swap(1));
	fw_cfg_reset(&fw_cfg);
	reads("QEMU", 4);
	put_descriptor(DESCRIPTOR, READ | SELECT, 4, BUFFER);
	out(LOW, 4, swap(DESCRIPTOR));
	assert_int_equal(said, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(items_are_read_by_bytes),
		TEST(other_accesses_have_no_effect),
		TEST(dma_reads_skips_and_selects),
		TEST(dma_writes_nothing),
		TEST(dma_stays_in_memory),
		TEST(dma_has_a_longest),
		TEST(a_descriptor_outside_memory_is_ignored),
		TEST(a_buffer_may_lie_over_its_descriptor),
		TEST(each_low_half_is_a_transfer),
		TEST(the_directory_is_in_order_of_names),
		TEST(there_is_room_for_so_many),
		TEST(a_hidden_file_has_no_name),
		TEST(the_script_is_made_when_it_is_asked_for),
		TEST(a_reset_forgets_the_selection),
	};

	return cmocka_run_group_tests_name("firmware_fw_cfg", tests, NULL, NULL);
}
