/* SPDX-License-Identifier: MIT */
/*
 * The control socket: QMP, the dialect that other monitors' clients speak. It is served by the
 * keeper, on its one thread, without ever waiting for a client; what only the machine knows is asked
 * of it by a call, and the client has its reply when the machine has answered. A client has one
 * request in work, so replies are in order.
 */
#ifndef TOOL_RUN_QMP_QMP_H
#define TOOL_RUN_QMP_QMP_H

#include "tool/run/control.h"
#include "tool/run/options.h"

struct qmp;

enum { QMP_LISTENERS_MAX = 2, QMP_CLIENTS_MAX = 128, QMP_ID_SIZE = RUN_ID_MAX };

/** What the server asks of the keeper. */
struct qmp_host {
	void *opaque;
	/** Calls the machine: 0, or negative errno where it cannot be called now. */
	int (*call)(void *opaque, uint32_t serial, enum control_verb verb);
	void (*powerdown)(void *opaque);
	void (*quit)(void *opaque);
};

struct qmp_config {
	int listeners[QMP_LISTENERS_MAX];  /* borrowed; -1: none */
	const struct run_options *options; /* name, UUID, devices; borrowed */
	struct qmp_host host;
};

/** 0 or negative errno. */
int qmp_new(const struct qmp_config *config, struct qmp **out);
/** Sends what clients take at once, and lets them go. NULL is allowed. */
void qmp_free(struct qmp *qmp);

/** The descriptor to poll for reading; -1: `qmp` is NULL. */
int qmp_fd(const struct qmp *qmp);
void qmp_serve(struct qmp *qmp);

/** The machine sent this: a row, an answer, or an event. */
void qmp_take(struct qmp *qmp, const struct control_message *message);

/** The guest runs. */
void qmp_running(struct qmp *qmp);
/** Why the machine will end, where nobody asked before; the end has that reason. */
enum qmp_cause { QMP_CAUSE_NONE, QMP_CAUSE_QUIT, QMP_CAUSE_SIGNAL, QMP_CAUSE_KEYS };
void qmp_cause(struct qmp *qmp, enum qmp_cause cause);
/** The machine has ended: calls fail, and SHUTDOWN is sent. Once. */
void qmp_ended(struct qmp *qmp, bool said, enum vmm_end end);

#endif
