/* SPDX-License-Identifier: MIT */
/*
 * PVH: an ELF file whose note XEN_ELFNOTE_PHYS32_ENTRY names a 32-bit entry;
 * EBX points to struct hvm_start_info (the kernel's
 * include/xen/interface/hvm/start_info.h, which is the specification).
 */
#include <elf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "vmm/error.h"
#include "vmm/x86/boot.h"
#include "vmm/x86/tables.h"

enum { NOTE_PHYS32_ENTRY = 18, START_MAGIC = 0x336ec578, START_VERSION = 1, SEGMENTS_MAX = 64 };

struct start_info {
	uint32_t magic, version, flags, modules;
	uint64_t module_list, cmdline, rsdp, map;
	uint32_t map_entries, reserved;
};

struct start_module {
	uint64_t address, size, cmdline, reserved;
};

struct start_map {
	uint64_t address, size;
	uint32_t type, reserved;
};

struct start_page {
	struct start_info info;
	struct start_module module;
	struct start_map map[MAP_MAX];
};

struct elf {
	Elf64_Phdr segments[SEGMENTS_MAX];
	unsigned count;
	uint64_t entry, end;
};

static int truncated(const struct boot_config *config, struct lend_error *error)
{
	return fail(error, -ENODATA, "%s: the kernel image is truncated: copy it again", config->kernel_name);
}

/* The part of a file's header that is used, of either class. */
struct shape {
	bool wide;            /* ELFCLASS64 */
	uint64_t at;          /* of the program headers */
	uint16_t size, count; /* of one, and how many */
};

/*
 * The entry is 32-bit code in either case: a file of 32 bits may hold all of a
 * kernel, or just what brings it to long mode.
 */
static bool find_shape(const Elf64_Ehdr *header, struct shape *out)
{
	const unsigned char *ident = header->e_ident;

	if (ident[EI_CLASS] == ELFCLASS64 && header->e_machine == EM_X86_64) {
		*out = (struct shape){true, header->e_phoff, header->e_phentsize, header->e_phnum};
		return out->size == sizeof(Elf64_Phdr);
	}
	if (ident[EI_CLASS] == ELFCLASS32) {
		Elf32_Ehdr narrow;

		memcpy(&narrow, header, sizeof(narrow));
		*out = (struct shape){false, narrow.e_phoff, narrow.e_phentsize, narrow.e_phnum};
		return narrow.e_machine == EM_386 && out->size == sizeof(Elf32_Phdr);
	}
	return false;
}

static Elf64_Phdr widened(const Elf32_Phdr *narrow)
{
	return (Elf64_Phdr){.p_type = narrow->p_type,
			    .p_offset = narrow->p_offset,
			    .p_paddr = narrow->p_paddr,
			    .p_filesz = narrow->p_filesz,
			    .p_memsz = narrow->p_memsz};
}

static int read_segments(const struct boot_config *config, const struct shape *shape, struct elf *elf,
			 struct lend_error *error)
{
	union {
		Elf64_Phdr wide[SEGMENTS_MAX];
		Elf32_Phdr narrow[SEGMENTS_MAX];
	} table;
	size_t length = (size_t)shape->count * shape->size;

	if (shape->at > INT64_MAX - length ||
	    pread(config->kernel_fd, &table, length, (off_t)shape->at) != (ssize_t)length)
		return truncated(config, error);
	for (unsigned i = 0; i < shape->count; i++)
		elf->segments[i] = shape->wide ? table.wide[i] : widened(&table.narrow[i]);
	elf->count = shape->count;
	return 0;
}

static int read_header(const struct boot_config *config, struct elf *elf, struct lend_error *error)
{
	Elf64_Ehdr header;
	struct shape shape;

	if (pread(config->kernel_fd, &header, sizeof(header), 0) != sizeof(header))
		return truncated(config, error);
	if (!find_shape(&header, &shape) || !shape.count || shape.count > SEGMENTS_MAX)
		return fail(error, -ENOEXEC, "%s: not a kernel image (an ELF file, but not one for x86)",
			    config->kernel_name);
	return read_segments(config, &shape, elf, error);
}

/* Walks the notes of one segment; each field is checked against the segment's end. */
static void find_entry(const uint8_t *notes, size_t length, struct elf *elf)
{
	size_t at = 0;

	while (length - at >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr note;
		uint64_t name, desc, next;

		memcpy(&note, notes + at, sizeof(note));
		name = at + sizeof(note);
		desc = name + align_up(note.n_namesz, 4);
		next = desc + align_up(note.n_descsz, 4);
		if (next > length)
			return;
		if (note.n_type == NOTE_PHYS32_ENTRY && note.n_namesz == 4 &&
		    !memcmp(notes + name, "Xen", 4) && (note.n_descsz == 4 || note.n_descsz == 8))
			memcpy(&elf->entry, notes + desc, note.n_descsz);
		at = next;
	}
}

static int read_notes(const struct boot_config *config, struct elf *elf, struct lend_error *error)
{
	static const char *const cure = "give a bzImage, or a kernel with CONFIG_PVH";
	uint8_t notes[4096];

	for (unsigned i = 0; i < elf->count; i++) {
		const Elf64_Phdr *segment = &elf->segments[i];

		if (segment->p_type != PT_NOTE || segment->p_filesz > sizeof(notes))
			continue;
		if (pread(config->kernel_fd, notes, segment->p_filesz, (off_t)segment->p_offset) !=
		    (ssize_t)segment->p_filesz)
			return truncated(config, error);
		find_entry(notes, segment->p_filesz, elf);
	}
	if (!elf->entry || elf->entry > UINT32_MAX)
		return fail(error, -ENOEXEC, "%s: an ELF file without a PVH entry: %s", config->kernel_name,
			    cure);
	return 0;
}

/* `low` is the end of the RAM that begins at 0. */
static int check_segment(const struct boot_config *config, uint64_t low, struct elf *elf,
			 const Elf64_Phdr *segment, struct lend_error *error)
{
	uint64_t size, end;

	if (segment->p_filesz > segment->p_memsz)
		return fail(error, -ENOEXEC, "%s: not a kernel image (a segment's sizes contradict)",
			    config->kernel_name);
	if (segment->p_paddr < ADDR_HIGH_RAM)
		return fail(
			error, -ENOEXEC,
			"%s: the kernel is linked to %#llx, where the machine has tables of its own: link "
			"it to %#x or above, or give a bzImage",
			config->kernel_name, (unsigned long long)segment->p_paddr, (unsigned)ADDR_HIGH_RAM);
	if (__builtin_add_overflow(segment->p_paddr, segment->p_memsz, &end))
		end = UINT64_MAX;
	if (end > low)
		return boot_too_large(config, end, low, error);
	if (boot_size(config->kernel_fd, &size) || segment->p_offset > size ||
	    segment->p_filesz > size - segment->p_offset)
		return truncated(config, error);
	if (end > elf->end)
		elf->end = end;
	return 0;
}

static int read_elf(const struct boot_config *config, uint64_t low, struct elf *elf, struct lend_error *error)
{
	int ret = read_header(config, elf, error);

	if (!ret)
		ret = read_notes(config, elf, error);
	for (unsigned i = 0; i < elf->count && !ret; i++)
		if (elf->segments[i].p_type == PT_LOAD && elf->segments[i].p_memsz)
			ret = check_segment(config, low, elf, &elf->segments[i], error);
	return ret;
}

int pvh_check(const struct boot_config *config, uint64_t memory, struct lend_error *error)
{
	struct elf elf = {0};

	return read_elf(config, memory < LOW_WINDOW_LOWEST ? memory : LOW_WINDOW_LOWEST, &elf, error);
}

static int load_segment(const struct memory *memory, const struct boot_config *config,
			const Elf64_Phdr *segment, struct lend_error *error)
{
	uint8_t *at = memory_at(memory, gpa(segment->p_paddr), segment->p_memsz);
	int ret;

	ret = boot_read(memory, config->kernel_fd, segment->p_offset, gpa(segment->p_paddr),
			segment->p_filesz);
	if (ret == -ENODATA)
		return truncated(config, error);
	if (ret)
		return fail(error, ret, "%s: cannot read: %s", config->kernel_name, strerror(-ret));
	memset(at + segment->p_filesz, 0, segment->p_memsz - segment->p_filesz);
	return 0;
}

static int put_start(const struct memory *memory, const struct boot_config *config,
		     const struct boot_initrd *initrd)
{
	struct start_page page = {0};
	struct map_entry entries[MAP_MAX];
	unsigned count = map_entries(memory, config->layout, entries);

	for (unsigned i = 0; i < count; i++)
		page.map[i] = (struct start_map){entries[i].start, entries[i].length, entries[i].type, 0};
	page.module = (struct start_module){.address = initrd->address, .size = initrd->size};
	page.info = (struct start_info){
		.magic = START_MAGIC,
		.version = START_VERSION,
		.modules = initrd->size != 0,
		.module_list = initrd->size ? ADDR_PVH_INFO + offsetof(struct start_page, module) : 0,
		.cmdline = ADDR_CMDLINE,
		.rsdp = config->rsdp,
		.map = ADDR_PVH_INFO + offsetof(struct start_page, map),
		.map_entries = count,
	};
	return memory_put(memory, gpa(ADDR_PVH_INFO), &page, sizeof(page));
}

int pvh_load(const struct memory *memory, const struct boot_config *config, struct boot_entry *entry,
	     struct lend_error *error)
{
	struct elf elf = {0};
	struct boot_initrd initrd;
	int ret = read_elf(config, memory->pieces[0].length, &elf, error);

	for (unsigned i = 0; i < elf.count && !ret; i++)
		if (elf.segments[i].p_type == PT_LOAD && elf.segments[i].p_memsz)
			ret = load_segment(memory, config, &elf.segments[i], error);
	if (!ret)
		ret = boot_initrd(memory, config, align_up(elf.end, 4096), ADDR_4GIB, &initrd, error);
	if (ret)
		return ret;
	if (put_start(memory, config, &initrd))
		return fail(error, -EFAULT, "guest memory is too small for the boot parameters: raise -m");
	*entry = (struct boot_entry){.rip = elf.entry, .rbx = ADDR_PVH_INFO};
	return 0;
}
