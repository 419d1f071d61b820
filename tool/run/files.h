/* SPDX-License-Identifier: MIT */
/* The files that a run needs by name, opened by the keeper before anything else happens. */
#ifndef TOOL_RUN_FILES_H
#define TOOL_RUN_FILES_H

#include "tool/run/firmware.h"
#include "tool/run/servers.h"
#include "tool/run/trace.h"

/* The bytes of a romfile; the machine's process has them by the fork. */
struct file_rom {
	void *bytes; /* NULL: none */
	size_t length;
};

/* Descriptors, -1: not asked for. */
struct files {
	int kernel, initrd, serial, stats;
	int unpacked; /* the file that begins with the kernel of `kernel`, a bzImage; of so many bytes */
	uint64_t unpacked_size;
	struct vmm_file_state unpacked_of; /* the file of `kernel`, before it was read for that */
	struct lend_error unpacked_why;    /* why there is none; empty: nothing to say */
	struct trace trace;
	struct firmware_files firmware;
	struct file_rom roms[VMM_DEVICES_MAX]; /* one a device */
	int devices[VMM_DEVICES_MAX];          /* one a -device */
	struct servers servers;                /* of -disk and -net */
};

/** Reads an expansion ROM, whose bytes the caller frees. 0, or a negative errno with the sentence. */
int file_rom_read(const char *path, struct file_rom *out, struct lend_error *error);

/** Opens all that `options` names, and starts the servers of its devices. 0, or a negative errno with the
 * sentence and nothing open; -ENOEXEC: a file is not what it is given as. */
int files_open(struct run_options *options, struct files *out, struct lend_error *error);
/** Closes those of devices: the machine has its own, and a device is free when nobody has one. */
void files_give_devices(struct files *files);
/** Closes them, and ends the servers; a socket that was made for -serial is removed. */
void files_close(const struct run_options *options, struct files *files);

#endif
