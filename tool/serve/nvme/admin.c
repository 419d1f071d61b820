/* SPDX-License-Identifier: MIT */
/* The admin commands of queues, and the table of all admin commands (section 5). */
#include "tool/serve/nvme/private.h"

static uint32_t queue_id(const struct nvme_sqe *sqe)
{
	return sqe->dw10 & 0xffff;
}

/* What both kinds of queues are checked for. Fills in the window of a queue of entries of `entry` bytes. */
static int check_queue(struct nvme_controller *ctl, const struct nvme_sqe *sqe, bool exists, uint32_t entry,
		       struct nvme_window *window)
{
	uint32_t size = (sqe->dw10 >> 16) + 1;
	int ret;

	if (!queue_id(sqe) || queue_id(sqe) > ctl->queue_pairs || exists)
		return NVME_QUEUE_ID;
	if (size < 2 || size > NVME_ENTRIES_MAX)
		return NVME_QUEUE_SIZE;
	/* CAP.CQR: physically contiguous. */
	if (!(sqe->dw11 & 1))
		return NVME_INVALID_FIELD;
	window->address = get64(sqe->data);
	window->length = size * entry;
	window->generation = ctl->generation - 1;
	if (window->address % NVME_PAGE)
		return NVME_PRP_OFFSET;
	nvme_window_host(ctl, window, &ret);
	return ret ? NVME_DATA_TRANSFER : NVME_SUCCESS;
}

static bool is_queue(const struct nvme_controller *ctl, uint32_t id)
{
	return id && id <= ctl->queue_pairs;
}

int nvme_create_cq(struct nvme_controller *ctl, struct nvme_command *command)
{
	const struct nvme_sqe *sqe = &command->sqe;
	uint32_t id = queue_id(sqe), vector = sqe->dw11 >> 16;
	struct nvme_cq cq = {.size = (sqe->dw10 >> 16) + 1,
			     .phase = 1,
			     .vector = vector,
			     .interrupts = sqe->dw11 >> 1 & 1,
			     .window = {.write = true}};
	int status = check_queue(ctl, sqe, is_queue(ctl, id) && ctl->cqs[id].size, NVME_CQE, &cq.window);

	if (status)
		return status;
	if (cq.interrupts && vector > ctl->queue_pairs)
		return NVME_VECTOR;
	if ((ctl->cc >> 20 & 0xf) != 4)
		return NVME_QUEUE_SIZE;
	ctl->cqs[id] = cq;
	ctl->cqs[id].done_end = &ctl->cqs[id].done;
	nvme_doorbell_new_cq(ctl, id);
	return NVME_SUCCESS;
}

int nvme_create_sq(struct nvme_controller *ctl, struct nvme_command *command)
{
	const struct nvme_sqe *sqe = &command->sqe;
	uint32_t id = queue_id(sqe), cq = sqe->dw11 >> 16;
	struct nvme_sq sq = {.size = (sqe->dw10 >> 16) + 1, .cq = cq};
	int status = check_queue(ctl, sqe, is_queue(ctl, id) && ctl->sqs[id].size, NVME_SQE, &sq.window);

	if (status)
		return status;
	if (!is_queue(ctl, cq) || !ctl->cqs[cq].size)
		return NVME_CQ_INVALID;
	if ((ctl->cc >> 16 & 0xf) != 6)
		return NVME_QUEUE_SIZE;
	ctl->sqs[id] = sq;
	ctl->cqs[cq].users++;
	nvme_doorbell_new_sq(ctl, id);
	return NVME_SUCCESS;
}

int nvme_delete_sq(struct nvme_controller *ctl, struct nvme_command *command)
{
	uint32_t id = queue_id(&command->sqe);
	struct nvme_sq *sq = &ctl->sqs[is_queue(ctl, id) ? id : 0];

	if (!is_queue(ctl, id) || !sq->size || sq->deleting)
		return NVME_QUEUE_ID;
	if (sq->executing) {
		sq->deleting = command;
		return NVME_PENDING;
	}
	ctl->cqs[sq->cq].users--;
	memset(sq, 0, sizeof(*sq));
	return NVME_SUCCESS;
}

int nvme_delete_cq(struct nvme_controller *ctl, struct nvme_command *command)
{
	uint32_t id = queue_id(&command->sqe);
	struct nvme_cq *cq = &ctl->cqs[is_queue(ctl, id) ? id : 0];

	if (!is_queue(ctl, id) || !cq->size)
		return NVME_QUEUE_ID;
	if (cq->users)
		return NVME_QUEUE_DELETION;
	/* Completions that the guest made no room for go with it. */
	for (struct nvme_command *done = cq->done, *next; done; done = next) {
		next = done->next;
		nvme_command_release(ctl, done);
	}
	memset(cq, 0, sizeof(*cq));
	nvme_update_line(ctl);
	return NVME_SUCCESS;
}

/* What the disk has begun cannot be stopped in a way that is sure to end: only waiting events are aborted. */
static int abort_command(struct nvme_controller *ctl, struct nvme_command *command)
{
	uint32_t id = queue_id(&command->sqe), cid = command->sqe.dw10 >> 16;

	command->result = id || !nvme_event_abort(ctl, cid);
	return NVME_SUCCESS;
}

const struct nvme_opcode nvme_admin_opcodes[256] = {
	[ADMIN_DELETE_SQ] = {nvme_delete_sq, 1},
	[ADMIN_CREATE_SQ] = {nvme_create_sq, 1},
	[ADMIN_GET_LOG] = {nvme_get_log, 1},
	[ADMIN_DELETE_CQ] = {nvme_delete_cq, 1},
	[ADMIN_CREATE_CQ] = {nvme_create_cq, 1},
	[ADMIN_IDENTIFY] = {nvme_identify, 1},
	[ADMIN_ABORT] = {abort_command, 1},
	[ADMIN_SET_FEATURES] = {nvme_set_features, 1},
	[ADMIN_GET_FEATURES] = {nvme_get_features, 1},
	[ADMIN_ASYNC_EVENT] = {nvme_async_event, 1},
	[ADMIN_DOORBELL_BUFFER] = {nvme_doorbell_buffer, 1},
};
