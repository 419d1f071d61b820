/* SPDX-License-Identifier: MIT */
/* Ioctls of a VFIO device. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include <linux/vfio.h>

#include "lib/sys/caps.h"
#include "lib/sys/info.h"
#include "lib/sys/vfio.h"

enum {
	CAP_ATOMIC_COMP = 5, /* VFIO_DEVICE_INFO_CAP_PCI_ATOMIC_COMP, of Linux 6.5 */
	ATOMICS_KNOWN = 7,
};
#ifdef VFIO_DEVICE_INFO_CAP_PCI_ATOMIC_COMP
_Static_assert(CAP_ATOMIC_COMP == VFIO_DEVICE_INFO_CAP_PCI_ATOMIC_COMP, "ABI");
#endif

int sys_vfio_device_info(int device, struct sys_device_info *out)
{
	struct vfio_device_info info = {0};
	void *answer;
	size_t size;
	struct sys_cap cap;
	uint32_t atomics;
	int ret = sys_info(device, VFIO_DEVICE_GET_INFO, &info, sizeof(info), &answer, &size);

	if (ret < 0)
		return ret;
	memcpy(&info, answer, sizeof(info));
	out->atomics = 0;
	ret = info.flags & VFIO_DEVICE_FLAGS_CAPS
		      ? sys_caps_find(answer, size, info.cap_offset, CAP_ATOMIC_COMP,
				      sizeof(struct vfio_info_cap_header) + sizeof(atomics), &cap)
		      : 0;
	if (ret > 0) {
		memcpy(&atomics, cap.data + sizeof(struct vfio_info_cap_header), sizeof(atomics));
		out->atomics = atomics & ATOMICS_KNOWN;
	}
	free(answer);
	if (ret < 0)
		return ret;
	out->is_pci = info.flags & VFIO_DEVICE_FLAGS_PCI;
	out->can_reset = info.flags & VFIO_DEVICE_FLAGS_RESET;
	out->regions = info.num_regions;
	out->irqs = info.num_irqs;
	return 0;
}

static int read_areas(const struct sys_cap *cap, struct sys_region_info *out)
{
	struct vfio_region_info_cap_sparse_mmap head;
	size_t room = (cap->length - sizeof(head)) / sizeof(struct vfio_region_sparse_mmap_area);

	memcpy(&head, cap->data, sizeof(head));
	out->sparse = true;
	if (head.nr_areas > room)
		return -EPROTO;
	if (!head.nr_areas)
		return 0;
	out->areas = calloc(head.nr_areas, sizeof(*out->areas));
	if (!out->areas)
		return -ENOMEM;
	for (size_t i = 0; i < head.nr_areas; i++) {
		struct vfio_region_sparse_mmap_area area;

		memcpy(&area, cap->data + sizeof(head) + i * sizeof(area), sizeof(area));
		out->areas[i] = (struct sys_area){area.offset, area.size};
	}
	out->area_count = head.nr_areas;
	return 0;
}

static int read_caps(const void *answer, size_t size, uint32_t first, struct sys_region_info *out)
{
	struct sys_cap cap;
	int ret;

	ret = sys_caps_find(answer, size, first, VFIO_REGION_INFO_CAP_MSIX_MAPPABLE,
			    sizeof(struct vfio_info_cap_header), &cap);
	if (ret < 0)
		return ret;
	out->msix_mappable = ret;
	ret = sys_caps_find(answer, size, first, VFIO_REGION_INFO_CAP_SPARSE_MMAP,
			    sizeof(struct vfio_region_info_cap_sparse_mmap), &cap);
	return ret > 0 ? read_areas(&cap, out) : ret;
}

int sys_vfio_region_info(int device, unsigned index, struct sys_region_info *out)
{
	struct vfio_region_info info = {.index = index};
	void *answer;
	size_t size;
	int ret;

	*out = (struct sys_region_info){0};
	ret = sys_info(device, VFIO_DEVICE_GET_REGION_INFO, &info, sizeof(info), &answer, &size);
	if (ret < 0)
		return ret;
	memcpy(&info, answer, sizeof(info));
	out->size = info.size;
	out->offset = info.offset;
	out->readable = info.flags & VFIO_REGION_INFO_FLAG_READ;
	out->writable = info.flags & VFIO_REGION_INFO_FLAG_WRITE;
	out->mappable = info.flags & VFIO_REGION_INFO_FLAG_MMAP;
	if (info.flags & VFIO_REGION_INFO_FLAG_CAPS)
		ret = read_caps(answer, size, info.cap_offset, out);
	free(answer);
	return ret;
}

int sys_vfio_irq_info(int device, unsigned index, struct sys_irq_info *out)
{
	struct vfio_irq_info info = {.argsz = sizeof(info), .index = index};

	if (ioctl(device, VFIO_DEVICE_GET_IRQ_INFO, &info) < 0)
		return -errno;
	out->count = info.count;
	out->eventfd = info.flags & VFIO_IRQ_INFO_EVENTFD;
	out->noresize = info.flags & VFIO_IRQ_INFO_NORESIZE;
	return 0;
}

int sys_vfio_set_irqs(int device, enum sys_irq_action action, unsigned index, unsigned start, unsigned count,
		      const int *fds)
{
	static const uint32_t flags[] = {
		[SYS_IRQ_TRIGGER] = VFIO_IRQ_SET_ACTION_TRIGGER,
		[SYS_IRQ_MASK] = VFIO_IRQ_SET_ACTION_MASK,
		[SYS_IRQ_UNMASK] = VFIO_IRQ_SET_ACTION_UNMASK,
	};
	size_t payload = fds ? count * sizeof(int32_t) : 0;
	struct vfio_irq_set *set = calloc(1, sizeof(*set) + payload);
	int ret;

	if (!set)
		return -ENOMEM;
	set->argsz = (uint32_t)(sizeof(*set) + payload);
	set->flags = flags[action] | (fds ? VFIO_IRQ_SET_DATA_EVENTFD : VFIO_IRQ_SET_DATA_NONE);
	set->index = index;
	set->start = start;
	set->count = count;
	if (payload)
		memcpy(set->data, fds, payload);
	ret = ioctl(device, VFIO_DEVICE_SET_IRQS, set);
	if (ret < 0)
		ret = -errno;
	else if (ret && (unsigned)ret >= count)
		ret = -EPROTO;
	free(set);
	return ret;
}

int sys_vfio_device_reset(int device)
{
	return ioctl(device, VFIO_DEVICE_RESET) < 0 ? -errno : 0;
}

int sys_vfio_device_ioeventfd(int device, uint64_t offset, unsigned length, uint64_t data, int eventfd)
{
	struct vfio_device_ioeventfd event = {
		.argsz = sizeof(event), .flags = length, .offset = offset, .data = data, .fd = eventfd};

	/* The flags of the widths are the widths. */
	_Static_assert(VFIO_DEVICE_IOEVENTFD_8 == 1 && VFIO_DEVICE_IOEVENTFD_16 == 2 &&
			       VFIO_DEVICE_IOEVENTFD_32 == 4 && VFIO_DEVICE_IOEVENTFD_64 == 8,
		       "widths");
	return ioctl(device, VFIO_DEVICE_IOEVENTFD, &event) < 0 ? -errno : 0;
}
