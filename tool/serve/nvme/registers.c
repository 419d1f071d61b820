/* SPDX-License-Identifier: MIT */
/* The registers of BAR 0 (section 3.1). They are read from an image of bytes, and written by words. */
#include "tool/serve/nvme/private.h"

/* What a driver finds of the controller (CAP). */
static const uint64_t capabilities = (NVME_ENTRIES_MAX - 1) /* MQES: entries of a queue, less one */
				     | UINT64_C(1) << 16    /* CQR: queues are contiguous */
				     | UINT64_C(60) << 24   /* TO: a change of CC.EN takes at most 30 s */
				     | UINT64_C(1) << 37;   /* CSS: the NVM command set */

/*
 * A driver that did not notice that this process is a new one waits for commands that
 * nobody has. It may do DMA, but CC was not written since power-on: so the controller
 * says that it failed, and the driver resets it as soon as it looks (Linux: when a command
 * timed out; otherwise it would try to abort it first). A driver that starts writes CC first.
 */
static bool has_lost_driver(const struct nvme_controller *ctl)
{
	return !ctl->configured && ctl->host->mastering(ctl->opaque);
}

static void fill(const struct nvme_controller *ctl, uint8_t image[REG_END])
{
	memset(image, 0, REG_END);
	put64(image + REG_CAP, capabilities);
	put32(image + REG_VS, NVME_VERSION);
	put32(image + REG_INTMS, ctl->intms);
	put32(image + REG_INTMC, ctl->intms);
	put32(image + REG_CC, ctl->cc);
	put32(image + REG_CSTS, ctl->csts | (has_lost_driver(ctl) ? CSTS_CFS : 0));
	put32(image + REG_AQA, ctl->aqa);
	put64(image + REG_ASQ, ctl->asq);
	put64(image + REG_ACQ, ctl->acq);
}

void nvme_register_read(struct nvme_controller *ctl, uint64_t offset, void *data, unsigned length)
{
	uint8_t image[REG_END];

	memset(data, 0, length);
	if (offset >= REG_END)
		return;
	fill(ctl, image);
	memcpy(data, image + offset, length < REG_END - offset ? length : REG_END - offset);
}

static void set_half(uint64_t *value, bool high, uint32_t half)
{
	*value = high ? (*value & UINT32_MAX) | (uint64_t)half << 32 : (*value >> 32) << 32 | half;
}

static void write_word(struct nvme_controller *ctl, uint64_t offset, uint32_t value)
{
	bool high = offset & 4;

	switch (offset) {
	case REG_INTMS:
		ctl->intms |= value;
		nvme_update_line(ctl);
		break;
	case REG_INTMC:
		ctl->intms &= ~value;
		nvme_update_line(ctl);
		break;
	case REG_CC:
		nvme_configure(ctl, value);
		break;
	case REG_AQA:
		ctl->aqa = value & 0x0fff0fff;
		break;
	case REG_ASQ:
	case REG_ASQ + 4:
		high = offset != REG_ASQ;
		set_half(&ctl->asq, high, high ? value : value & ~(uint32_t)(NVME_PAGE - 1));
		break;
	case REG_ACQ:
	case REG_ACQ + 4:
		high = offset != REG_ACQ;
		set_half(&ctl->acq, high, high ? value : value & ~(uint32_t)(NVME_PAGE - 1));
		break;
	default:
		if (offset >= REG_DOORBELLS)
			nvme_doorbell(ctl, offset - REG_DOORBELLS, value);
	}
}

void nvme_register_write(struct nvme_controller *ctl, uint64_t offset, const void *data, unsigned length)
{
	/* Section 3.1: accesses are of whole words, one or two. */
	if (offset % 4 || (length != 4 && length != 8))
		return;
	for (unsigned i = 0; i < length; i += 4)
		write_word(ctl, offset + i, get32((const uint8_t *)data + i));
}
