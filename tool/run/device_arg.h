/* SPDX-License-Identifier: MIT */
/* The two spellings of -device. Each returns 0, or -EINVAL with the sentence in `error`. */
#ifndef TOOL_RUN_DEVICE_ARG_H
#define TOOL_RUN_DEVICE_ARG_H

#include <jansson.h>

#include "tool/run/options.h"

/** What a device has that the user says nothing about. */
void device_defaults(struct run_device *device);
/** Takes the name of a driver. */
int device_driver(struct run_device *device, const char *driver, struct lend_error *error);
/** Reads the value as a JSON object: its member "driver", and a member for each property. */
int device_json(struct run_device *device, const char *text, struct lend_error *error);
/** The same of an object. */
int device_object(struct run_device *device, json_t *object, struct lend_error *error);
/** What a single device has to say of itself. */
int device_check(const struct run_device *device, struct lend_error *error);

#endif
