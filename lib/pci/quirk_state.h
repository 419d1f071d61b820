/* SPDX-License-Identifier: MIT */
/* What a function keeps of what its user chose. */
#ifndef LIB_PCI_QUIRK_STATE_H
#define LIB_PCI_QUIRK_STATE_H

#include "lend/function.h"

/** What the user chose; fixed. */
struct quirk_options {
	bool vga; /* x-vga */
};

#endif
