/* SPDX-License-Identifier: MIT */
/* The commands of the control socket and its events, as tables. */
#ifndef TOOL_RUN_QMP_COMMANDS_H
#define TOOL_RUN_QMP_COMMANDS_H

#include "tool/run/qmp/state.h"

/** A request in work. */
struct qmp_request {
	struct qmp *qmp;
	struct qmp_client *client;
	const json_t *arguments; /* an object that has been checked; NULL: none */
	json_t *result;          /* to be filled in; NULL: an empty object */
	const char *class;       /* of an error; NULL: GenericError */
};

/** What run() returns where the reply comes with the machine's answer. */
enum { QMP_LATER = 1 };

struct qmp_command {
	const char *name;
	const char *takes, *gives; /* names of types */
	unsigned fds;              /* how many descriptors may come with it */
	bool first;                /* only before the negotiation */
	/** 0; QMP_LATER; or negative errno with the sentence. */
	int (*run)(struct qmp_request *request, struct lend_error *error);
};

/** Row `index`, NULL beyond the last. */
const struct qmp_command *qmp_command_row(size_t index);
/** NULL: there is none; the sentence names the nearest. */
const struct qmp_command *qmp_command_find(const char *name, struct lend_error *error);

/** Has the machine called; its answer is the reply. Returns QMP_LATER, or negative errno with the sentence.
 */
int qmp_call(struct qmp_request *request, enum control_verb verb, struct lend_error *error);
/** The same, of an answer with rows: `add` puts one into `rows`, `finish` makes the reply of them. */
int qmp_call_rows(struct qmp_request *request, enum control_verb verb,
		  void (*add)(const struct qmp *qmp, json_t *rows, const void *message),
		  json_t *(*finish)(json_t *rows), struct lend_error *error);

/**
 * Takes a descriptor that getfd has named, or "/dev/fdset/N" of add-fd, out of what the client keeps: the
 * caller's then. -ENOENT with the sentence.
 */
int qmp_take_kept(struct qmp_client *client, const char *name, struct lend_error *error);

/* queries.c, pci.c, descriptors.c, hotplug.c: run() of commands. */
int qmp_query_version(struct qmp_request *request, struct lend_error *error);
int qmp_query_commands(struct qmp_request *request, struct lend_error *error);
int qmp_query_schema(struct qmp_request *request, struct lend_error *error);
int qmp_query_status(struct qmp_request *request, struct lend_error *error);
int qmp_query_name(struct qmp_request *request, struct lend_error *error);
int qmp_query_uuid(struct qmp_request *request, struct lend_error *error);
int qmp_query_cpus(struct qmp_request *request, struct lend_error *error);
int qmp_query_counters(struct qmp_request *request, struct lend_error *error);
int qmp_query_explain(struct qmp_request *request, struct lend_error *error);
int qmp_query_pci(struct qmp_request *request, struct lend_error *error);
int qmp_getfd(struct qmp_request *request, struct lend_error *error);
int qmp_closefd(struct qmp_request *request, struct lend_error *error);
int qmp_device_add(struct qmp_request *request, struct lend_error *error);
int qmp_device_del(struct qmp_request *request, struct lend_error *error);
int qmp_add_fd(struct qmp_request *request, struct lend_error *error);

/** A device's event ends the request that waits for it, if one does. */
void qmp_plug_event(struct qmp *qmp, const struct vmm_event *event);

/** The version as query-version and the greeting have it. */
json_t *qmp_version(void);

/** Row `index` of the events: its name, and the type of its data. NULL beyond the last. */
const char *qmp_event_row(size_t index, const char **type);

#endif
