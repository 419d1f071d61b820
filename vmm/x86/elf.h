/* SPDX-License-Identifier: MIT */
/*
 * An ELF file with a kernel, for boot.c's loaders: its segments go to their physical addresses.
 * `config->kernel_fd` is the file. Nothing in it is trusted.
 */
#ifndef VMM_X86_ELF_H
#define VMM_X86_ELF_H

#include <elf.h>

#include "vmm/x86/boot.h"

enum { ELF_SEGMENTS_MAX = 64 };

struct elf {
	Elf64_Phdr segments[ELF_SEGMENTS_MAX]; /* of a file of 32 bits widened */
	unsigned count;
	bool wide;                 /* a file of 64 bits; of another one the next two are 0 */
	uint64_t entry;            /* its own, e_entry */
	uint64_t sections_end;     /* where its table of sections ends in the file; 0: it has none */
	uint64_t first, last, end; /* of all segments: lowest address, end in the file, end in memory */
};

/** Reads its header and its table of segments. -ENODATA, -ENOEXEC, each with a sentence. */
int elf_read(const struct boot_config *config, struct elf *elf, struct lend_error *error);

/** Checks the segments against the file, and against the RAM that ends at `low`. As elf_read(); -ENOSPC. */
int elf_check(const struct boot_config *config, uint64_t low, struct elf *elf, struct lend_error *error);

/** Loads the segments of a file that was checked. */
int elf_load(const struct memory *memory, const struct boot_config *config, const struct elf *elf,
	     struct lend_error *error);

int elf_truncated(const struct boot_config *config, struct lend_error *error);

#endif
