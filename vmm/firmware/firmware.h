/* SPDX-License-Identifier: MIT */
/*
 * What a machine has beyond a direct boot's where UEFI firmware starts it: the chips of this folder.
 * They are owned here, put on the buses, reset and freed. A chip knows neither the machine nor KVM.
 */
#ifndef VMM_FIRMWARE_FIRMWARE_H
#define VMM_FIRMWARE_FIRMWARE_H

#include "vmm/firmware/chipset.h"
#include "vmm/machine.h"

struct firmware {
	struct vmm_firmware_config config;
	struct chipset chipset;
	struct topology_chips chips;
	struct kvm_pit_state2 pit; /* as it is after a reset */
};

/** Makes vmm->firmware if the machine is configured so; else that stays NULL, as in all that follows. */
int firmware_new(struct vmm *vmm, struct lend_error *error);

/** Puts the chips on the buses; the interrupt controllers are there. */
int firmware_init(struct vmm *vmm, struct lend_error *error);

/** Resets the chips that are not on PCI. vCPUs are paused. */
int firmware_reset(struct vmm *vmm);

void firmware_free(struct vmm *vmm);

#endif
