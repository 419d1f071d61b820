/* SPDX-License-Identifier: MIT */
/* What the sub-commands that look at devices share: the host, names of devices, and how they are shown. */
#ifndef TOOL_HOST_H
#define TOOL_HOST_H

#include <jansson.h>
#include <limits.h>

#include "lend/survey.h"
#include "tool/args.h"

/**
 * A context for this computer, or for the tree in $LEND_ROOT (with sys, proc,
 * dev, run/lend and etc/lend in it, with quirks.d). -ENOMEM.
 */
int host_context(struct lend_context **out);

/** A path of this computer ("/etc/cdi"), in the tree of $LEND_ROOT if there is one. -ENAMETOOLONG. */
int host_path(const char *path, char out[PATH_MAX]);

/** A context and a survey. On failure one line has been printed. */
enum tool_status host_open(struct lend_context **context, struct lend_survey **survey);
/** The same to find devices by name; what uses them is not looked for (lend_survey_names()). */
enum tool_status host_open_names(struct lend_context **context, struct lend_survey **survey);
void host_close(struct lend_context *context, struct lend_survey *survey);

/** Looks up each device that is named. On failure one line has been printed. */
enum tool_status host_resolve(const struct lend_survey *survey, const struct args *args,
			      const struct lend_survey_device *out[ARGS_DEVICES_MAX]);

/** Names, from the database of pciutils; numbers where it has none. */
struct names;
/** NULL: without the database; the functions below take that. */
struct names *names_new(void);
void names_free(struct names *names);
/** "NVMe Controller: Red Hat, Inc. QEMU NVM Express Controller", cut at `size`. */
void names_device(struct names *names, const struct lend_survey_device *device, char *out, size_t size);
void names_class(struct names *names, const struct lend_survey_device *device, char *out, size_t size);
void names_vendor(struct names *names, const struct lend_survey_device *device, char *out, size_t size);
void names_model(struct names *names, const struct lend_survey_device *device, char *out, size_t size);

/** Whether standard output is a terminal that takes colours, and how wide it is (0: no terminal). */
bool show_colours(void);
unsigned show_width(void);

/** The escape sequence for a device's word; "" without colours. */
const char *show_colour(const struct lend_survey_device *device, bool colours);
const char *show_plain(bool colours);

/** A string of JSON from text that may be no UTF-8; never NULL but without memory. */
json_t *show_json(const char *text);
/** Prints a value and a newline, and frees it. */
enum tool_status show_print_json(json_t *value);

#endif
