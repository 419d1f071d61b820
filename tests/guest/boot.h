/* SPDX-License-Identifier: MIT */
/* What boot.S and C agree on. */
#ifndef GUEST_BOOT_H
#define GUEST_BOOT_H

#define MAPPED_GIB    1024 /* one to one from 0; a multiple of 512 */
#define SELECTOR_CODE 0x08
#define SELECTOR_DATA 0x10

#define SMP_TRAMPOLINE 0x90000 /* where other processors begin: a page below 1 MiB that nothing else uses */
#define SMP_STACK      8192
#define SMP_STACKS     8

#endif
