/* SPDX-License-Identifier: MIT */
/* What the keeper calls the machine for while the guest runs: a function a verb, in a table. */
#ifndef TOOL_RUN_MACHINE_CALLS_H
#define TOOL_RUN_MACHINE_CALLS_H

#include "tool/run/outbox.h"

struct machine_call {
	struct vmm *vmm;
	struct outbox *outbox;
	uint32_t serial;
	unsigned device;
	const uint8_t *payload;
	size_t length;                 /* of payload, bytes */
	struct control_extras *extras; /* its descriptors; who keeps them sets fd_count to 0 */
	bool full; /* the keeper does not read: no further row is sent, and the call fails */
};

/* machine_plug.c: the verbs of devices that come and go. */
int call_plug(struct machine_call *call, struct lend_error *error);
int call_unplug(struct machine_call *call, struct lend_error *error);

/** Does what a CONTROL_CALL asks for, and answers it. From vmm_config.turn. */
void machine_call(struct vmm *vmm, struct outbox *outbox, const struct control_message *message,
		  struct control_extras *extras);

#endif
