/* SPDX-License-Identifier: MIT */
/* What the control socket asks of the keeper. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tool/clock.h"
#include "tool/run/keeper_state.h"

static int call(void *opaque, uint32_t serial, enum control_verb verb)
{
	const struct keeper *keeper = opaque;

	return keeper->control < 0 ? -EPIPE
				   : control_send_call(keeper->control, serial, verb, 0, NULL, 0, NULL, 0);
}

/* The button alone: the patience of a user who asks for the end does not begin. */
static void powerdown(void *opaque)
{
	const struct keeper *keeper = opaque;

	control_send(keeper->control, CONTROL_BUTTON);
}

static void quit(void *opaque)
{
	struct keeper *keeper = opaque;

	keeper_step(keeper, ladder_ask_stop(&keeper->ladder, clock_ms()));
}

static int plug(void *opaque, unsigned number, const struct run_device *device, struct lend_error *error)
{
	struct keeper *keeper = opaque;

	return plug_add(&keeper->plugs, number, device, error);
}

static int unplug(void *opaque, uint32_t serial, unsigned number, bool force)
{
	const struct keeper *keeper = opaque;
	const uint8_t payload = force;

	if (plug_gives_back(&keeper->plugs, number))
		return -EALREADY;
	return keeper->control < 0 ? -EPIPE
				   : control_send_call(keeper->control, serial, CALL_UNPLUG, number, &payload,
						       sizeof(payload), NULL, 0);
}

/* Whoever pins a thread by what we say must not reach one of another process. */
static bool owns(void *opaque, int32_t thread)
{
	const struct keeper *keeper = opaque;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d", (int)keeper->machine, thread);
	return thread > 0 && !access(path, F_OK);
}

static void changed(void *opaque)
{
	struct keeper *keeper = opaque;
	int ret = qmp_place_write(keeper->config->place, keeper->config->options,
				  qmp_device_names(keeper->qmp));

	if (ret)
		messages_say(&keeper->messages,
			     "cannot write %s/machine.json: %s; lend ps lists old devices, or none",
			     keeper->config->place->registry.path, strerror(-ret));
}

int keeper_qmp(struct keeper *keeper)
{
	struct qmp_config config = {
		.options = keeper->config->options,
		.host = {.opaque = keeper,
			 .call = call,
			 .plug = plug,
			 .unplug = unplug,
			 .owns = owns,
			 .changed = changed,
			 .powerdown = powerdown,
			 .quit = quit},
	};

	int ret;

	if (!keeper->config->place)
		return 0;
	memcpy(config.listeners, keeper->config->place->listeners, sizeof(config.listeners));
	ret = qmp_new(&config, &keeper->qmp);
	if (!ret)
		changed(keeper);
	return ret;
}
