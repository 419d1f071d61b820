/* SPDX-License-Identifier: MIT */
/*
 * What a guest may find and change in config space, a byte at a time, by the specifications and
 * not by the library's tables. It is made of a device's bytes as the kernel shows them. Which
 * registers a capability has in all is not known here: outside of the bytes that matter a write
 * may reach the device or not (EITHER), and no other byte may change.
 */
#ifndef TESTS_FUZZ_CONFIG_MODEL_H
#define TESTS_FUZZ_CONFIG_MODEL_H

#include "tests/fuzz/input.h"
#include "tests/fuzz/rules.h"
#include "tests/unit/fake_world.h"

enum passed { EITHER, PASSED, BLOCKED };

struct model_byte {
	uint8_t virt;  /* bits that are not the device's */
	uint8_t value; /* of those, and of the writable ones */
	uint8_t mask;  /* bits of value that the guest may write */
	uint8_t clear; /* and that it clears by a written 1 */
	enum passed passed;
};

struct config_model {
	struct model_byte bytes[4096];
	uint8_t hw[4096]; /* the device's bytes at the start */
	unsigned size;
	bool root, strict, reports; /* its place is the root bus; x-config=strict; errors are reported */
	bool refused;               /* the device cannot be lent */
	bool unknown;               /* this model does not say what becomes of such a device */
	unsigned exp, power;        /* offsets of two capabilities; 0: none */
	bool has_line;
	struct fuzz_rules rules; /* the user's; all 0: none */
};

/** The device as the test describes it, before world_open(). What the user's rules say stays in it. */
void config_model_make(struct config_model *model, struct world *world);
/** The standard chain, then the extended one (config_model_caps.c). */
void config_model_caps(struct config_model *model, const struct world *world);

/** Sets the bytes of a little-endian field. */
void model_virtual(struct config_model *model, unsigned at, unsigned length, uint32_t value);
void model_bits(struct config_model *model, unsigned at, unsigned length, uint32_t bits, uint32_t value);
void model_mask(struct config_model *model, unsigned at, unsigned length, uint32_t mask);
void model_pass(struct config_model *model, unsigned at, unsigned length, enum passed passed);
uint32_t model_hw(const struct config_model *model, unsigned at, unsigned length);

/** The guest's access; fails the test where the library does something else. */
void config_model_write(struct config_model *model, struct world *world, unsigned at, unsigned length,
			uint32_t value);
void config_model_read(const struct config_model *model, struct world *world, unsigned at, unsigned length);
/** Reads all. */
void config_model_sweep(const struct config_model *model, struct world *world);

/**
 * Opens the device and makes its model. False: the device was refused, or nothing is known of it; then
 * the world is closed.
 */
bool config_model_open(struct config_model *model, struct world *world);

#endif
