/* SPDX-License-Identifier: MIT */
/* The legacy VGA ranges of a function (x-vga; spec 9). */
#ifndef LIB_PCI_BARS_VGA_H
#define LIB_PCI_BARS_VGA_H

#include "lend/function.h"

/* Bytes of VFIO's region. A legacy address, of a port or of memory, is an offset in it. */
#define VGA_REGION_SIZE UINT64_C(0xc0000)

struct vga {
	bool on; /* fixed */
};

/** Whether the function has the ranges: they were asked for, and its class is VGA. */
bool vga_on(const struct lend_function *function);
/** Decides that. -ENOTSUP: they were asked for, and the kernel does not give them. */
int vga_setup(struct lend_function *function, struct lend_error *error);

/** Removes the ranges that the state does not decode; places those that it does. With the lock. */
int vga_disable(struct lend_function *function);
void vga_enable(struct lend_function *function);

#endif
