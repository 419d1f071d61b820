/* SPDX-License-Identifier: MIT */
/*
 * The control socket: QMP, the dialect that other monitors' clients speak. It is served by the
 * keeper, on its one thread, without ever waiting for a client; what only the machine knows is asked
 * of it by a call, and the client has its reply when the machine has answered. A client has one
 * request in work, so replies are in order.
 */
#ifndef TOOL_RUN_QMP_QMP_H
#define TOOL_RUN_QMP_QMP_H

#include <jansson.h>

#include "tool/run/control.h"
#include "tool/run/options.h"

struct qmp;

enum { QMP_LISTENERS_MAX = 2, QMP_CLIENTS_MAX = 128, QMP_ID_SIZE = RUN_ID_MAX };

/** What the server asks of the keeper. */
struct qmp_host {
	void *opaque;
	/** Calls the machine: 0, or negative errno where it cannot be called now. */
	int (*call)(void *opaque, uint32_t serial, enum control_verb verb);
	/**
	 * Adds a device, which is `number` from now on; device->fd stays the caller's. 0: it began, and
	 * an event ends it, VMM_EVENT_PLUGGED or PLUG_FAILED. Negative errno with the sentence.
	 */
	int (*plug)(void *opaque, unsigned number, const struct run_device *device, struct lend_error *error);
	/** Has the guest asked for a device, or takes it by force: 0, and the call is answered. */
	int (*unplug)(void *opaque, uint32_t serial, unsigned number, bool force);
	/** Whether a thread is one of the machine's, which may make numbers up. NULL: all are. */
	bool (*owns)(void *opaque, int32_t thread);
	/** Other devices are there than before. */
	void (*changed)(void *opaque);
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

/** The last event of a device, whoever knows it; with the `topic` of `lend check` that failed, NULL: none. */
void qmp_take_last(struct qmp *qmp, const struct vmm_event *event, const char *topic);

/** The names of the devices that the machine has, for the register; the caller's. */
json_t *qmp_device_names(const struct qmp *qmp);

/** So many bytes of the guest's memory are populated, which takes long. `qmp` NULL: nobody listens. */
void qmp_populated(struct qmp *qmp, uint64_t done, uint64_t all);

/** The guest runs. */
void qmp_running(struct qmp *qmp);
/** Why the machine will end, where nobody asked before; the end has that reason. */
enum qmp_cause { QMP_CAUSE_NONE, QMP_CAUSE_QUIT, QMP_CAUSE_SIGNAL, QMP_CAUSE_KEYS };
void qmp_cause(struct qmp *qmp, enum qmp_cause cause);
/** The machine has ended: calls fail, and SHUTDOWN is sent. Once. */
void qmp_ended(struct qmp *qmp, bool said, enum vmm_end end);

#endif
