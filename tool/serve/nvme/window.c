/* SPDX-License-Identifier: MIT */
/* Ranges of guest memory that are used often: queues and doorbell buffers. */
#include <errno.h>

#include "tool/serve/nvme/private.h"

static int look_up(struct nvme_controller *ctl, struct nvme_window *window)
{
	struct iovec piece;
	int count = ctl->host->memory(ctl->opaque, window->address, window->length, window->write, &piece, 1);

	window->host = count == 1 ? piece.iov_base : NULL;
	if (count < 0 && count != -EREMOTE && count != -E2BIG)
		return count;
	window->generation = ctl->generation;
	return 0;
}

uint8_t *nvme_window_host(struct nvme_controller *ctl, struct nvme_window *window, int *ret)
{
	*ret = window->generation == ctl->generation ? 0 : look_up(ctl, window);
	return *ret ? NULL : window->host;
}

int nvme_window_read(struct nvme_controller *ctl, struct nvme_window *window, uint32_t offset, void *data,
		     uint32_t length)
{
	int ret;
	const uint8_t *host = nvme_window_host(ctl, window, &ret);

	if (ret)
		return ret;
	if (!host)
		return ctl->host->read(ctl->opaque, window->address + offset, data, length);
	memcpy(data, host + offset, length);
	return 0;
}

int nvme_window_write(struct nvme_controller *ctl, struct nvme_window *window, uint32_t offset,
		      const void *data, uint32_t length)
{
	int ret;
	uint8_t *host = nvme_window_host(ctl, window, &ret);

	if (ret)
		return ret;
	if (!host)
		return ctl->host->write(ctl->opaque, window->address + offset, data, length);
	memcpy(host + offset, data, length);
	return 0;
}
