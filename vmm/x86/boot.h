/* SPDX-License-Identifier: MIT */
/*
 * Loading a kernel: bzImage by the 64-bit boot protocol, ELF by PVH. Files are
 * not trusted: every offset and size is checked against the file and against
 * guest memory.
 */
#ifndef VMM_X86_BOOT_H
#define VMM_X86_BOOT_H

#include <linux/kvm.h>

#include "vmm/vmm.h"
#include "vmm/x86/layout.h"

struct boot_config {
	int kernel_fd, initrd_fd; /* initrd_fd -1: none */
	/* The kernel that a bzImage holds: the first bytes of a file. 0 bytes: it is not to be had. */
	int unpacked_fd;
	uint64_t unpacked_size;
	const char *kernel_name, *initrd_name;
	const char *cmdline;
	const struct layout *layout;
	uint64_t rsdp;
};

/** How the first processor starts. */
struct boot_entry {
	bool long_mode; /* 64-bit with pages mapped one to one, else 32-bit without paging (PVH) */
	uint64_t rip;
	uint64_t rsi, rbx; /* boot_params; PVH's start_info */
	bool unpacked;     /* a bzImage's kernel, entered without the code that unpacks it */
};

/**
 * Looks at the files and the command line alone, before anything is opened or
 * populated: kind, completeness, whether the kernel takes all of the command line,
 * and whether they fit into `memory` bytes. Errors as boot_load().
 */
int boot_check(const struct boot_config *config, uint64_t memory, struct lend_error *error);

enum { CMDLINE_LINUX = 2047 }; /* bytes of a command line that Linux takes on x86 */

/** Whether the kernel might leave out the end of the command line, which its file does not tell. */
bool boot_may_cut(const struct boot_config *config);

struct boot_initrd {
	uint64_t address, size;
};

/** A kernel and its initrd in guest memory. */
struct boot_placed {
	uint64_t low;  /* the RAM from 0 on that they were placed for */
	uint64_t load; /* of a bzImage: where its code was put */
	struct boot_entry entry;
	struct boot_initrd initrd;
	bool randomized; /* the kernel is to be told so */
};

/**
 * The first part of boot_load(), which takes long: kernel and initrd. Of the memory the piece at 0 is used,
 * of the configuration neither layout nor rsdp. boot_finish() is the second part, for the same RAM from 0 on.
 */
int boot_place(const struct memory *memory, const struct boot_config *config, struct boot_placed *placed,
	       struct lend_error *error);
int boot_finish(const struct memory *memory, const struct boot_config *config,
		const struct boot_placed *placed, struct lend_error *error);

/** Loads kernel and initrd. -ENOEXEC: not a kernel; -ENOSPC: larger than memory; -E2BIG: too
 * long a command line; each with a sentence. */
int boot_load(const struct memory *memory, const struct boot_config *config, struct boot_entry *entry,
	      struct lend_error *error);

/* The parts, for boot.c alone. */
int bzimage_check(const struct boot_config *config, uint64_t memory, struct lend_error *error);
int pvh_check(const struct boot_config *config, uint64_t memory, struct lend_error *error);
int bzimage_place(const struct memory *memory, const struct boot_config *config, struct boot_placed *placed,
		  struct lend_error *error);
int pvh_place(const struct memory *memory, const struct boot_config *config, struct boot_placed *placed,
	      struct lend_error *error);
int bzimage_finish(const struct memory *memory, const struct boot_config *config,
		   const struct boot_placed *placed, struct lend_error *error);
int pvh_finish(const struct memory *memory, const struct boot_config *config,
	       const struct boot_placed *placed, struct lend_error *error);
/** Puts the initrd as high as it can be below `limit`, above `floor`. */
int boot_initrd(const struct memory *memory, const struct boot_config *config, uint64_t floor, uint64_t limit,
		struct boot_initrd *out, struct lend_error *error);
/**
 * The file's size. Not by fstat(): glibc makes newfstatat of it, which the
 * sandbox cannot allow, since it also looks up any path (AT_EMPTY_PATH does not
 * keep it from that).
 */
int boot_size(int fd, uint64_t *out);
int boot_state(int fd, struct vmm_file_state *out);
/** Whether it was, since its state was `then`; a file whose state is not known was, too. */
bool boot_is_changed(int fd, const struct vmm_file_state *then);
/** Reads exactly `length` bytes of a file into guest memory; -ENOSPC: not RAM there; -ENODATA: short. */
int boot_read(const struct memory *memory, int fd, uint64_t offset, gpa_t to, uint64_t length);

/**
 * The sentence for a kernel that goes up to the address `end`, where the RAM ends at `low`.
 * -ENOSPC. Numbers are rounded so that a machine of the size that it names is large enough.
 */
int boot_too_large(const struct boot_config *config, uint64_t end, uint64_t low, struct lend_error *error);

/** Registers of the first processor at the entry; the tables it needs are put into memory. */
int boot_registers(const struct memory *memory, const struct boot_entry *entry, struct kvm_regs *regs,
		   struct kvm_sregs *sregs);

#endif
