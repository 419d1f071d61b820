/* SPDX-License-Identifier: MIT */
/*
 * What a machine has beyond a direct boot's where UEFI firmware starts it: the chips of this folder.
 * They are owned here, put on the buses, reset and freed. A chip knows neither the machine nor KVM.
 */
#ifndef VMM_FIRMWARE_FIRMWARE_H
#define VMM_FIRMWARE_FIRMWARE_H

#include "vmm/firmware/chipset.h"
#include "vmm/firmware/flash.h"
#include "vmm/firmware/fw_cfg.h"
#include "vmm/firmware/pm.h"
#include "vmm/firmware/rtc.h"
#include "vmm/machine.h"

/** A flash chip in the guest's memory. */
struct firmware_image {
	struct vmm *vmm;
	bool made;
	struct flash chip;
	gpa_t at;
	int slot; /* while it is in array mode; -1: none. Guarded by the chip's lock */
};

struct firmware {
	struct vmm_firmware_config config;
	struct firmware_image code, store;
	struct chipset chipset;
	struct topology_chips chips;
	struct fw_cfg fw_cfg;
	struct pm pm;
	struct rtc rtc;
	int posted_timer; /* timerfd: what was posted to the store is fetched; -1: there is none yet */
	int rtc_timer;    /* timerfd; -1: there is no clock yet */
	bool made;        /* fw_cfg and pm are */
	struct kvm_pit_state2 pit; /* as it is after a reset */
};

/** Makes vmm->firmware if the machine is configured so; else that stays NULL, as in all that follows. */
int firmware_new(struct vmm *vmm, struct lend_error *error);

/** Makes the chips, and puts them on the buses; the interrupt controllers are there. */
int firmware_init(struct vmm *vmm, struct lend_error *error);

/** Tells the firmware what the machine is; the address space is planned. */
int firmware_describe(struct vmm *vmm, struct lend_error *error);

/** Lets KVM keep writes to chips, if it can; the processors are there, and have not run. */
int firmware_post(struct vmm *vmm, struct lend_error *error);

/** Resets the chips that are not on PCI. vCPUs are paused. */
int firmware_reset(struct vmm *vmm);

/** vCPUs have ended. */
void firmware_free(struct vmm *vmm);

/* clock.c, for firmware.c alone: rtc with its timer. */
int firmware_clock_init(struct vmm *vmm, struct lend_error *error);
void firmware_clock_free(struct vmm *vmm);

/* posted.c, for this folder alone: the store takes commands, or is memory again. With its chip's lock. */
void firmware_post_store(struct vmm *vmm, const struct firmware_image *store, bool commands);
void firmware_post_free(struct vmm *vmm);

/* describe.c, for firmware.c alone: what follows from the place of ECAM; 0: nowhere. */
void firmware_ecam_moved(struct vmm *vmm, uint64_t base);

/* images.c, for firmware.c alone. */
int firmware_images_init(struct vmm *vmm, struct lend_error *error);
void firmware_images_reset(struct vmm *vmm);
/** What was stored is on the disk afterwards. */
void firmware_images_free(struct vmm *vmm);

#endif
