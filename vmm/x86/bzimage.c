/* SPDX-License-Identifier: MIT */
/*
 * Documentation/arch/x86/boot.rst: the 64-bit boot protocol, and
 * zero-page.rst for the fields of boot_params, which <asm/bootparam.h> has.
 */
#include <asm/bootparam.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "vmm/error.h"
#include "vmm/x86/boot.h"
#include "vmm/x86/tables.h"
#include "vmm/x86/unpacked.h"

#ifndef SETUP_RNG_SEED
#define SETUP_RNG_SEED 9 /* Linux 6.1 */
#endif

enum { HEADER_OFFSET = 0x1f1, ENTRY_64 = 0x200, SECTOR = 512, VERSION_64 = 0x020c, LOADER_UNDEFINED = 0xff };
enum { SEED_BYTES = 32 };
#define DEFAULT_LOAD 0x1000000ULL

struct image {
	struct setup_header header;
	uint64_t payload, size; /* protected-mode code: offset in the file, length */
	uint64_t load, room;    /* where it goes, and how much it needs there */
};

static int read_image(const struct boot_config *config, struct image *image, struct lend_error *error)
{
	struct setup_header *header = &image->header;
	uint64_t sectors, size;

	if (pread(config->kernel_fd, header, sizeof(*header), HEADER_OFFSET) != sizeof(*header) ||
	    boot_size(config->kernel_fd, &size))
		return fail(error, -ENODATA, "%s: the kernel image is truncated", config->kernel_name);
	if (header->version < VERSION_64 || !(header->xloadflags & XLF_KERNEL_64))
		return fail(error, -ENOEXEC,
			    "%s: not a 64-bit kernel (boot protocol %u.%02u): use an amd64 one",
			    config->kernel_name, header->version >> 8, header->version & 0xff);
	/* The kernel copies as much as this and drops the rest, which is what the user wrote last. */
	if (header->cmdline_size && strlen(config->cmdline) > header->cmdline_size)
		return fail(error, -E2BIG,
			    "%s: this kernel takes a command line of %u bytes, and -append has %zu; shorten "
			    "it",
			    config->kernel_name, header->cmdline_size, strlen(config->cmdline));
	sectors = header->setup_sects ? header->setup_sects : 4;
	image->payload = (sectors + 1) * SECTOR;
	image->size = (uint64_t)header->syssize * 16;
	if (!image->size || image->payload + image->size > align_up(size, 16))
		return fail(
			error, -ENODATA,
			"%s: the kernel image is truncated (%llu bytes, its header says %llu): copy it again",
			config->kernel_name, (unsigned long long)size,
			(unsigned long long)(image->payload + image->size));
	if (image->payload + image->size > size)
		image->size = size - image->payload;
	return 0;
}

/* `low` is the end of the RAM that begins at 0. */
static int place(const struct boot_config *config, uint64_t low, struct image *image,
		 struct lend_error *error)
{
	const struct setup_header *header = &image->header;

	image->load = header->pref_address >= ADDR_HIGH_RAM ? header->pref_address : DEFAULT_LOAD;
	image->room = header->init_size > image->size ? header->init_size : image->size;
	if (image->load < low && image->room <= low - image->load)
		return 0;
	/* A small machine: a relocatable kernel takes any aligned place from 1 MiB on. */
	if (header->relocatable_kernel && header->kernel_alignment >= 4096 &&
	    !(header->kernel_alignment & (header->kernel_alignment - 1))) {
		image->load = align_up(ADDR_HIGH_RAM, header->kernel_alignment);
		if (image->load < low && image->room <= low - image->load)
			return 0;
	}
	return boot_too_large(config, image->load + image->room, low, error);
}

static void put_map(const struct memory *memory, const struct layout *layout, struct boot_params *params)
{
	struct map_entry entries[MAP_MAX];
	unsigned count = map_entries(memory, layout, entries);

	for (unsigned i = 0; i < count; i++)
		params->e820_table[i] = (struct boot_e820_entry){
			.addr = entries[i].start, .size = entries[i].length, .type = entries[i].type};
	params->e820_entries = (uint8_t)count;
}

/* Entropy for the kernel's generator; without it an early reader waits. */
static uint64_t put_seed(const struct memory *memory)
{
	struct setup_data record = {.type = SETUP_RNG_SEED, .len = SEED_BYTES};
	uint8_t seed[SEED_BYTES];

	if (getrandom(seed, SEED_BYTES, 0) != SEED_BYTES)
		return 0;
	if (memory_put(memory, gpa(ADDR_RNG_SEED), &record, sizeof(record)) ||
	    memory_put(memory, gpa(ADDR_RNG_SEED + sizeof(record)), seed, SEED_BYTES))
		return 0;
	return ADDR_RNG_SEED;
}

static int put_params(const struct memory *memory, const struct boot_config *config,
		      const struct image *image, const struct boot_initrd *initrd, bool randomized)
{
	struct boot_params *params = memory_at(memory, gpa(ADDR_BOOT_PARAMS), sizeof(*params));

	if (!params)
		return -EFAULT;
	memset(params, 0, sizeof(*params));
	params->hdr = image->header;
	params->hdr.type_of_loader = LOADER_UNDEFINED;
	params->hdr.loadflags = (uint8_t)(params->hdr.loadflags & ~CAN_USE_HEAP);
	/* What unpacks a kernel tells it so whether its addresses are random. */
	if (randomized)
		params->hdr.loadflags |= KASLR_FLAG;
	params->hdr.cmd_line_ptr = ADDR_CMDLINE;
	params->hdr.code32_start = (uint32_t)image->load;
	params->hdr.ramdisk_image = (uint32_t)initrd->address;
	params->hdr.ramdisk_size = (uint32_t)initrd->size;
	params->hdr.setup_data = put_seed(memory);
	params->acpi_rsdp_addr = config->rsdp;
	put_map(memory, config->layout, params);
	return 0;
}

int bzimage_check(const struct boot_config *config, uint64_t memory, struct lend_error *error)
{
	struct image image = {0};
	int ret = read_image(config, &image, error);

	return ret ? ret
		   : place(config, memory < LOW_WINDOW_LOWEST ? memory : LOW_WINDOW_LOWEST, &image, error);
}

/* At another address than the preferred one its page tables would have to be moved, too. */
static bool is_loaded_unpacked(const struct memory *memory, const struct boot_config *config,
			       const struct image *image, struct unpacked *out)
{
	const struct setup_header *header = &image->header;

	*out = (struct unpacked){
		.load = image->load, .room = image->room, .alignment = header->kernel_alignment};
	return config->unpacked_size && image->load == header->pref_address && out->alignment >= 4096 &&
	       !(out->alignment & (out->alignment - 1)) && !unpacked_load(memory, config, out);
}

static int load_kernel(const struct memory *memory, const struct boot_config *config,
		       const struct image *image, struct unpacked *unpacked, struct boot_entry *entry)
{
	*entry = (struct boot_entry){.long_mode = true, .rsi = ADDR_BOOT_PARAMS};
	entry->unpacked = is_loaded_unpacked(memory, config, image, unpacked);
	entry->rip = entry->unpacked ? unpacked->entry : image->load + ENTRY_64;
	return entry->unpacked
		       ? 0
		       : boot_read(memory, config->kernel_fd, image->payload, gpa(image->load), image->size);
}

int bzimage_place(const struct memory *memory, const struct boot_config *config, struct boot_placed *placed,
		  struct lend_error *error)
{
	struct image image = {0};
	struct unpacked unpacked;
	int ret = read_image(config, &image, error);

	if (!ret)
		ret = place(config, memory->pieces[0].length, &image, error);
	if (ret)
		return ret;
	ret = load_kernel(memory, config, &image, &unpacked, &placed->entry);
	if (ret)
		return fail(error, ret, "%s: cannot read: %s", config->kernel_name, strerror(-ret));
	placed->load = image.load;
	placed->randomized = placed->entry.unpacked && unpacked.randomized;
	return boot_initrd(memory, config, image.load + image.room,
			   (uint64_t)image.header.initrd_addr_max + 1, &placed->initrd, error);
}

int bzimage_finish(const struct memory *memory, const struct boot_config *config,
		   const struct boot_placed *placed, struct lend_error *error)
{
	struct image image = {0};
	int ret = read_image(config, &image, error);

	if (ret)
		return ret;
	image.load = placed->load;
	ret = put_params(memory, config, &image, &placed->initrd, placed->randomized);
	return ret ? fail(error, ret, "guest memory is too small for the boot parameters: raise -m") : 0;
}
