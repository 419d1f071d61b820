/* SPDX-License-Identifier: MIT */
/*
 * The files that the flash chips of a firmware machine are made of: which kind a file is, and where
 * its bytes go. Only the layout is read, never what firmware or guest have stored.
 */
#ifndef VMM_FIRMWARE_FLASH_PLAN_H
#define VMM_FIRMWARE_FLASH_PLAN_H

#include "vmm/vmm.h"

/** The two chips: the code ends at 4 GiB, and the variables end where the code begins. */
struct flash_plan {
	uint32_t code_size, code_offset; /* in the file of the code */
	uint32_t vars_size;              /* 0: there is no chip for them */
	int vars_from;                   /* whose beginning they are; -1: all ones */
	bool vars_lost;                  /* they are lost at the end of the machine */
};

/**
 * Looks at the files. 0; -ENOEXEC with a sentence: one of them is not what it is given as, or
 * they do not fit together; or why a file cannot be read. Blocks for the disk.
 */
int flash_plan(const struct vmm_firmware_config *config, struct flash_plan *out, struct lend_error *error);

#endif
