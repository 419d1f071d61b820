/* SPDX-License-Identifier: MIT */
/*
 * The life of the controller: power-on, enabled by CC.EN, shut down by CC.SHN, reset by
 * CC.EN or by the client. A reset waits until the disk has done what is in flight, since
 * that touches guest memory: CSTS.RDY stays 1 meanwhile, as CAP.TO allows.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "tool/serve/nvme/private.h"

enum { ROUNDS = 16 }; /* of one call of nvme_work() */

static void *map(size_t size, int prot)
{
	void *memory = mmap(NULL, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static void unmap(void *memory, size_t size)
{
	if (memory)
		munmap(memory, size);
}

static void destroy(struct nvme_controller *ctl)
{
	unmap(ctl->commands, NVME_COMMANDS * sizeof(*ctl->commands));
	unmap(ctl->bounce_memory, NVME_BOUNCES * (size_t)NVME_TRANSFER_MAX);
	unmap(ctl->zeros, ZEROS);
	free(ctl);
}

struct nvme_controller *nvme_new(const struct nvme_disk *disk, const struct nvme_host_ops *host, void *opaque,
				 unsigned queue_pairs)
{
	struct nvme_controller *ctl = calloc(1, sizeof(*ctl));

	if (!ctl)
		return NULL;
	ctl->disk = disk;
	ctl->host = host;
	ctl->opaque = opaque;
	ctl->queue_pairs = queue_pairs;
	/* Pages come when they are touched: what is never used costs nothing. */
	ctl->commands = map(NVME_COMMANDS * sizeof(*ctl->commands), PROT_READ | PROT_WRITE);
	ctl->bounce_memory = map(NVME_BOUNCES * (size_t)NVME_TRANSFER_MAX, PROT_READ | PROT_WRITE);
	ctl->zeros = map(ZEROS, PROT_READ);
	if (!ctl->commands || !ctl->bounce_memory || !ctl->zeros) {
		destroy(ctl);
		return NULL;
	}
	nvme_reset(ctl);
	return ctl;
}

void nvme_free(struct nvme_controller *ctl)
{
	if (!ctl)
		return;
	nvme_drain(ctl);
	destroy(ctl);
}

void nvme_drain(struct nvme_controller *ctl)
{
	if (!ctl->running)
		return;
	ctl->disk->ops->start(ctl->disk->opaque);
	while (ctl->running)
		nvme_command_reap(ctl, true);
}

void nvme_memory_changed(struct nvme_controller *ctl)
{
	ctl->generation++;
}

void nvme_interrupts_changed(struct nvme_controller *ctl)
{
	nvme_update_line(ctl);
}

void nvme_clear(struct nvme_controller *ctl)
{
	memset(ctl->sqs, 0, sizeof(ctl->sqs));
	memset(ctl->cqs, 0, sizeof(ctl->cqs));
	ctl->csts = 0;
	ctl->stopping = false;
	ctl->buffered = ctl->quiet = ctl->untold = false;
	ctl->singles = 0;
	memset(ctl->fast, 0, sizeof(ctl->fast));
	ctl->idle_since = 0;
	ctl->event_count = ctl->event_pending = ctl->event_masked = 0;
	nvme_command_pool(ctl);
	nvme_features_reset(ctl);
	nvme_update_line(ctl);
}

void nvme_reset(struct nvme_controller *ctl)
{
	nvme_drain(ctl);
	nvme_clear(ctl);
	ctl->cc = ctl->aqa = ctl->intms = 0;
	ctl->asq = ctl->acq = 0;
	ctl->configured = false;
}

void nvme_interrupt(struct nvme_controller *ctl)
{
	nvme_drain(ctl);
	/* Pointers into guest memory are looked up again, and refused; no queue is served any more. */
	nvme_memory_changed(ctl);
	ctl->csts |= CSTS_CFS;
}

static void stopped(struct nvme_controller *ctl, bool *told, const char *why)
{
	char line[160];

	ctl->csts |= CSTS_CFS;
	if (*told)
		return;
	*told = true;
	snprintf(line, sizeof(line), "the controller stopped: %s; the guest's driver has to reset it", why);
	ctl->host->say(ctl->opaque, line);
}

void nvme_fatal(struct nvme_controller *ctl, const char *why)
{
	if (!(ctl->csts & CSTS_CFS))
		stopped(ctl, &ctl->told_guest, why);
}

static void open_admin(struct nvme_controller *ctl)
{
	struct nvme_sq *sq = &ctl->sqs[0];
	struct nvme_cq *cq = &ctl->cqs[0];

	sq->size = (ctl->aqa & 0xfff) + 1;
	cq->size = (ctl->aqa >> 16 & 0xfff) + 1;
	sq->window = (struct nvme_window){
		.address = ctl->asq, .length = sq->size * NVME_SQE, .generation = ctl->generation - 1};
	cq->window = (struct nvme_window){.address = ctl->acq,
					  .length = cq->size * NVME_CQE,
					  .write = true,
					  .generation = ctl->generation - 1};
	cq->phase = 1;
	cq->interrupts = true;
	cq->done_end = &cq->done;
}

/* CC's fields beside EN and SHN: pages of 4 KiB, the NVM command set, round robin, and entries' sizes. */
static bool is_possible(uint32_t cc)
{
	unsigned sq_entry = cc >> 16 & 0xf, cq_entry = cc >> 20 & 0xf;

	return !(cc & 0x3ff0) && (sq_entry == 6 || !sq_entry) && (cq_entry == 4 || !cq_entry);
}

static void enable(struct nvme_controller *ctl)
{
	if (!is_possible(ctl->cc))
		nvme_fatal(ctl, "the guest wrote CC with something that CAP does not offer");
	else if (!(ctl->aqa & 0xfff) || !(ctl->aqa >> 16))
		nvme_fatal(ctl, "an admin queue has less than two entries");
	else
		open_admin(ctl);
	if (!(ctl->csts & CSTS_CFS))
		ctl->csts |= CSTS_RDY;
}

/* After a change of CC.EN. True: nothing is in flight any more. */
static bool stop(struct nvme_controller *ctl)
{
	if (ctl->running)
		return false;
	nvme_clear(ctl);
	if (ctl->cc & CC_EN)
		enable(ctl);
	return true;
}

static void shut_down(struct nvme_controller *ctl)
{
	if (ctl->csts & CSTS_SHST)
		return;
	ctl->csts |= CSTS_SHST_BUSY;
	ctl->shutdown = (struct nvme_disk_request){.op = DISK_FLUSH};
	ctl->running++;
	ctl->disk->ops->submit(ctl->disk->opaque, &ctl->shutdown);
}

void nvme_shutdown_done(struct nvme_controller *ctl)
{
	ctl->csts = (ctl->csts & ~(uint32_t)CSTS_SHST) | CSTS_SHST_DONE;
	if (ctl->flush_failed)
		stopped(ctl, &ctl->told_image, "the image could not be flushed at the guest's shutdown");
}

void nvme_configure(struct nvme_controller *ctl, uint32_t value)
{
	uint32_t before = ctl->cc;

	ctl->cc = value;
	ctl->configured = true;
	if (value & CC_SHN)
		shut_down(ctl);
	if (!((value ^ before) & CC_EN))
		return;
	if (!(value & CC_EN))
		ctl->intms = 0;
	/* Enabling waits, too: the flush of a shutdown may be in flight. */
	ctl->stopping = true;
	stop(ctl);
}

bool nvme_may_touch_memory(const struct nvme_controller *ctl)
{
	return ctl->host->mastering(ctl->opaque);
}

/*
 * What needs no guest memory: the disk ends what it was given, and a reset and a shutdown
 * get on. True: the rest may follow. Without Bus Master it waits until the guest sets it.
 */
static bool settle(struct nvme_controller *ctl)
{
	while (nvme_command_reap(ctl, false))
		;
	if (!ctl->stopping || stop(ctl)) {
		if (nvme_may_touch_memory(ctl))
			return true;
		ctl->unmastered = true;
	}
	ctl->disk->ops->start(ctl->disk->opaque);
	return false;
}

bool nvme_work(struct nvme_controller *ctl)
{
	bool more = true, any = false;

	for (unsigned i = 0; more && i < ROUNDS; i++) {
		if (!settle(ctl))
			return false;
		if (ctl->unmastered)
			nvme_doorbell_again(ctl);
		ctl->unmastered = false;
		more = nvme_command_continue(ctl);
		more |= nvme_fetch(ctl);
		ctl->disk->ops->start(ctl->disk->opaque);
		if (ctl->untold)
			nvme_attention_wake(ctl);
		ctl->untold = false;
		more |= nvme_post(ctl);
		any |= more;
		more = more || nvme_attention_idle(ctl, any);
	}
	return more;
}
