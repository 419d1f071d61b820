/* SPDX-License-Identifier: MIT */
/* The server's state, for the files of this folder alone. */
#ifndef TOOL_RUN_QMP_STATE_H
#define TOOL_RUN_QMP_STATE_H

#include "tool/run/qmp/client.h"
#include "tool/run/qmp/qmp.h"
#include "tool/run/qmp/types.h"

/* A device of the machine, by its number. */
struct qmp_device {
	bool used;
	char id[QMP_ID_SIZE];
	char host[LEND_NAME_SIZE]; /* on the host; empty: it has no address there */
};

struct qmp {
	struct qmp_config config;
	int epoll;
	int timer; /* timerfd: listeners are watched again */
	bool full; /* no listener is watched: there is no room for another client */
	struct qmp_client *clients;
	unsigned client_count;
	uint32_t serial; /* of the last call */
	bool running, paused, panicked, over;
	bool reset_asked; /* system_reset was the last that could end a machine with -no-reboot */
	enum qmp_cause cause;
	enum vmm_end end;
	struct qmp_device devices[VMM_DEVICES_MAX];
	const char *topic;    /* of `lend check`, for the reply to a plug that failed; NULL: none */
	unsigned next_device; /* where the search for a free number begins */
};

enum { QMP_UUID_SIZE = 37 };
void qmp_uuid_text(const uint8_t uuid[16], char out[QMP_UUID_SIZE]);

/** Lets clients go that are gone, and watches the others for what they may do now. Not while one is served.
 */
void qmp_tidy(struct qmp *qmp);

/** The number of the next call. */
uint32_t qmp_serial(struct qmp *qmp);

/** Sends an event to all who may have it; takes over `data`, NULL: it has none. */
void qmp_send_event(struct qmp *qmp, const char *name, json_t *data);
/** The machine told of an event. */
void qmp_take_event(struct qmp *qmp, const struct vmm_event *event);
/** The SHUTDOWN of a machine that has ended. */
void qmp_send_shutdown(struct qmp *qmp);

/** Answers a request of `length` bytes; it may be anything. */
void qmp_request(struct qmp *qmp, struct qmp_client *client);
/** The reply to a client's request; takes over `result` (NULL: an empty object). */
void qmp_reply(struct qmp_client *client, json_t *result);
void qmp_reply_error(struct qmp_client *client, const char *class, const char *text);
/** The same with the topic of `lend check` that is the reason; NULL: none is. */
void qmp_reply_topic(struct qmp_client *client, const char *class, const char *text, const char *topic);

/** Fills in the machine's devices from the command line. */
void qmp_devices_init(struct qmp *qmp);
/** One that is gone for good gives its number free. */
void qmp_devices_event(struct qmp *qmp, const struct vmm_event *event);
/** The number of the device with that id, or else with that address on the host; negative: none. */
int qmp_device_find(const struct qmp *qmp, const char *name);
/** Names one device, by its id= or by what it is. */
void qmp_device_name(struct qmp_device *device, const struct run_device *of, unsigned number);

#endif
