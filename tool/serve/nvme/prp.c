/* SPDX-License-Identifier: MIT */
/*
 * Physical Region Page entries (section 4.3): the first may start inside a page, each
 * other names a whole page. If there are more than two, the second one points to a list,
 * whose last entry in a page points to the next page of the list if entries are left.
 */
#include "tool/serve/nvme/private.h"

enum { ENTRY = 8 };

/* Adds the pages that a list names, for `length` bytes. */
static int find_list(struct nvme_controller *ctl, struct nvme_command *command, uint64_t list,
		     uint64_t length)
{
	uint8_t entries[NVME_PAGE];

	/* A link leads to the start of a page, which names more than a page's worth of data: so this ends. */
	while (length) {
		uint32_t room = (uint32_t)(NVME_PAGE - list % NVME_PAGE) / ENTRY;
		uint32_t left = (uint32_t)((length + NVME_PAGE - 1) / NVME_PAGE);
		uint32_t count = left <= room ? left : room;
		uint32_t pages = left <= room ? left : room - 1;

		if (list % ENTRY)
			return NVME_PRP_OFFSET;
		if (ctl->host->read(ctl->opaque, list, entries, count * ENTRY))
			return NVME_DATA_TRANSFER;
		for (uint32_t i = 0; i < pages; i++) {
			uint64_t page = get64(entries + i * ENTRY);
			uint64_t bytes = length < NVME_PAGE ? length : NVME_PAGE;
			int status =
				page % NVME_PAGE ? NVME_PRP_OFFSET : nvme_piece_add(command, page, bytes);

			if (status)
				return status;
			length -= bytes;
		}
		if (!length)
			break;
		list = get64(entries + pages * ENTRY);
		if (list % NVME_PAGE)
			return NVME_PRP_OFFSET;
	}
	return NVME_SUCCESS;
}

int nvme_prp_find(struct nvme_controller *ctl, struct nvme_command *command, uint32_t length)
{
	uint64_t first = get64(command->sqe.data), second = get64(command->sqe.data + 8);
	uint64_t bytes = NVME_PAGE - first % NVME_PAGE;
	int status;

	if (first % 4)
		return NVME_PRP_OFFSET;
	if (bytes > length)
		bytes = length;
	status = nvme_piece_add(command, first, bytes);
	if (status || bytes == length)
		return status;
	if (length - bytes > NVME_PAGE)
		return find_list(ctl, command, second, length - bytes);
	return second % NVME_PAGE ? NVME_PRP_OFFSET : nvme_piece_add(command, second, length - bytes);
}
