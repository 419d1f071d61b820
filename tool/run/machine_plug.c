/* SPDX-License-Identifier: MIT */
/* The calls by which devices come and go. What becomes of them is told by events. */
#include <errno.h>
#include <stdlib.h>

#include "tool/run/machine_calls.h"
#include "tool/run/plug_order.h"
#include "tool/tool.h"

int call_plug(struct machine_call *call, struct lend_error *error)
{
	struct control_extras *extras = call->extras;
	struct vmm_device_config config;
	int ret = order_read(extras->fds, extras->fd_count, &config);

	if (ret)
		return tool_fail(error, ret, "the order for device %u makes no sense", call->device);
	ret = vmm_device_add(call->vmm, call->device, &config, error);
	if (ret)
		free(config.owned);
	else
		extras->fd_count = 1; /* the device's are the machine's now */
	return ret;
}

/* The payload is one byte: whether by force. */
int call_unplug(struct machine_call *call, struct lend_error *error)
{
	return vmm_device_remove(call->vmm, call->device, call->length && call->payload[0], error);
}
