/* SPDX-License-Identifier: MIT */
/* The pool of commands, and the way of a command from the queue to its completion. */
#include <errno.h>

#include "tool/serve/nvme/private.h"

void nvme_command_pool(struct nvme_controller *ctl)
{
	/* A stack: the commands that were used last are used next, and the memory of others stays untouched.
	 */
	for (unsigned i = 0; i < NVME_COMMANDS; i++)
		ctl->free[i] = (uint16_t)(NVME_COMMANDS - 1 - i);
	ctl->free_count = NVME_COMMANDS;
	for (unsigned i = 0; i < NVME_BOUNCES; i++)
		ctl->bounces[i] = ctl->bounce_memory + i * (size_t)NVME_TRANSFER_MAX;
	ctl->bounce_count = NVME_BOUNCES;
	ctl->waiting = NULL;
	ctl->waiting_end = &ctl->waiting;
	ctl->finished = NULL;
	ctl->finished_end = &ctl->finished;
}

struct nvme_command *nvme_command_take(struct nvme_controller *ctl, unsigned sq, const uint8_t raw[NVME_SQE])
{
	struct nvme_command *command = &ctl->commands[ctl->free[--ctl->free_count]];

	memset(command, 0, offsetof(struct nvme_command, pieces));
	command->sq = sq;
	command->sqe = (struct nvme_sqe){
		.opcode = raw[0],
		.flags = raw[1],
		.cid = get16(raw + 2),
		.nsid = get32(raw + 4),
		.dw10 = get32(raw + 40),
		.dw11 = get32(raw + 44),
		.dw12 = get32(raw + 48),
		.dw13 = get32(raw + 52),
		.dw14 = get32(raw + 56),
		.dw15 = get32(raw + 60),
	};
	memcpy(command->sqe.data, raw + 24, sizeof(command->sqe.data));
	ctl->sqs[sq].executing++;
	return command;
}

void nvme_command_release(struct nvme_controller *ctl, struct nvme_command *command)
{
	ctl->free[ctl->free_count++] = (uint16_t)(command - ctl->commands);
}

/* Whether the same command would fail again: "do not retry". */
static bool is_final(unsigned status)
{
	return status && status != NVME_DATA_TRANSFER && status != NVME_INTERNAL && status != NVME_ABORTED &&
	       status != NVME_CAPACITY && status < NVME_WRITE_FAULT;
}

void nvme_command_complete(struct nvme_controller *ctl, struct nvme_command *command, int status)
{
	struct nvme_sq *sq = &ctl->sqs[command->sq];
	struct nvme_cq *cq = &ctl->cqs[sq->cq];
	struct nvme_command *deleting;

	command->status = (uint16_t)((unsigned)status | (is_final((unsigned)status) ? 1 << 14 : 0));
	command->sq_head = (uint16_t)sq->head;
	command->next = NULL;
	*cq->done_end = command;
	cq->done_end = &command->next;
	if (command->bounce)
		ctl->bounces[ctl->bounce_count++] = command->bounce;
	command->bounce = NULL;
	if (status) {
		ctl->errors++;
		ctl->last_status = command->status;
		ctl->last_cid = command->sqe.cid;
		ctl->last_sq = (uint16_t)command->sq;
	}
	if (--sq->executing || !sq->deleting)
		return;
	deleting = sq->deleting;
	cq->users--;
	memset(sq, 0, sizeof(*sq));
	nvme_command_complete(ctl, deleting, NVME_SUCCESS);
}

void nvme_command_run(struct nvme_controller *ctl, struct nvme_command *command)
{
	const struct nvme_opcode *opcodes = command->sq ? nvme_io_opcodes : nvme_admin_opcodes;
	const struct nvme_opcode *opcode = &opcodes[command->sqe.opcode];
	int status = NVME_INVALID_FIELD;

	/* Fused operations are not announced. */
	if (!opcode->run)
		status = NVME_INVALID_OPCODE;
	else if (!(command->sqe.flags & 3))
		status = opcode->run(ctl, command);
	if (status != NVME_PENDING)
		nvme_command_complete(ctl, command, status);
}

int nvme_command_submit(struct nvme_controller *ctl, struct nvme_command *command, nvme_handler *resume)
{
	command->resume = resume;
	ctl->running++;
	ctl->disk->ops->submit(ctl->disk->opaque, &command->request);
	return NVME_PENDING;
}

int nvme_command_bounce(struct nvme_controller *ctl, struct nvme_command *command, nvme_handler *resume)
{
	command->resume = resume;
	command->next = NULL;
	*ctl->waiting_end = command;
	ctl->waiting_end = &command->next;
	return NVME_PENDING;
}

/* Whether what was written may be lost. A lack of room, or of the guest's memory, loses nothing. */
static bool has_lost_data(const struct nvme_disk_request *request)
{
	int error = request->result;

	if (!error || request->op == DISK_FLUSH)
		return error;
	return request->op == DISK_WRITE && request->durable && error != -EFAULT && error != -ENOSPC &&
	       error != -EDQUOT;
}

bool nvme_command_reap(struct nvme_controller *ctl, bool wait)
{
	struct nvme_disk_request *request = ctl->disk->ops->reap(ctl->disk->opaque, wait);

	if (!request)
		return false;
	if (request == &ctl->timer) {
		nvme_attention_time(ctl);
		return true;
	}
	nvme_attention_end(ctl);
	ctl->untold = true;
	ctl->running--;
	/* It is noted here, since a reset drops what is finished. */
	ctl->flush_failed |= has_lost_data(request);
	if (request == &ctl->shutdown) {
		nvme_shutdown_done(ctl);
		return true;
	}
	request->next = NULL;
	*ctl->finished_end = request;
	ctl->finished_end = &request->next;
	return true;
}

static void resume(struct nvme_controller *ctl, struct nvme_command *command)
{
	int status = command->resume(ctl, command);

	if (status != NVME_PENDING)
		nvme_command_complete(ctl, command, status);
}

static void continue_finished(struct nvme_controller *ctl)
{
	struct nvme_disk_request *request = ctl->finished;

	ctl->finished = request->next;
	if (!ctl->finished)
		ctl->finished_end = &ctl->finished;
	resume(ctl, (struct nvme_command *)request);
}

static void continue_waiting(struct nvme_controller *ctl)
{
	struct nvme_command *command = ctl->waiting;

	ctl->waiting = command->next;
	if (!ctl->waiting)
		ctl->waiting_end = &ctl->waiting;
	command->bounce = ctl->bounces[--ctl->bounce_count];
	resume(ctl, command);
}

bool nvme_command_continue(struct nvme_controller *ctl)
{
	bool any = ctl->finished || (ctl->waiting && ctl->bounce_count);

	/* A client whose memory is reached by messages may clear Bus Master before it answers one. */
	while (ctl->finished && nvme_may_touch_memory(ctl))
		continue_finished(ctl);
	while (ctl->waiting && ctl->bounce_count && nvme_may_touch_memory(ctl))
		continue_waiting(ctl);
	return any;
}
