/* SPDX-License-Identifier: MIT */
/* The data of a command: pieces of guest memory, and copies from and to them. */
#include "tool/serve/nvme/private.h"

int nvme_piece_add(struct nvme_command *command, uint64_t address, uint64_t length)
{
	struct nvme_piece *last = command->pieces + command->piece_count - 1;

	if (address + length < address)
		return NVME_DATA_TRANSFER;
	if (command->piece_count && last->address + last->length == address) {
		last->length += length;
		return NVME_SUCCESS;
	}
	if (command->piece_count == NVME_PIECES)
		return NVME_SGL_COUNT;
	command->pieces[command->piece_count++] = (struct nvme_piece){address, length};
	return NVME_SUCCESS;
}

int nvme_data_find(struct nvme_controller *ctl, struct nvme_command *command, uint32_t length)
{
	unsigned psdt = command->sqe.flags >> 6;

	command->piece_count = 0;
	command->length = length;
	if (!psdt)
		return nvme_prp_find(ctl, command, length);
	/* SGLs of metadata (2) make no sense without metadata; admin commands have PRPs alone. */
	return psdt == 1 && command->sq ? nvme_sgl_find(ctl, command, length) : NVME_INVALID_FIELD;
}

/* Goes through the pieces from byte `offset` on, and copies `length` bytes from or to `data`. */
static int copy(struct nvme_controller *ctl, struct nvme_command *command, uint64_t offset, uint8_t *data,
		uint64_t length, bool write)
{
	for (unsigned i = 0; length && i < command->piece_count; i++) {
		const struct nvme_piece *piece = &command->pieces[i];
		uint64_t bytes;
		int ret;

		if (offset >= piece->length) {
			offset -= piece->length;
			continue;
		}
		bytes = piece->length - offset < length ? piece->length - offset : length;
		ret = write ? ctl->host->write(ctl->opaque, piece->address + offset, data, bytes)
			    : ctl->host->read(ctl->opaque, piece->address + offset, data, bytes);
		if (ret)
			return NVME_DATA_TRANSFER;
		data += bytes;
		length -= bytes;
		offset = 0;
	}
	return length ? NVME_DATA_TRANSFER : NVME_SUCCESS;
}

int nvme_data_read(struct nvme_controller *ctl, struct nvme_command *command, uint32_t offset, void *data,
		   uint32_t length)
{
	return copy(ctl, command, offset, data, length, false);
}

int nvme_data_write(struct nvme_controller *ctl, struct nvme_command *command, const void *data,
		    uint32_t length)
{
	return copy(ctl, command, 0, (uint8_t *)(uintptr_t)data, length, true);
}

int nvme_data_reply(struct nvme_controller *ctl, struct nvme_command *command, const void *data,
		    uint32_t length)
{
	int status = nvme_data_find(ctl, command, length);

	return status ? status : nvme_data_write(ctl, command, data, length);
}
