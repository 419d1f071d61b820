/* SPDX-License-Identifier: MIT */
/* Where the host's kernel counts the interrupts of devices: nothing of ours runs for those of a bypass. */
#ifndef VMM_REPORT_H
#define VMM_REPORT_H

#include <stdint.h>

struct vmm;

/** Opens what report needs after the sandbox is up; it reports less where that cannot be had. */
void report_open(struct vmm *vmm);
void report_close(struct vmm *vmm);

/**
 * Adds up the counts in a line of /proc/interrupts when its name, the last word,
 * is `name`; -1: it is another's.
 */
int64_t report_line_count(const char *line, const char *name);

#endif
