/* SPDX-License-Identifier: MIT */
/* lend ctl: what its commands share. */
#ifndef TOOL_CTL_CTL_H
#define TOOL_CTL_CTL_H

#include "tool/ctl/client.h"
#include "tool/tool.h"

/** Exit statuses beside those of enum tool_status. */
enum {
	CTL_REFUSED = 3, /* the guest said no */
	CTL_LATE = 4,    /* nobody answered within the limit */
};

enum { CTL_LIMIT_MS = 120000 };

/** An event that ends the waiting for a device, or for the machine. */
struct ctl_outcome {
	const char *event; /* NULL: the end of the table */
	int status;
	const char *text; /* "it is in the guest"; NULL: the waiting goes on, and `progress` is told */
	const char *progress;
	const char *reason; /* only with this reason; NULL: with any */
	bool gives_back;    /* the event says whether the host has the device back */
};

struct ctl {
	struct ctl_client client;
	bool json, force, no_wait;
	unsigned limit_ms;
	/* What is waited for: one of the outcomes, of the device `id` (NULL: of the machine). */
	const struct ctl_outcome *outcomes;
	const char *id;
	const struct ctl_outcome *met; /* NULL: not yet */
	char reason[256];              /* what the event says beside it */
	bool back, stuck;              /* the host has the device back; it should, and has not */
};

/** Takes an event: see ctl_await(). `opaque` is the struct ctl. */
void ctl_event(void *opaque, const char *name, const json_t *event);

/**
 * Waits until one of the outcomes was met, which may have been before the call, and says which.
 * Returns the exit status.
 */
int ctl_await(struct ctl *ctl, const char *what);

/** Asks for something and prints the refusal. NULL: refused, or the machine has ended. */
json_t *ctl_ask(struct ctl *ctl, const char *command, json_t *arguments);

struct ctl_verb {
	const char *name;
	const char *argument; /* "DEVICE"; NULL: none */
	int (*run)(struct ctl *ctl, const char *argument);
};

/** Row `index` of the table; NULL beyond its end. */
const struct ctl_verb *ctl_verb_row(size_t index);

/* print.c */
/** The text of a member of an object; empty if there is none. */
const char *ctl_text(const json_t *object, const char *name);
void ctl_print_json(const json_t *value);
void ctl_print_devices(const json_t *buses);
void ctl_print_lines(const json_t *lines);
/** A line: "12:00:01.123456 STOP", and what it says. */
void ctl_print_event(const char *name, const json_t *event);

#endif
