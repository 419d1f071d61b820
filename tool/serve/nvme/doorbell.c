/* SPDX-License-Identifier: MIT */
/*
 * Doorbells, and the doorbell buffer (sections 3.1.24 and 5.7): the guest leaves tails and
 * heads in memory, and writes the register only if they pass the number in the buffer of
 * events. When it is to write, says attention.c.
 *
 * The admin queue's doorbells are always the registers: drivers differ in whether they put
 * them into the buffer, and its number of events makes them ring each time.
 */
#include "tool/serve/nvme/private.h"

/* NULL: there is nothing to be read or written now. A register access comes here without Bus Master, too. */
static uint32_t *place(struct nvme_controller *ctl, struct nvme_window *window, unsigned id, bool head)
{
	uint8_t *host;
	int ret;

	if (!nvme_may_touch_memory(ctl))
		return NULL;
	host = nvme_window_host(ctl, window, &ret);
	if (!host) {
		nvme_fatal(ctl, "the doorbell buffer is not in guest memory");
		return NULL;
	}
	/* The buffer starts at a page, so this is aligned. */
	return (uint32_t *)(void *)(host + (2 * id + head) * sizeof(uint32_t));
}

static bool load(struct nvme_controller *ctl, unsigned id, bool head, uint32_t *value)
{
	uint32_t *at = place(ctl, &ctl->doorbells, id, head);

	if (at)
		*value = le32toh(__atomic_load_n(at, __ATOMIC_ACQUIRE));
	return at;
}

static void store(struct nvme_controller *ctl, struct nvme_window *window, unsigned id, bool head,
		  uint32_t value)
{
	uint32_t *at = place(ctl, window, id, head);

	/* Drivers compare 16 bits. */
	if (at)
		__atomic_store_n(at, htole32(value & 0xffff), __ATOMIC_RELEASE);
}

void nvme_doorbell_event(struct nvme_controller *ctl, unsigned id, bool ring)
{
	/* A number that the guest's tail has passed is passed again after a whole round only. */
	store(ctl, &ctl->events, id, false, ctl->sqs[id].tail - !ring);
	ctl->sqs[id].armed = ring;
}

/* Whether the head may move there: not beyond what was posted. */
static bool is_head(const struct nvme_cq *cq, uint32_t value)
{
	return value < cq->size &&
	       (value + cq->size - cq->head) % cq->size <= (cq->tail + cq->size - cq->head) % cq->size;
}

bool nvme_doorbell_tail(struct nvme_controller *ctl, unsigned id)
{
	struct nvme_sq *sq = &ctl->sqs[id];
	uint32_t value;

	if (!sq->shadow || !load(ctl, id, false, &value) || value == sq->tail)
		return false;
	if (value >= sq->size) {
		nvme_event(ctl, EVENT_ERROR, EVENT_BAD_VALUE);
		return false;
	}
	nvme_attention_found(ctl, (value + sq->size - sq->tail) % sq->size);
	sq->tail = value;
	nvme_doorbell_event(ctl, id, false);
	return true;
}

void nvme_doorbell_head(struct nvme_controller *ctl, unsigned id, bool ring)
{
	struct nvme_cq *cq = &ctl->cqs[id];
	uint32_t value;

	if (!cq->shadow || !load(ctl, id, true, &value))
		return;
	store(ctl, &ctl->events, id, true, ring ? value : value - 1);
	if (ring) {
		/* The guest stores its head, then reads the number; we do the reverse. */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (!load(ctl, id, true, &value))
			return;
	}
	if (is_head(cq, value))
		cq->head = value;
	else
		nvme_event(ctl, EVENT_ERROR, EVENT_BAD_VALUE);
}

static void ring_tail(struct nvme_controller *ctl, unsigned id, uint32_t value)
{
	struct nvme_sq *sq = &ctl->sqs[id];

	if (!sq->size)
		nvme_event(ctl, EVENT_ERROR, EVENT_BAD_DOORBELL);
	else if (sq->shadow)
		; /* nvme_fetch() looks into the buffer, which is never behind the register */
	else if (value >= sq->size)
		nvme_event(ctl, EVENT_ERROR, EVENT_BAD_VALUE);
	else
		sq->tail = value;
	if (!id && ctl->buffered)
		store(ctl, &ctl->events, id, false, sq->tail);
}

static void ring_head(struct nvme_controller *ctl, unsigned id, uint32_t value)
{
	struct nvme_cq *cq = &ctl->cqs[id];

	if (!cq->size)
		nvme_event(ctl, EVENT_ERROR, EVENT_BAD_DOORBELL);
	else if (cq->shadow)
		nvme_doorbell_head(ctl, id, false);
	else if (!is_head(cq, value))
		nvme_event(ctl, EVENT_ERROR, EVENT_BAD_VALUE);
	else
		cq->head = value;
	if (!id && ctl->buffered)
		store(ctl, &ctl->events, id, true, cq->head);
	nvme_update_line(ctl);
}

void nvme_doorbell(struct nvme_controller *ctl, uint64_t offset, uint32_t value)
{
	uint64_t index = offset / sizeof(uint32_t);

	if (!(ctl->csts & CSTS_RDY) || ctl->stopping)
		return;
	if (index / 2 > ctl->queue_pairs)
		nvme_event(ctl, EVENT_ERROR, EVENT_BAD_DOORBELL);
	else if (index % 2)
		ring_head(ctl, (unsigned)index / 2, value);
	else
		ring_tail(ctl, (unsigned)index / 2, value);
}

static void share_head(struct nvme_controller *ctl, unsigned id)
{
	store(ctl, &ctl->events, id, true, ctl->cqs[id].head - 1);
	ctl->cqs[id].shadow = true;
}

void nvme_doorbell_new_sq(struct nvme_controller *ctl, unsigned id)
{
	if (!ctl->buffered)
		return;
	/* What an earlier queue of this number left there is not this one's. */
	store(ctl, &ctl->doorbells, id, false, 0);
	ctl->sqs[id].shadow = true;
}

void nvme_doorbell_new_cq(struct nvme_controller *ctl, unsigned id)
{
	if (!ctl->buffered)
		return;
	store(ctl, &ctl->doorbells, id, true, 0);
	share_head(ctl, id);
}

/*
 * A driver that knows the buffer from the start, as Linux, may have left new numbers there
 * for queues that are there already. Zeros in it are not from it if the queue has moved.
 */
static void adopt(struct nvme_controller *ctl, unsigned id)
{
	struct nvme_sq *sq = &ctl->sqs[id];
	struct nvme_cq *cq = &ctl->cqs[id];
	uint32_t value;

	if (sq->size) {
		if (load(ctl, id, false, &value) && !value)
			store(ctl, &ctl->doorbells, id, false, sq->tail);
		sq->shadow = true;
		sq->armed = false;
	}
	if (cq->size) {
		if (load(ctl, id, true, &value) && !value)
			store(ctl, &ctl->doorbells, id, true, cq->head);
		share_head(ctl, id);
	}
}

static void share_admin(struct nvme_controller *ctl)
{
	store(ctl, &ctl->events, 0, false, ctl->sqs[0].tail);
	store(ctl, &ctl->events, 0, true, ctl->cqs[0].head);
}

void nvme_doorbell_again(struct nvme_controller *ctl)
{
	if (ctl->buffered)
		share_admin(ctl);
	/* The bit may have been cleared while the queues were armed. */
	for (unsigned i = 1; i <= ctl->queue_pairs; i++)
		ctl->sqs[i].armed = false;
	nvme_update_line(ctl);
}

/* Doorbell Buffer Config: PRP1 is the page of doorbells, PRP2 that of events. */
int nvme_doorbell_buffer(struct nvme_controller *ctl, struct nvme_command *command)
{
	struct nvme_window doorbells = {
		.address = get64(command->sqe.data), .length = NVME_PAGE, .write = true};
	struct nvme_window events = {
		.address = get64(command->sqe.data + 8), .length = NVME_PAGE, .write = true};
	int ret;

	if (doorbells.address % NVME_PAGE || events.address % NVME_PAGE)
		return NVME_INVALID_FIELD;
	doorbells.generation = events.generation = ctl->generation - 1;
	/* Memory that is reached by messages alone would cost more than the doorbells that it saves. */
	if (!nvme_window_host(ctl, &doorbells, &ret) || !nvme_window_host(ctl, &events, &ret))
		return ret ? NVME_DATA_TRANSFER : NVME_INVALID_FIELD;
	ctl->doorbells = doorbells;
	ctl->events = events;
	ctl->buffered = true;
	share_admin(ctl);
	for (unsigned i = 1; i <= ctl->queue_pairs; i++)
		adopt(ctl, i);
	return NVME_SUCCESS;
}
