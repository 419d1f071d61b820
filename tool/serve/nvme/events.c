/* SPDX-License-Identifier: MIT */
/*
 * Asynchronous events (section 5.2). An event is told by completing a request that the
 * guest left for it. Its type is not told again until the guest has read the log page.
 */
#include "tool/serve/nvme/private.h"

/* The log page that tells more about a type of event. */
static const uint8_t pages[8] = {[EVENT_ERROR] = NVME_LOG_ERRORS};

static struct nvme_command *take(struct nvme_controller *ctl, unsigned index)
{
	struct nvme_command *command = ctl->events_waiting[index];

	ctl->event_count--;
	memmove(ctl->events_waiting + index, ctl->events_waiting + index + 1,
		(ctl->event_count - index) * sizeof(*ctl->events_waiting));
	return command;
}

static void deliver(struct nvme_controller *ctl)
{
	for (unsigned type = 0; type < sizeof(pages) && ctl->event_count; type++) {
		struct nvme_command *command;

		if (!(ctl->event_pending & ~ctl->event_masked & 1U << type))
			continue;
		ctl->event_pending &= ~(1U << type);
		ctl->event_masked |= 1U << type;
		command = take(ctl, 0);
		command->result = type | (uint32_t)ctl->event_info[type] << 8 | (uint32_t)pages[type] << 16;
		nvme_command_complete(ctl, command, NVME_SUCCESS);
	}
}

void nvme_event(struct nvme_controller *ctl, unsigned type, unsigned info)
{
	ctl->event_pending |= 1U << type;
	ctl->event_info[type] = (uint8_t)info;
	deliver(ctl);
}

void nvme_event_seen(struct nvme_controller *ctl, unsigned log_page)
{
	for (unsigned type = 0; type < sizeof(pages); type++)
		if (pages[type] == log_page)
			ctl->event_masked &= ~(1U << type);
	deliver(ctl);
}

int nvme_async_event(struct nvme_controller *ctl, struct nvme_command *command)
{
	if (ctl->event_count == NVME_EVENTS)
		return NVME_EVENT_LIMIT;
	ctl->events_waiting[ctl->event_count++] = command;
	deliver(ctl);
	return NVME_PENDING;
}

bool nvme_event_abort(struct nvme_controller *ctl, unsigned cid)
{
	for (unsigned i = 0; i < ctl->event_count; i++)
		if (ctl->events_waiting[i]->sqe.cid == cid) {
			nvme_command_complete(ctl, take(ctl, i), NVME_ABORTED);
			return true;
		}
	return false;
}
