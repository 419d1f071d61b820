/* SPDX-License-Identifier: MIT */
/* The layout of a saved function. The struct of a version never changes: a new field needs a new version. */
#ifndef LIB_PCI_LIFE_STATE_FILE_H
#define LIB_PCI_LIFE_STATE_FILE_H

#include "lib/pci/function.h"

enum { STATE_MAGIC = 0x646e656c, STATE_VERSION = 1 }; /* "lend" */

struct state_file {
	uint32_t magic, version;
	uint32_t size; /* of the whole */
	uint16_t vendor, device;
	uint32_t config_size;
	uint32_t msix_count, msi_count;
	uint32_t reserved;
	uint8_t config[CONFIG_MAX]; /* as the guest sees it */
	uint8_t table[VECTORS_MAX * TABLE_ENTRY];
	uint8_t pending[VECTORS_MAX / 8];
};

#endif
