/* SPDX-License-Identifier: MIT */
/* Capability chains of VFIO's info structs (linux/vfio.h, vfio_info_cap_header). */
#include <errno.h>
#include <string.h>

#include <linux/vfio.h>

#include "lib/sys/caps.h"

int sys_caps_find(const void *info, size_t size, uint32_t first, uint16_t id, size_t least,
		  struct sys_cap *out)
{
	const uint8_t *bytes = info;
	size_t hops = size / sizeof(struct vfio_info_cap_header);
	uint32_t at = first;

	/* A chain with more members than fit in the buffer visits one twice. */
	for (; at; hops--) {
		struct vfio_info_cap_header header;

		if (!hops || at > size || size - at < sizeof(header))
			return -EPROTO;
		memcpy(&header, bytes + at, sizeof(header));
		if (header.id == id) {
			*out = (struct sys_cap){header.id, header.version, bytes + at, size - at};
			return out->length < least ? -EPROTO : 1;
		}
		at = header.next;
	}
	return 0;
}
