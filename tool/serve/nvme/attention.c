/* SPDX-License-Identifier: MIT */
/*
 * When the guest has to ring (doorbell.c). A ring is an exit of the guest and a message to
 * us. So while the disk works, the guest is kept from ringing: completions wake us, and we
 * look into the memory then. If nothing happens for HOLD, the queues are armed, and we sleep.
 *
 * A guest that gives its next command when it has the result of the last one finds us idle
 * each time. If it was faster than LOOK, we look into the memory for that long at the next
 * time, before we arm and sleep: to be woken takes longer. One look in vain ends that. While
 * the disk works on its only command the queues are armed, since no other one is expected.
 */
#include "tool/serve/nvme/private.h"

enum {
	HOLD = 100000, /* ns that a new command may wait if nothing else wakes us */
	LOOK = 50000,  /* ns */
	SINGLES = 4,   /* so many commands one at a time show that the guest does so */
};

void nvme_attention_found(struct nvme_controller *ctl, unsigned commands)
{
	if (ctl->running || commands > 1)
		ctl->singles = 0;
	else if (ctl->singles < SINGLES)
		ctl->singles++;
	if (ctl->idle_since)
		ctl->eager = ctl->host->now(ctl->opaque) - ctl->idle_since < LOOK;
	ctl->idle_since = 0;
}

static bool find_tails(struct nvme_controller *ctl)
{
	bool found = false;

	for (unsigned i = 1; i <= ctl->queue_pairs && ctl->buffered; i++)
		found |= nvme_doorbell_tail(ctl, i);
	return found;
}

/* From here on the guest rings. True: it gave a command before that. */
static bool arm(struct nvme_controller *ctl)
{
	for (unsigned i = 1; i <= ctl->queue_pairs; i++)
		if (ctl->sqs[i].shadow && !ctl->sqs[i].armed)
			nvme_doorbell_event(ctl, i, true);
	/* The guest stores its tail, then reads the number; we do the reverse. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return find_tails(ctl);
}

/* Its next command comes when it sees a completion, and we are awake then: it need not ring. */
static void disarm(struct nvme_controller *ctl)
{
	for (unsigned i = 1; i <= ctl->queue_pairs; i++)
		if (ctl->sqs[i].armed)
			nvme_doorbell_event(ctl, i, false);
}

static void start_timer(struct nvme_controller *ctl)
{
	ctl->timing = true;
	ctl->active = false;
	ctl->timer = (struct nvme_disk_request){.op = DISK_TIMER, .length = HOLD};
	ctl->disk->ops->submit(ctl->disk->opaque, &ctl->timer);
}

bool nvme_attention_hold(struct nvme_controller *ctl, bool more)
{
	if (!ctl->buffered)
		return false;
	if (more) {
		ctl->active = true;
		ctl->quiet = false;
	}
	if (!ctl->running) {
		/* nvme_attention_idle() arms them again. */
		if (more)
			disarm(ctl);
		return false;
	}
	if (ctl->quiet || ctl->timing)
		return false;
	if (ctl->running == 1 && ctl->singles == SINGLES)
		return arm(ctl);
	start_timer(ctl);
	return false;
}

void nvme_attention_time(struct nvme_controller *ctl)
{
	ctl->timing = false;
	ctl->quiet = !ctl->active;
}

static bool look(struct nvme_controller *ctl)
{
	do
		if (find_tails(ctl))
			return true;
	while (ctl->host->now(ctl->opaque) - ctl->idle_since < LOOK);
	ctl->eager = false;
	return false;
}

bool nvme_attention_idle(struct nvme_controller *ctl, bool any)
{
	if (!ctl->buffered || (ctl->running && !ctl->quiet))
		return false;
	if (any)
		ctl->idle_since = ctl->host->now(ctl->opaque);
	if (any && ctl->eager && !ctl->running && look(ctl))
		return true;
	return arm(ctl);
}
