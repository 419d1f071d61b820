/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "tool/serve/virtio/transport.h"
#include "tool/serve/virtio/window.h"

enum {
	BAR_AT = 4, /* in the capability */
	OFFSET_AT = 8,
	LENGTH_AT = 12,
	DATA_AT = 16,
};

/* Where the window's data is in config space if the access touches it, and what it shows. 0: neither. */
static unsigned touched(const struct vdevice *device, unsigned offset, unsigned length, uint32_t *bar_offset,
			uint32_t *bar_length)
{
	const unsigned at = lend_server_capability(device->server, WINDOW_CAPABILITY);
	uint8_t bar = 0xff;

	if (!at || offset >= at + DATA_AT + 4 || offset + length <= at + DATA_AT)
		return 0;
	if (lend_server_config_read(device->server, at + BAR_AT, &bar, 1) ||
	    lend_server_config_read(device->server, at + OFFSET_AT, bar_offset, 4) ||
	    lend_server_config_read(device->server, at + LENGTH_AT, bar_length, 4))
		return 0;
	if (bar || (*bar_length != 1 && *bar_length != 2 && *bar_length != 4) || *bar_offset % *bar_length ||
	    *bar_offset >= VDEVICE_BAR_SIZE)
		return 0;
	return at + DATA_AT;
}

void vwindow_written(struct vdevice *device, unsigned offset, unsigned length)
{
	uint32_t bar_offset, bar_length;
	const unsigned at = touched(device, offset, length, &bar_offset, &bar_length);
	uint8_t data[4];

	if (at && !lend_server_config_read(device->server, at, data, sizeof(data)))
		vtransport_bar_write(device, 0, bar_offset, data, bar_length);
}

void vwindow_read(struct vdevice *device, unsigned offset, unsigned length)
{
	uint32_t bar_offset, bar_length;
	const unsigned at = touched(device, offset, length, &bar_offset, &bar_length);
	uint8_t data[4] = {0};

	if (!at)
		return;
	vtransport_bar_read(device, 0, bar_offset, data, bar_length);
	lend_server_config_set(device->server, at, data, sizeof(data));
}
