/* SPDX-License-Identifier: MIT */
/*
 * Devices of which a quirk changes what they are at the start, or how they are reset: Intel's VMD,
 * NVIDIA's GPUDirect clique, a PBA outside of its BAR, and the reset of AMD's GPUs. The fuzz target is
 * quirks.c.
 */
#ifndef TESTS_FUZZ_QUIRKS_ONCE_H
#define TESTS_FUZZ_QUIRKS_ONCE_H

#include "tests/fuzz/input.h"

/** Makes one, and fails the test where it is not as its quirk says. */
void quirks_once(struct input *input);

#endif
