/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "vmm/error.h"
#include "vmm/x86/elf.h"
#include "vmm/x86/layout.h"

int elf_truncated(const struct boot_config *config, struct lend_error *error)
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

	if (memcmp(ident, ELFMAG, SELFMAG) != 0)
		return false;
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
		Elf64_Phdr wide[ELF_SEGMENTS_MAX];
		Elf32_Phdr narrow[ELF_SEGMENTS_MAX];
	} table;
	size_t length = (size_t)shape->count * shape->size;

	if (shape->at > INT64_MAX - length ||
	    pread(config->kernel_fd, &table, length, (off_t)shape->at) != (ssize_t)length)
		return elf_truncated(config, error);
	for (unsigned i = 0; i < shape->count; i++)
		elf->segments[i] = shape->wide ? table.wide[i] : widened(&table.narrow[i]);
	elf->count = shape->count;
	return 0;
}

/* 0 where the table does not end: nobody looks behind it then. */
static uint64_t sections_end(const Elf64_Ehdr *header)
{
	uint64_t end;

	return __builtin_add_overflow(header->e_shoff, (uint64_t)header->e_shentsize * header->e_shnum, &end)
		       ? 0
		       : end;
}

int elf_read(const struct boot_config *config, struct elf *elf, struct lend_error *error)
{
	Elf64_Ehdr header;
	struct shape shape;

	if (pread(config->kernel_fd, &header, sizeof(header), 0) != sizeof(header))
		return elf_truncated(config, error);
	if (!find_shape(&header, &shape) || !shape.count || shape.count > ELF_SEGMENTS_MAX)
		return fail(error, -ENOEXEC, "%s: not a kernel image (an ELF file, but not one for x86)",
			    config->kernel_name);
	*elf = (struct elf){.wide = shape.wide};
	if (shape.wide) {
		elf->entry = header.e_entry;
		elf->sections_end = sections_end(&header);
	}
	return read_segments(config, &shape, elf, error);
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
		return elf_truncated(config, error);
	if (end > elf->end)
		elf->end = end;
	if (segment->p_paddr < elf->first || !elf->first)
		elf->first = segment->p_paddr;
	if (segment->p_offset + segment->p_filesz > elf->last)
		elf->last = segment->p_offset + segment->p_filesz;
	return 0;
}

static bool is_loaded(const Elf64_Phdr *segment)
{
	return segment->p_type == PT_LOAD && segment->p_memsz;
}

int elf_check(const struct boot_config *config, uint64_t low, struct elf *elf, struct lend_error *error)
{
	int ret = 0;

	for (unsigned i = 0; i < elf->count && !ret; i++)
		if (is_loaded(&elf->segments[i]))
			ret = check_segment(config, low, elf, &elf->segments[i], error);
	return ret;
}

static int load_segment(const struct memory *memory, const struct boot_config *config,
			const Elf64_Phdr *segment, struct lend_error *error)
{
	uint8_t *at = memory_at(memory, gpa(segment->p_paddr), segment->p_memsz);
	int ret;

	ret = boot_read(memory, config->kernel_fd, segment->p_offset, gpa(segment->p_paddr),
			segment->p_filesz);
	if (ret == -ENODATA)
		return elf_truncated(config, error);
	if (ret)
		return fail(error, ret, "%s: cannot read: %s", config->kernel_name, strerror(-ret));
	memset(at + segment->p_filesz, 0, segment->p_memsz - segment->p_filesz);
	return 0;
}

int elf_load(const struct memory *memory, const struct boot_config *config, const struct elf *elf,
	     struct lend_error *error)
{
	int ret = 0;

	for (unsigned i = 0; i < elf->count && !ret; i++)
		if (is_loaded(&elf->segments[i]))
			ret = load_segment(memory, config, &elf->segments[i], error);
	return ret;
}
