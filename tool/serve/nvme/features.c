/* SPDX-License-Identifier: MIT */
/* Get and Set Features (section 5.21). Nothing is saved over a reset. */
#include "tool/serve/nvme/private.h"

enum {
	ARBITRATION = 0x01,
	POWER = 0x02,
	TEMPERATURE = 0x04,
	ERROR_RECOVERY = 0x05,
	WRITE_CACHE = 0x06,
	QUEUES = 0x07,
	COALESCING = 0x08,
	VECTOR_CONFIG = 0x09,
	ATOMICITY = 0x0a,
	EVENT_CONFIG = 0x0b,
};

enum { SELECT_CURRENT, SELECT_DEFAULT, SELECT_SAVED, SELECT_CAPABILITIES };

/* A feature: its bits that can be set, and what they are after a reset. */
static const struct {
	bool there;
	uint32_t settable, value;
} features[NVME_FEATURES] = {
	[ARBITRATION] = {true, 0xffffff07, 7},
	[POWER] = {true, 0x000000e0, 0}, /* there is no power state but 0; a hint of the workload */
	[TEMPERATURE] = {true, 0x003fffff, 343},
	[ERROR_RECOVERY] = {true, 0x0000ffff, 0},
	[WRITE_CACHE] = {true, 0x00000001, 1},
	[QUEUES] = {true, 0xffffffff, 0},
	[COALESCING] = {true, 0x0000ffff, 0},
	[VECTOR_CONFIG] = {true, 0x0001ffff, 0},
	[ATOMICITY] = {true, 0x00000001, 0},
	[EVENT_CONFIG] = {true, 0x0000ffff, 0},
};

void nvme_features_reset(struct nvme_controller *ctl)
{
	for (unsigned i = 0; i < NVME_FEATURES; i++)
		ctl->features[i] = features[i].value;
	for (unsigned i = 0; i <= ctl->queue_pairs; i++)
		ctl->vector_config[i] = 0;
}

bool nvme_write_cache(const struct nvme_controller *ctl)
{
	return ctl->features[WRITE_CACHE];
}

static uint32_t queue_counts(const struct nvme_controller *ctl)
{
	return (ctl->queue_pairs - 1) | (ctl->queue_pairs - 1) << 16;
}

/* A threshold other than that of too warm, of the composite temperature, is not kept. */
static bool is_over_composite(uint32_t dw11)
{
	return !(dw11 >> 16 & 0x3f);
}

static int get_current(const struct nvme_controller *ctl, unsigned id, uint32_t dw11, bool initial,
		       uint32_t *value)
{
	*value = initial ? features[id].value : ctl->features[id];
	if (id == QUEUES)
		*value = queue_counts(ctl);
	if (id == TEMPERATURE && !is_over_composite(dw11))
		*value = 0;
	if (id == VECTOR_CONFIG) {
		uint32_t vector = dw11 & 0xffff;

		if (vector > ctl->queue_pairs)
			return NVME_INVALID_FIELD;
		*value = vector | (initial ? 0 : (uint32_t)ctl->vector_config[vector] << 16);
	}
	return NVME_SUCCESS;
}

int nvme_get_features(struct nvme_controller *ctl, struct nvme_command *command)
{
	unsigned id = command->sqe.dw10 & 0xff, select = command->sqe.dw10 >> 8 & 7;

	if (id >= NVME_FEATURES || !features[id].there || select > SELECT_CAPABILITIES)
		return NVME_INVALID_FIELD;
	if (select == SELECT_CAPABILITIES) {
		command->result = 4; /* it can be changed, and not saved */
		return NVME_SUCCESS;
	}
	return get_current(ctl, id, command->sqe.dw11, select != SELECT_CURRENT, &command->result);
}

static bool has_queues(const struct nvme_controller *ctl)
{
	for (unsigned i = 1; i <= ctl->queue_pairs; i++)
		if (ctl->cqs[i].size || ctl->sqs[i].size)
			return true;
	return false;
}

static int set_queues(struct nvme_controller *ctl, struct nvme_command *command)
{
	uint32_t value = command->sqe.dw11;

	if ((value & 0xffff) == 0xffff || value >> 16 == 0xffff)
		return NVME_INVALID_FIELD;
	if (has_queues(ctl))
		return NVME_SEQUENCE;
	command->result = queue_counts(ctl);
	return NVME_SUCCESS;
}

int nvme_set_features(struct nvme_controller *ctl, struct nvme_command *command)
{
	unsigned id = command->sqe.dw10 & 0xff;
	uint32_t value = command->sqe.dw11;

	if (id >= NVME_FEATURES || !features[id].there)
		return NVME_INVALID_FIELD;
	if (command->sqe.dw10 >> 31)
		return NVME_NOT_SAVEABLE;
	if (value & ~features[id].settable)
		return NVME_INVALID_FIELD;
	if (id == QUEUES)
		return set_queues(ctl, command);
	if (id == VECTOR_CONFIG) {
		if ((value & 0xffff) > ctl->queue_pairs)
			return NVME_INVALID_FIELD;
		ctl->vector_config[value & 0xffff] = (uint16_t)(value >> 16);
	} else if (id != TEMPERATURE || is_over_composite(value)) {
		ctl->features[id] = value;
	}
	return NVME_SUCCESS;
}
