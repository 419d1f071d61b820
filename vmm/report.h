/* SPDX-License-Identifier: MIT */
/* What the machine tells of itself (vmm_stats(), vmm_report()) needs one file that is opened beforehand. */
#ifndef VMM_REPORT_H
#define VMM_REPORT_H

struct vmm;

/** Opens what report needs after the sandbox is up; it reports less where that cannot be had. */
void report_open(struct vmm *vmm);
void report_close(struct vmm *vmm);

#endif
