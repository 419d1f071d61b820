/* SPDX-License-Identifier: MIT */
/*
 * The two functions of a Q35 that UEFI firmware looks for, as far as it uses them: the host bridge
 * at 00:00.0, whose PCIEXBAR says where ECAM is, and the bridge to LPC at 00:1f.0, which shows and
 * hides the power management block.
 *
 * Rules: config space is a table of rows; whatever is in no row reads as zero and takes no write.
 * What a write causes is found from the registers as they are after it, so that a register may be
 * written in pieces.
 */
#ifndef VMM_FIRMWARE_CHIPSET_H
#define VMM_FIRMWARE_CHIPSET_H

#include <pthread.h>
#include <stdbool.h>

#include "vmm/pci/topology.h"

struct chipset {
	/*
	 * ECAM answers in [base, base + length) and nowhere else from now on; length 0: nowhere.
	 * -errno: it cannot be there, and answers nowhere.
	 */
	int (*move_ecam)(void *opaque, uint64_t base, uint64_t length);
	/* The power management block answers, or not. */
	void (*show_pm)(void *opaque, bool shown);
	/* The firmware is a build that needs SMM, and goes no further. */
	void (*needs_smm)(void *opaque);
	/* A line of log; how many there may be is the other side's matter. */
	void (*say)(void *opaque, const char *text);
	void *opaque;

	pthread_mutex_t lock; /* guards what follows; held over the calls above */
	struct bridge_config *host, *lpc;
	uint64_t ecam_base, ecam_length; /* as move_ecam was told */
	bool ecam_answers, pm_shown;
	bool said; /* that ECAM cannot be where the guest wants it */
};

/** Before topology_assign() resets the functions for the first time; the callbacks are filled in. */
void chipset_init(struct chipset *chipset);

/** Where the guest's ECAM is; false: nowhere. Any thread. */
bool chipset_ecam(struct chipset *chipset, uint64_t *base, uint64_t *length);

/* As in struct topology_chips; opaque: struct chipset. */
void chipset_reset(void *opaque, unsigned slot, struct bridge_config *config);
void chipset_written(void *opaque, unsigned slot, unsigned offset, unsigned length);

#endif
