/* SPDX-License-Identifier: MIT */
/*
 * The ROM's bytes come from the user's file, or from the device. The device is
 * read at the guest's first read and never again, whether that worked or not.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <linux/pci_regs.h>

#include "lib/error.h"
#include "lib/pci/bars/bar.h"
#include "lib/pci/bars/rom.h"
#include "lib/pci/config/config.h"
#include "lib/pci/ledger/lock.h"

/* The sizes that the register can express: bits 31:11 (PCI Local Bus 3.0, 6.2.5.2). */
#define SIZE_MIN    UINT64_C(0x800)
#define SIZE_MAX_32 (UINT64_C(1) << 31)
/* The most that is read from a device. If one claims a larger ROM, the rest reads all ones. */
#define DEVICE_MAX (UINT64_C(16) << 20)
/* A read that returns EAGAIN is made again this often. */
enum { TRIES_MAX = 64 };

/* ROMs that stop the guest's firmware. The user may show one all the same: by rombar=1, or by a file. */
static const struct {
	uint16_t vendor, device;
} denied[] = {
	{0x14e4, 0x168e}, /* Broadcom BCM57810 */
};

static bool is_denied(const struct lend_function *function)
{
	const struct lend_device_info *info = &function->device->info;

	for (size_t i = 0; i < sizeof(denied) / sizeof(*denied); i++)
		if (info->vendor == denied[i].vendor && info->device == denied[i].device)
			return true;
	return false;
}

static uint64_t round_up(uint64_t size)
{
	uint64_t power = SIZE_MIN;

	while (power < size && power <= SIZE_MAX_32)
		power <<= 1;
	return power;
}

static void make_bar(struct lend_function *function, uint64_t size)
{
	function->bars[LEND_REGION_ROM].guest.size = size;
	config_set_writable(function, PCI_ROM_ADDRESS, 4, (uint32_t) ~(size - 1) | PCI_ROM_ADDRESS_ENABLE);
	config_set_hook(function, PCI_ROM_ADDRESS, 4, HOOK_DECODE);
}

/*
 * Pages that hold `length` bytes and nothing else of this process, since the guest may
 * get them: all ones.
 */
static int make_room(struct lend_function *function, uint64_t length)
{
	struct rom *rom = &function->rom;
	uint64_t room = (length + function->page - 1) & ~(function->page - 1);
	void *bytes = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (bytes == MAP_FAILED)
		return -ENOMEM;
	memset(bytes, 0xff, room);
	*rom = (struct rom){.bytes = bytes, .length = length, .room = room};
	return 0;
}

static int take_file(struct lend_function *function, const struct lend_function_config *config,
		     struct lend_error *error)
{
	uint64_t size = config->rom_size ? config->rom_size : round_up(config->rom_length);

	if (size < SIZE_MIN || size > SIZE_MAX_32 || size & (size - 1) || config->rom_length > size)
		return error_say(
			error, -EINVAL,
			"%s: an expansion ROM of %llu bytes with a file of %zu bytes is not possible: "
			"its size is a power of two from 2 KiB to 2 GiB, and not below the file's",
			function->name, (unsigned long long)size, config->rom_length);
	if (make_room(function, config->rom_length))
		return error_say(error, -ENOMEM, "%s: no memory for an expansion ROM of %zu bytes",
				 function->name, config->rom_length);
	memcpy(function->rom.bytes, config->rom, config->rom_length);
	function->rom.loaded = true;
	make_bar(function, size);
	return 0;
}

int rom_setup(struct lend_function *function, const struct lend_function_config *config,
	      struct lend_error *error)
{
	uint64_t size = function->device->regions[LEND_REGION_ROM].size;

	if (config->rom_mode == LEND_ROM_NONE)
		return 0;
	if (config->rom_length)
		return take_file(function, config, error);
	if (!size || function->rules.deny_rom)
		return 0;
	if (config->rom_mode == LEND_ROM_AUTO && is_denied(function)) {
		function_log(function, LEND_LOG_WARNING,
			     "its expansion ROM is left out, it is known to stop guests; rombar=1 shows it, "
			     "romfile=FILE gives another");
		return 0;
	}
	make_bar(function, size > SIZE_MAX_32 ? SIZE_MAX_32 : round_up(size));
	return 0;
}

void rom_destroy(struct lend_function *function)
{
	if (function->rom.bytes)
		munmap(function->rom.bytes, function->rom.room);
	function->rom.bytes = NULL;
}

/* Reads until the device has no more bytes: 0, or a negative errno if there was none at all. */
static int read_device(struct lend_function *function, uint8_t *bytes, uint64_t size)
{
	struct lend_device *device = function->device;
	uint64_t done = 0;
	unsigned tries = 0;

	while (done < size) {
		int ret = device->ops->read(device->transport, LEND_REGION_ROM, done, bytes + done,
					    (unsigned)(size - done));

		if (ret == -EAGAIN && tries++ < TRIES_MAX)
			continue;
		if (ret < 0 && !done)
			return ret;
		if (ret <= 0 || (uint64_t)ret > size - done)
			break;
		done += (uint64_t)ret;
	}
	return done ? 0 : -ENODATA;
}

static void load(struct lend_function *function)
{
	uint64_t size = function->device->regions[LEND_REGION_ROM].size;
	int ret = make_room(function, size < DEVICE_MAX ? size : DEVICE_MAX);

	if (!ret)
		ret = read_device(function, function->rom.bytes, function->rom.length);
	if (ret < 0) {
		function_log(
			function, LEND_LOG_WARNING,
			"its expansion ROM cannot be read: %s; dmesg may say why; rombar=0 leaves it out, "
			"romfile=FILE gives another",
			strerror(-ret));
		rom_destroy(function);
		return;
	}
	rom_fix_ids(function->rom.bytes, function->rom.length,
		    (uint16_t)config_shown(function, PCI_VENDOR_ID, 2),
		    (uint16_t)config_shown(function, PCI_DEVICE_ID, 2));
}

/* Once the bytes are there, the guest reads them by itself. If the monitor refuses, reads go on to trap. */
static void load_now(struct lend_function *function)
{
	if (function->rom.loaded)
		return;
	load(function);
	__atomic_store_n(&function->rom.loaded, true, __ATOMIC_RELEASE);
	bar_refresh(function, LEND_REGION_ROM);
}

size_t rom_direct(const struct lend_function *function, struct lend_bar_direct *out)
{
	const struct rom *rom = &function->rom;
	uint64_t size = function->bars[LEND_REGION_ROM].guest.size;

	if (!function->maps_read_only || function->no_mmap || !rom->loaded || !rom->bytes || size < function->page)
		return 0;
	*out = (struct lend_bar_direct){
		.length = rom->room < size ? rom->room : size, .va = rom->bytes, .read_only = true};
	return 1;
}

void rom_read(struct lend_function *function, uint64_t offset, uint8_t *bytes, unsigned length)
{
	struct rom *rom = &function->rom;

	if (!__atomic_load_n(&rom->loaded, __ATOMIC_ACQUIRE)) {
		function_lock(function);
		load_now(function);
		function_unlock(function);
	}
	for (unsigned i = 0; i < length; i++)
		bytes[i] = rom->bytes && offset + i < rom->length ? rom->bytes[offset + i] : 0xff;
}
