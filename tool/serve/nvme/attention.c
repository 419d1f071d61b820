/* SPDX-License-Identifier: MIT */
/*
 * When the guest has to ring (doorbell.c). A ring is an exit of the guest and a message to
 * us. So while the disk works, the guest is kept from ringing: completions wake us, and we
 * look into the memory then. If nothing happens for HOLD, the queues are armed, and we sleep.
 *
 * To be woken takes longer than a fast disk, or a fast guest's next command. So if what was
 * waited for came that fast (host.h has the time) several times in a row, we look for it for
 * that long before we sleep. One look in vain ends that.
 *
 * A guest that gives its next command when it has the result of the last one finds us idle
 * each time. While the disk works on its only command the queues are armed, since no other
 * one is expected, and no timer is needed.
 */
#include "tool/serve/nvme/private.h"

enum {
	HOLD = 100000, /* ns that a new command may wait if nothing else wakes us */
	FAST = 4,      /* so many waits in a row that were shorter tell that the next one will be, too */
	SINGLES = 4,   /* so many commands one at a time show that the guest does so */
};

static uint64_t waited(const struct nvme_controller *ctl)
{
	return ctl->host->now(ctl->opaque) - ctl->idle_since;
}

void nvme_attention_end(struct nvme_controller *ctl)
{
	if (!ctl->idle_since)
		return;
	/* If we slept, to be woken is a part of the wait. */
	if (waited(ctl) >= 2 * ctl->host->patience(ctl->opaque))
		ctl->fast[ctl->waits_for] = 0;
	else if (ctl->fast[ctl->waits_for] < FAST)
		ctl->fast[ctl->waits_for]++;
	ctl->idle_since = 0;
}

void nvme_attention_found(struct nvme_controller *ctl, unsigned commands)
{
	if (ctl->running || ctl->untold || commands > 1)
		ctl->singles = 0;
	else if (ctl->singles < SINGLES)
		ctl->singles++;
	nvme_attention_end(ctl);
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

void nvme_attention_wake(struct nvme_controller *ctl)
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
	ctl->disk->ops->start(ctl->disk->opaque);
}

void nvme_attention_time(struct nvme_controller *ctl)
{
	ctl->timing = false;
	ctl->quiet = !ctl->active;
}

static bool look(struct nvme_controller *ctl)
{
	do {
		if (find_tails(ctl) || (ctl->running && nvme_command_reap(ctl, false)))
			return true;
	} while (waited(ctl) < ctl->host->patience(ctl->opaque));
	ctl->fast[ctl->waits_for] = 0;
	return false;
}

bool nvme_attention_idle(struct nvme_controller *ctl, bool any)
{
	bool single = ctl->running == 1 && ctl->singles == SINGLES;

	if (!ctl->buffered)
		return false;
	if (any || !ctl->idle_since) {
		ctl->active = true;
		ctl->quiet = false;
		ctl->idle_since = ctl->host->now(ctl->opaque);
		ctl->waits_for = ctl->running ? FOR_DISK : FOR_GUEST;
		if (ctl->fast[ctl->waits_for] == FAST && look(ctl))
			return true;
	}
	if (!ctl->running || ctl->quiet || single)
		return arm(ctl);
	if (!ctl->timing)
		start_timer(ctl);
	return false;
}
