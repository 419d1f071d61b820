/* SPDX-License-Identifier: MIT */
/*
 * What a guest reaches of a device with a quirk of accesses, byte by byte (quirks_model.c). A twin of
 * the device, whose maker no quirk knows, has what is expected: the bytes of the device, and by
 * accesses to its config space what a mirror of config space has to do. The fuzz target is quirks.c.
 */
#ifndef TESTS_FUZZ_QUIRKS_MODEL_H
#define TESTS_FUZZ_QUIRKS_MODEL_H

#include "tests/fuzz/input.h"
#include "tests/unit/fake_world.h"

enum {
	MSI_CAP = 0x60,
	POWER_CAP = 0x40,
	DOOR = 0x70, /* the two registers of the Realtek's back door, in BAR 2 */
	TABLE_BAR = 4,
	VECTORS_MAX = 32,
	TABLE_MAX = VECTORS_MAX * 16,
};

enum maker { ATI, NVIDIA, REALTEK };

/** A write that the hypervisor has taken over. */
struct learned {
	uint64_t offset, data;
	unsigned length;
	bool owed; /* the guest made it, and the device has not got it yet */
};

/** Of each of NVIDIA's two mirrors in BAR 0. */
struct lessons {
	struct learned last, taught[10];
	unsigned in_a_row, count;
	bool given_up;
};

struct quirks_model {
	struct world *world, *twin;
	enum maker maker;
	bool on;     /* the quirk's own registers answer, not counting NVIDIA's mirror of BAR 0 */
	bool mirror; /* NVIDIA's BAR 0 has it */
	bool ports;  /* the last BAR is one of ports, as the quirk needs it */
	bool vga, msi;
	bool learns, host_takes, kernel_writes;
	unsigned vectors;
	/* What the guest wrote to the registers that lead to config space. */
	uint8_t ati[4], nvidia[12], crt_index, crt_mode, crt_address[4];
	uint32_t door_data, door_address;
	bool door_to_table;
	uint8_t table[TABLE_MAX];
	struct lessons lessons[2];
};

/** Makes and opens the two devices that the bytes say (quirks_device.c). */
void quirks_open(struct quirks_model *model, struct input *input);
/** What a read of 1 to 8 bytes has to return. */
uint64_t quirks_model_read(struct quirks_model *model, unsigned region, uint64_t offset, unsigned length);
/** The guest writes; the twin and the model follow. */
void quirks_model_write(struct quirks_model *model, unsigned region, uint64_t offset, unsigned length,
			uint64_t value);
/** The guest writes to config space. */
void quirks_model_config(struct quirks_model *model, unsigned offset, unsigned length, uint32_t value);
/** The learned write that the hypervisor takes, of those to BAR 0; NULL: it traps. */
struct learned *quirks_model_taken(struct quirks_model *model, unsigned region, uint64_t offset,
				   unsigned length, uint64_t value);
/** Whoever reads what the hypervisor took writes it to the device. */
void quirks_model_pay(struct quirks_model *model);
/** All is as it was at the start, but the device. */
void quirks_model_reset(struct quirks_model *model);
/** Whether the page at `offset` of a BAR has something that is not the device's. */
bool quirks_model_traps(const struct quirks_model *model, unsigned bar, uint64_t page);

#endif
