/* SPDX-License-Identifier: MIT */
/* Get Log Page (section 5.14). */
#include "tool/serve/nvme/private.h"

/* One entry: the last command that failed. */
static void fill_errors(const struct nvme_controller *ctl, uint8_t *page)
{
	if (!ctl->errors)
		return;
	put64(page, ctl->errors);
	put16(page + 8, ctl->last_sq);
	put16(page + 10, ctl->last_cid);
	put16(page + 12, (uint16_t)(ctl->last_status << 1));
	put16(page + 14, 0xffff); /* no byte of the command is known to be the wrong one */
}

static uint64_t data_units(uint64_t blocks)
{
	return (blocks + 999) / 1000;
}

static void fill_health(const struct nvme_controller *ctl, uint8_t *page)
{
	put16(page + 1, 310); /* K: a number that is neither warm nor strange */
	page[3] = 100;        /* percent of spare that is left */
	page[4] = 10;
	put64(page + 32, data_units(ctl->blocks_read));
	put64(page + 48, data_units(ctl->blocks_written));
	put64(page + 64, ctl->reads);
	put64(page + 80, ctl->writes);
	put64(page + 176, ctl->errors);
}

static void fill_firmware(const struct nvme_controller *ctl, uint8_t *page)
{
	(void)ctl;
	page[0] = 1;
	memset(page + 8, ' ', 8);
	memcpy(page + 8, LEND_VERSION, strnlen(LEND_VERSION, 8));
}

static void fill_effects(const struct nvme_controller *ctl, uint8_t *page)
{
	(void)ctl;
	for (unsigned i = 0; i < 256; i++) {
		put32(page + 4 * i, nvme_admin_opcodes[i].effects);
		put32(page + 1024 + 4 * i, nvme_io_opcodes[i].effects);
	}
}

static const struct {
	uint32_t size;
	void (*fill)(const struct nvme_controller *ctl, uint8_t *page);
} logs[] = {
	[NVME_LOG_ERRORS] = {64, fill_errors},
	[NVME_LOG_HEALTH] = {512, fill_health},
	[NVME_LOG_FIRMWARE] = {512, fill_firmware},
	[NVME_LOG_EFFECTS] = {4096, fill_effects},
};

int nvme_get_log(struct nvme_controller *ctl, struct nvme_command *command)
{
	const struct nvme_sqe *sqe = &command->sqe;
	unsigned id = sqe->dw10 & 0xff;
	uint64_t length = ((uint64_t)(sqe->dw10 >> 16 | (sqe->dw11 & 0xffff) << 16) + 1) * 4;
	uint64_t offset = sqe->dw12 | (uint64_t)sqe->dw13 << 32;
	uint8_t page[4096] = {0};
	int status;

	if (id >= sizeof(logs) / sizeof(*logs) || !logs[id].size)
		return NVME_LOG_PAGE;
	if (sqe->nsid > 1 && sqe->nsid != (uint32_t)NVME_ALL_NAMESPACES)
		return NVME_INVALID_NAMESPACE;
	if (offset % 4 || offset > logs[id].size || length > NVME_TRANSFER_MAX)
		return NVME_INVALID_FIELD;
	if (length > logs[id].size - offset)
		length = logs[id].size - offset;
	logs[id].fill(ctl, page);
	status = length ? nvme_data_reply(ctl, command, page + offset, (uint32_t)length) : NVME_SUCCESS;
	/* Bit 15, Retain Asynchronous Event. */
	if (!status && !(sqe->dw10 >> 15 & 1))
		nvme_event_seen(ctl, id);
	return status;
}
