/* SPDX-License-Identifier: MIT */
/* What boot.S and C agree on. */
#ifndef GUEST_BOOT_H
#define GUEST_BOOT_H

#define MAPPED_GIB    1024 /* one to one from 0; a multiple of 512 */
#define SELECTOR_CODE 0x08
#define SELECTOR_DATA 0x10

#endif
