/* SPDX-License-Identifier: MIT */
/*
 * For libFuzzer: a guest that plays with the chips of a machine with firmware. The input is
 * commands of eight bytes: what to do and how wide, which chip, where (two bytes), a value
 * (four bytes). Nothing that the machine tells may change by it.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/firmware/flash.h"
#include "vmm/firmware/fw_cfg.h"
#include "vmm/firmware/pm.h"
#include "vmm/firmware/rtc.h"
#include "vmm/power.h"
#include "vmm/x86/layout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PIECE = 0x8000, COMMAND = 8, LARGE = 5000, NOT_RAM = 0x5a, ROM = 0x77 };
enum { CODE_SIZE = 2 * FLASH_BLOCK, STORE_SIZE = 4 * FLASH_BLOCK, STORE = CODE_SIZE + STORE_SIZE };
enum { DO_WRITE, DO_READ, DO_POKE, DO_DMA, DO_WAIT, DO_HIDE, DO_BUTTON, DO_RESET };

/* One piece from 0 on, and one above 4 GiB; what lies between them here is not the guest's. */
static uint8_t ram[3 * PIECE];
static struct memory memory = {.base = ram,
			       .size = sizeof(ram),
			       .pieces = {{{0}, 0, PIECE}, {{ADDR_4GIB}, 2 * PIECE, PIECE}},
			       .piece_count = 2};
static struct bus ports, addresses;
static struct flash code, store;
static int code_fd = -1, store_fd = -1;
static bool shown;
static struct fw_cfg fw_cfg;
static struct pm pm;
static struct rtc rtc;
static struct power power;
static uint64_t now;
static uint8_t large[LARGE];

/* Where a command may play. A chip needs a row here, and a range in start(). */
static const struct {
	struct bus *bus;
	uint64_t start, length;
} places[] = {
	{&ports, PORT_FW_CFG, FW_CFG_PORTS}, {&ports, PORT_PM, PM_LENGTH},           {&ports, PORT_CMOS, 2},
	{&ports, PORT_RESET_CONTROL, 1},     {&addresses, ADDR_4GIB - STORE, STORE},
};
enum { PLACES = sizeof(places) / sizeof(*places) };

static uint64_t tick(void *opaque)
{
	(void)opaque;
	return now += 12345;
}

static int64_t day(void *opaque)
{
	(void)opaque;
	return (int64_t)(now += 98765432109);
}

static void level(void *opaque, bool high)
{
	(void)opaque;
	(void)high;
}

/* A timer is for later, and is the chip's only one. */
static void arm(void *opaque, int64_t ns)
{
	(void)opaque;
	if (ns != -1 && ns <= 0)
		abort();
}

static void off(void *opaque)
{
	(void)opaque;
}

/* The bytes are shown and taken away in turns. */
static void show(void *opaque, bool now_shown)
{
	(void)opaque;
	if (shown == now_shown)
		abort();
	shown = now_shown;
}

/* Only while they are away. */
static void keep(void *opaque, bool kept)
{
	(void)opaque;
	(void)kept;
	if (shown)
		abort();
}

static void say(void *opaque, enum lend_log_level level, const char *text)
{
	(void)opaque;
	(void)text;
	if (level == LEND_LOG_ERROR) /* the file takes all of it */
		abort();
}

static void make(void *opaque)
{
	(void)opaque;
	if (fw_cfg_update(&fw_cfg, FW_CFG_SCRIPT, large, LARGE))
		abort();
}

static void request(void *opaque, enum power_request what)
{
	(void)opaque;
	(void)what;
	fw_cfg_reset(&fw_cfg);
	pm_reset(&pm);
	rtc_reset(&rtc);
	flash_reset(&store);
}

static void put(struct bus *bus, uint64_t at, uint64_t length, const struct bus_ops *ops, void *opaque)
{
	const struct bus_range range = {.start = at, .length = length, .ops = ops, .opaque = opaque};

	if (bus_add(bus, &range))
		abort();
}

static int fill(int fd, uint8_t byte, size_t size)
{
	static uint8_t bytes[STORE_SIZE];

	if (fd < 0)
		fd = memfd_create("flash", MFD_CLOEXEC);
	memset(bytes, byte, sizeof(bytes));
	if (pwrite(fd, bytes, size, 0) != (ssize_t)size)
		abort();
	return fd;
}

static void start_flash(void)
{
	const struct flash_calls calls = {.show = show, .keep = keep, .say = say};

	code_fd = fill(code_fd, ROM, CODE_SIZE);
	store_fd = fill(store_fd, 0xff, STORE_SIZE);
	shown = true;
	if (flash_init(&code,
		       &(struct flash_config){.size = CODE_SIZE, .from = code_fd, .fd = -1, .rom = true},
		       &calls) ||
	    flash_init(&store, &(struct flash_config){.size = STORE_SIZE, .from = store_fd, .fd = store_fd},
		       &calls))
		abort();
	bus_init(&addresses);
	put(&addresses, ADDR_4GIB - CODE_SIZE, CODE_SIZE, &flash_ops, &code);
	put(&addresses, ADDR_4GIB - STORE, STORE_SIZE, &flash_ops, &store);
}

static void start(void)
{
	const struct pm_calls calls = {.now = tick, .sci = level, .off = off};

	memset(ram, 0, sizeof(ram));
	memset(ram + PIECE, NOT_RAM, PIECE);
	memset(large, 0xa5, sizeof(large));
	now = 1;
	bus_init(&ports);
	fw_cfg_init(&fw_cfg, &memory);
	fw_cfg.make = make;
	if (fw_cfg_add(&fw_cfg, FW_CFG_CPUS, "\2", 2) || fw_cfg_add_file(&fw_cfg, "opt/word", "word", 4) ||
	    fw_cfg_add_file(&fw_cfg, FW_CFG_SCRIPT, large, LARGE))
		abort();
	pm_init(&pm, &calls);
	rtc_init(&rtc, 0, &(struct rtc_calls){.now = day, .arm = arm, .irq = level});
	power = (struct power){.irq = -1, .request = request};
	start_flash();
	request(NULL, POWER_RESET);
	put(&ports, PORT_FW_CFG, FW_CFG_PORTS, &fw_cfg_ops, &fw_cfg);
	put(&ports, PORT_PM, PM_LENGTH, &pm_ops, &pm);
	put(&ports, PORT_CMOS, 2, &rtc_ops, &rtc);
	if (power_add_reset_ports(&power, &ports))
		abort();
}

static uint32_t little(const uint8_t *at)
{
	return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* A descriptor that is nearly right: what is read goes to the address `where`. */
static void do_dma(uint32_t where, uint32_t value)
{
	const uint32_t control = __builtin_bswap32(value & 0x003f001f),
		       length = __builtin_bswap32(value >> 20);
	const uint64_t start = (value & 0x100 ? ADDR_4GIB : 0) + (value & 0x200 ? PIECE - 0x200 : 0);
	const uint64_t address = __builtin_bswap64(start + where % (value & 0x200 ? 0x400 : 0x10000));

	memcpy(ram + 0x100, &control, 4);
	memcpy(ram + 0x104, &length, 4);
	memcpy(ram + 0x108, &address, 8);
	bus_write(&ports, PORT_FW_CFG + 8, 4, __builtin_bswap32(0x100));
}

/* Every other byte for a flash chip is one that it knows. */
static uint32_t for_flash(uint32_t value)
{
	static const uint8_t known[] = {0x10, 0x20, 0xd0, 0xff, 0x40, 0x50, 0x70, 0x90};

	return value & 0x80 ? (value & ~0xffu) | known[value & 7] : value;
}

static void act(const uint8_t *command)
{
	uint32_t where = command[2] | (uint32_t)command[3] << 8, value = little(command + 4);
	const unsigned place = command[1] % PLACES, length = 1u << (command[0] >> 3 & 3);
	const uint64_t at = places[place].start + where % places[place].length;
	uint64_t out;

	switch (command[0] & 7) {
	case DO_WRITE:
		if (places[place].bus == &addresses)
			value = for_flash(value);
		bus_write(places[place].bus, at, length, length == 8 ? (uint64_t)value << 32 | where : value);
		break;
	case DO_READ:
		bus_read(places[place].bus, at, length, &out);
		break;
	case DO_POKE:
		memcpy(ram + where % (PIECE - 3), &value, 4);
		break;
	case DO_DMA:
		do_dma(where, value);
		break;
	case DO_WAIT:
		tick(NULL);
		rtc_expired(&rtc);
		break;
	case DO_HIDE:
		fw_cfg_hide(&fw_cfg, "opt/word", value & 1);
		break;
	case DO_BUTTON:
		pm_button(&pm);
		break;
	default:
		request(NULL, POWER_RESET);
	}
}

/* What was added is as it was, and what is not the guest's, too. */
static void check(void)
{
	for (unsigned i = 0; i < PIECE; i++)
		if (ram[PIECE + i] != NOT_RAM)
			abort();
	if (memcmp(fw_cfg.numbers[0].bytes, "\2", 2) || memcmp(fw_cfg.files[1].bytes, "word", 4) ||
	    memcmp(fw_cfg.files[0].bytes, large, LARGE) || fw_cfg.file_count != 2)
		abort();
}

/* Code is as it was. What the guest has stored is in the file, and shown again. */
static void check_flash(void)
{
	static uint8_t bytes[STORE_SIZE];

	flash_reset(&store);
	if (!shown || store.dirty_count || pread(store_fd, bytes, STORE_SIZE, 0) != STORE_SIZE ||
	    memcmp(bytes, store.bytes, STORE_SIZE))
		abort();
	for (unsigned i = 0; i < CODE_SIZE; i++)
		if (code.bytes[i] != ROM)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	start();
	for (; size >= COMMAND; data += COMMAND, size -= COMMAND)
		act(data);
	check();
	check_flash();
	flash_free(&code);
	flash_free(&store);
	fw_cfg_free(&fw_cfg);
	pm_free(&pm);
	rtc_free(&rtc);
	return 0;
}
