/* SPDX-License-Identifier: MIT */
/*
 * PVH: an ELF file whose note XEN_ELFNOTE_PHYS32_ENTRY names a 32-bit entry;
 * EBX points to struct hvm_start_info (the kernel's
 * include/xen/interface/hvm/start_info.h, which is the specification).
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "vmm/error.h"
#include "vmm/x86/boot.h"
#include "vmm/x86/elf.h"
#include "vmm/x86/tables.h"

enum { NOTE_PHYS32_ENTRY = 18, START_MAGIC = 0x336ec578, START_VERSION = 1 };

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

/* Walks the notes of one segment; each field is checked against the segment's end. */
static void find_entry(const uint8_t *notes, size_t length, uint64_t *entry)
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
			memcpy(entry, notes + desc, note.n_descsz);
		at = next;
	}
}

static int read_notes(const struct boot_config *config, const struct elf *elf, uint64_t *entry,
		      struct lend_error *error)
{
	static const char *const cure = "give a bzImage, or a kernel with CONFIG_PVH";
	uint8_t notes[4096];

	*entry = 0;
	for (unsigned i = 0; i < elf->count; i++) {
		const Elf64_Phdr *segment = &elf->segments[i];

		if (segment->p_type != PT_NOTE || segment->p_filesz > sizeof(notes))
			continue;
		if (pread(config->kernel_fd, notes, segment->p_filesz, (off_t)segment->p_offset) !=
		    (ssize_t)segment->p_filesz)
			return elf_truncated(config, error);
		find_entry(notes, segment->p_filesz, entry);
	}
	if (!*entry || *entry > UINT32_MAX)
		return fail(error, -ENOEXEC, "%s: an ELF file without a PVH entry: %s", config->kernel_name,
			    cure);
	return 0;
}

/* `low` is the end of the RAM that begins at 0. */
static int read_kernel(const struct boot_config *config, uint64_t low, struct elf *elf, uint64_t *entry,
		       struct lend_error *error)
{
	int ret = elf_read(config, elf, error);

	ret = ret ? ret : read_notes(config, elf, entry, error);
	ret = ret ? ret : elf_check(config, low, elf, error);
	if (!ret && (*entry < elf->first || *entry >= elf->end))
		return fail(error, -ENOEXEC,
			    "%s: its PVH entry 0x%llx is outside of what it loads (0x%llx to 0x%llx): give "
			    "another kernel",
			    config->kernel_name, (unsigned long long)*entry, (unsigned long long)elf->first,
			    (unsigned long long)elf->end);
	return ret;
}

int pvh_check(const struct boot_config *config, uint64_t memory, struct lend_error *error)
{
	struct elf elf;
	uint64_t entry;

	return read_kernel(config, memory < LOW_WINDOW_LOWEST ? memory : LOW_WINDOW_LOWEST, &elf, &entry,
			   error);
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

int pvh_place(const struct memory *memory, const struct boot_config *config, struct boot_placed *placed,
	      struct lend_error *error)
{
	struct elf elf;
	uint64_t start;
	int ret = read_kernel(config, memory->pieces[0].length, &elf, &start, error);

	ret = ret ? ret : elf_load(memory, config, &elf, error);
	if (ret)
		return ret;
	placed->entry = (struct boot_entry){.rip = start, .rbx = ADDR_PVH_INFO};
	return boot_initrd(memory, config, align_up(elf.end, 4096), ADDR_4GIB, &placed->initrd, error);
}

int pvh_finish(const struct memory *memory, const struct boot_config *config,
	       const struct boot_placed *placed, struct lend_error *error)
{
	if (put_start(memory, config, &placed->initrd))
		return fail(error, -EFAULT, "guest memory is too small for the boot parameters: raise -m");
	return 0;
}
