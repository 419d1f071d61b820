/* SPDX-License-Identifier: MIT */
/* Reset of a bus with all functions on it: listing these functions, and the reset itself. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include <linux/vfio.h>

#include "lib/sys/vfio.h"

enum {
	/* Linux 6.5 and later; absent in older headers. */
	FLAG_DEV_ID = 1 << 0,
	FLAG_DEV_ID_OWNED = 1 << 1,
	ROUNDS = 4,
	DEPENDENTS_MAX = 4096, /* more functions than buses below one port can have is nonsense */
};

#ifdef VFIO_PCI_HOT_RESET_FLAG_DEV_ID
_Static_assert(FLAG_DEV_ID == VFIO_PCI_HOT_RESET_FLAG_DEV_ID, "ABI");
_Static_assert(FLAG_DEV_ID_OWNED == VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED, "ABI");
#endif

static int store(const struct vfio_pci_hot_reset_info *info, size_t room, struct sys_hot_reset *out)
{
	if (info->count > room)
		return -EPROTO;
	out->by_id = info->flags & FLAG_DEV_ID;
	out->owned = info->flags & FLAG_DEV_ID_OWNED;
	out->at = calloc(info->count ? info->count : 1, sizeof(*out->at));
	if (!out->at)
		return -ENOMEM;
	for (uint32_t i = 0; i < info->count; i++) {
		const struct vfio_pci_dependent_device *device = &info->devices[i];

		out->at[i] = (struct sys_dependent){
			.id = device->group_id, /* or, by id, the device's */
			.domain = device->segment,
			.bus = device->bus,
			.devfn = device->devfn,
		};
	}
	out->count = info->count;
	return 0;
}

int sys_vfio_hot_reset_info(int device, struct sys_hot_reset *out)
{
	struct vfio_pci_hot_reset_info *info;
	size_t room = 0;
	int ret = -EPROTO;

	*out = (struct sys_hot_reset){0};
	for (unsigned round = 0; round < ROUNDS; round++) {
		size_t size = sizeof(*info) + room * sizeof(info->devices[0]);

		info = calloc(1, size);
		if (!info)
			return -ENOMEM;
		info->argsz = (uint32_t)size;
		if (!ioctl(device, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, info)) {
			ret = store(info, room, out);
			free(info);
			return ret;
		}
		ret = -errno;
		room = info->count; /* ENOSPC: the room that it needs */
		free(info);
		if (ret != -ENOSPC || room > DEPENDENTS_MAX)
			return ret == -ENOSPC ? -EPROTO : ret;
	}
	return -EPROTO;
}

int sys_vfio_hot_reset(int device, const int *fds, unsigned count)
{
	size_t payload = count * sizeof(int32_t);
	struct vfio_pci_hot_reset *reset = calloc(1, sizeof(*reset) + payload);
	int ret;

	if (!reset)
		return -ENOMEM;
	reset->argsz = (uint32_t)(sizeof(*reset) + payload);
	reset->count = count;
	if (payload)
		memcpy(reset->group_fds, fds, payload);
	ret = ioctl(device, VFIO_DEVICE_PCI_HOT_RESET, reset) < 0 ? -errno : 0;
	free(reset);
	return ret;
}
