/* SPDX-License-Identifier: MIT */
/* Queues: commands are fetched from the submission queues in turn, and completions are posted. */
#include "tool/serve/nvme/private.h"

enum { BURST = 16 }; /* commands that one queue gives before the next one's turn */

static bool fetch_from(struct nvme_controller *ctl, unsigned id)
{
	struct nvme_sq *sq = &ctl->sqs[id];
	unsigned reserve = id ? NVME_COMMANDS_ADMIN : 0, count = 0;
	uint8_t raw[NVME_SQE];

	if (!sq->size || sq->deleting)
		return false;
	nvme_doorbell_tail(ctl, id);
	while (count < BURST && sq->head != sq->tail && ctl->free_count > reserve &&
	       nvme_may_touch_memory(ctl)) {
		if (nvme_window_read(ctl, &sq->window, sq->head * NVME_SQE, raw, sizeof(raw))) {
			nvme_fatal(ctl, "a submission queue is not in guest memory");
			break;
		}
		sq->head = (sq->head + 1) % sq->size;
		nvme_command_run(ctl, nvme_command_take(ctl, id, raw));
		count++;
	}
	return count;
}

bool nvme_fetch(struct nvme_controller *ctl)
{
	bool any = false;

	if (!(ctl->csts & CSTS_RDY) || ctl->stopping)
		return false;
	for (unsigned i = 0; i <= ctl->queue_pairs && !(ctl->csts & CSTS_CFS); i++)
		any |= fetch_from(ctl, (ctl->first + i) % (ctl->queue_pairs + 1));
	ctl->first = (ctl->first + 1) % (ctl->queue_pairs + 1);
	return any;
}

/* The phase bit must be seen last: it tells the guest that the entry is there. */
static int write_entry(struct nvme_controller *ctl, struct nvme_cq *cq, const uint8_t entry[NVME_CQE])
{
	int ret;
	uint8_t *host = nvme_window_host(ctl, &cq->window, &ret);
	uint32_t at = cq->tail * NVME_CQE, last;

	if (ret)
		return ret;
	if (!host) {
		ret = nvme_window_write(ctl, &cq->window, at, entry, NVME_CQE - 4);
		return ret ? ret
			   : nvme_window_write(ctl, &cq->window, at + NVME_CQE - 4, entry + NVME_CQE - 4, 4);
	}
	memcpy(host + at, entry, NVME_CQE - 4);
	memcpy(&last, entry + NVME_CQE - 4, 4);
	/* A queue starts at a page, so this is aligned. */
	__atomic_store_n((uint32_t *)(void *)(host + at + NVME_CQE - 4), last, __ATOMIC_RELEASE);
	return 0;
}

static bool post_one(struct nvme_controller *ctl, struct nvme_cq *cq)
{
	struct nvme_command *command = cq->done;
	uint8_t entry[NVME_CQE] = {0};

	put32(entry, command->result);
	put16(entry + 8, command->sq_head);
	put16(entry + 10, (uint16_t)command->sq);
	put16(entry + 12, command->sqe.cid);
	put16(entry + 14, (uint16_t)((unsigned)command->status << 1 | cq->phase));
	if (write_entry(ctl, cq, entry)) {
		nvme_fatal(ctl, "a completion queue is not in guest memory");
		return false;
	}
	cq->done = command->next;
	if (!cq->done)
		cq->done_end = &cq->done;
	nvme_command_release(ctl, command);
	cq->tail = (cq->tail + 1) % cq->size;
	if (!cq->tail)
		cq->phase ^= 1;
	cq->signal = true;
	return true;
}

static uint32_t used(const struct nvme_cq *cq)
{
	return (cq->tail + cq->size - cq->head) % cq->size;
}

static bool is_full(const struct nvme_cq *cq)
{
	return used(cq) + 1 == cq->size;
}

static bool post_queue(struct nvme_controller *ctl, unsigned id)
{
	struct nvme_cq *cq = &ctl->cqs[id];
	bool any = false;

	while (cq->done && nvme_may_touch_memory(ctl)) {
		/* In time for the guest not to pass the number of events, for which it would ring. */
		if (used(cq) > cq->size / 2)
			nvme_doorbell_head(ctl, id, false);
		if (is_full(cq))
			nvme_doorbell_head(ctl, id, true);
		if (is_full(cq) || !post_one(ctl, cq))
			break;
		any = true;
	}
	if (cq->signal && cq->interrupts)
		ctl->host->signal(ctl->opaque, cq->vector);
	cq->signal = false;
	return any;
}

bool nvme_post(struct nvme_controller *ctl)
{
	bool any = false;

	for (unsigned i = 0; i <= ctl->queue_pairs && !(ctl->csts & CSTS_CFS) && !ctl->stopping; i++)
		if (ctl->cqs[i].size)
			any |= post_queue(ctl, i);
	nvme_update_line(ctl);
	return any;
}

void nvme_update_line(struct nvme_controller *ctl)
{
	bool up = false;

	if (!ctl->host->pin(ctl->opaque))
		return;
	for (unsigned i = 0; i <= ctl->queue_pairs; i++) {
		struct nvme_cq *cq = &ctl->cqs[i];

		if (!cq->size || !cq->interrupts)
			continue;
		/* The line must fall when the guest has taken the last entry, so it has to ring. */
		nvme_doorbell_head(ctl, i, true);
		up |= cq->head != cq->tail && !(ctl->intms >> cq->vector % 32 & 1);
	}
	ctl->host->line(ctl->opaque, up);
}
