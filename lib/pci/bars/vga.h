/* SPDX-License-Identifier: MIT */
/* The legacy VGA ranges of a function (x-vga; spec/vfio-pci.md, section 9). */
#ifndef LIB_PCI_BARS_VGA_H
#define LIB_PCI_BARS_VGA_H

#include "lend/function.h"

/* Of VFIO's region: a legacy address is an offset in it, ports and memory alike. */
#define VGA_REGION_SIZE UINT64_C(0xc0000)

struct vga {
	bool on; /* fixed */
};

/** Whether the function has the ranges: asked for, and its class is VGA. */
bool vga_on(const struct lend_function *function);
/** -ENOTSUP: asked for, and the kernel does not give the ranges. */
int vga_setup(struct lend_function *function, struct lend_error *error);

/** Takes away what the state no longer decodes; puts in place what it does. With the lock. */
int vga_disable(struct lend_function *function);
void vga_enable(struct lend_function *function);

#endif
