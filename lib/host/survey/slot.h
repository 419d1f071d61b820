/* SPDX-License-Identifier: MIT */
/* What is like an address of PCI and is none, and what may be meant by it. */
#ifndef LIB_HOST_SURVEY_SLOT_H
#define LIB_HOST_SURVEY_SLOT_H

#include "lend/survey.h"

/* Any: -1. */
struct slot {
	long domain, bus, device, function;
};

/** Reads text like "01:00", "1:0.0", "pci_0000_01_00_0". False: it is none. `out` may be NULL. */
bool slot_parse(const char *text, struct slot *out);

/**
 * Names the functions that may be meant: -ENOTUNIQ several, -EINVAL one, -ENODEV none.
 */
int slot_say(const struct lend_survey *survey, const char *name, const struct slot *slot,
	     struct lend_error *error);

#endif
