/* SPDX-License-Identifier: MIT */
/*
 * What becomes of a function by resets, notices of the kernel and stops, and what it may have outside in
 * each state (life_model.c). The fuzz target is life.c.
 */
#ifndef TESTS_FUZZ_LIFE_MODEL_H
#define TESTS_FUZZ_LIFE_MODEL_H

#include "lend/reset.h"
#include "tests/fuzz/rules.h"
#include "tests/unit/fake_world.h"

enum {
	LIFE_BARS = 5,
	TABLE_AT = 0x2000,
	TABLE_END = 0x2400,
	PBA_AT = 0x3000,
	EXP_CAP = 0x80,
	AER_CAP = 0x100
};

enum state { RUNS, STOPPED, FAILED, LEAVING };

struct life_model {
	struct world *world;
	struct lend_function *sibling; /* in the same space; NULL: none */
	struct lend_device *sibling_device;
	struct world *second; /* its device */
	enum state state;
	bool made_whole; /* no call failed while it was made */
	bool unsure;     /* a call failed since: more may be out than the state says */
	bool failed;     /* the same since a reset that left it off */
	bool left_on;    /* by such a call its bus master or decode is on; a reset of the fake leaves it so */
	bool restarted;  /* the step that runs may turn a stopped function on */
	bool withdrawn;  /* the kernel's side of the BARs is gone, until the guest writes what decides */
	unsigned power;  /* the state that the guest chose; the device may be in another one */
	bool hidden;     /* something else answers where the BARs are */
	/* A reset at open is good until the guest writes to the device. */
	bool touched, was_reset, sibling_was_reset;
	bool flr, soft; /* what its registers say of resets: function level, by the power state */
	bool doors_taken, reports;
	bool peers_known,
		peers_itself;    /* whether the device reaches its own memory; asked while it is placed */
	unsigned events[8];      /* of each kind, since the last check */
	struct fuzz_rules rules; /* the user's, of resets alone */
	int door;                /* the eventfd of all doorbells */
};

/** Makes the device that the bytes say; free it, and the model's eventfd (life_device.c). */
void life_make(struct life_model *model, struct input *input);
/** Another function of its bus, in the same space, comes and goes. */
void life_open_sibling(struct life_model *model);
void life_close_sibling(struct life_model *model);
/** The ways to reset it that work from now on. */
void life_ways(struct world *world, uint8_t which);

/** The kernel tells of an error, or the monitor stops the function as if. */
void life_model_error(struct life_model *model, bool by_kernel);
void life_model_request(struct life_model *model);
/** What a reset of the first function, perhaps with its sibling, has to report. Before it is made. */
struct lend_reset_report life_model_reset(struct life_model *model, bool with_sibling);
/** Fails the test where something is out that is not to be, or is missing. */
void life_model_check(struct life_model *model);

#endif
