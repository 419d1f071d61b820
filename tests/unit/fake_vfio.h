/* SPDX-License-Identifier: MIT */
/*
 * For one test program each: a made-up host whose VFIO answers here. ioctl() is
 * this file's own; a group, the container and a device are plain files below a
 * folder in /tmp. What was asked is in vfio.order, a word each:
 *
 *   status version extension set_container set_iommu iommu_info kvm+ kvm- device
 *   info region irq irqs:FLAGS,INDEX,START+COUNT,DESCRIPTORS bus_info bus_reset map unmap unset_container
 */
#ifndef TESTS_UNIT_FAKE_VFIO_H
#define TESTS_UNIT_FAKE_VFIO_H

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/pci_regs.h>
#include <linux/vfio.h>

#include "lend/lend.h"
#include "lib/dma/space.h"
#include "lib/open/device.h"
#include "tests/unit/cmocka.h"

enum { CONFIG_AT = 0x100000, ANSWER_ROOM = 4096 };

static struct {
	char root[64], dev[80];
	char order[4096];
	/* What it answers. */
	uint32_t argsz_info, argsz_region, argsz_iommu; /* 0: what it needs */
	bool grows;                                     /* each time it needs more */
	uint8_t caps[ANSWER_ROOM];                      /* behind the struct of region 0, in its answer */
	uint32_t caps_length, caps_first;
	uint32_t atomics;
	uint64_t bar_size, bar_flags;
	uint32_t irq_count, irq_flags;
	int fail_set_container, fail_map; /* errno; of the next */
	int fail_device;                  /* errno */
	int handed_out;                   /* the device, open already; 0: it is opened by its path */
	bool not_viable;
	unsigned reset_fds;               /* how many came with a reset of the bus */
	unsigned dependents, claims;      /* that a reset of the bus takes along, and says that it does */
	int device; /* descriptor of the last one: some numbers mean one thing to it and another to a
		       container */
	struct vfio_iommu_type1_dma_map map;
	struct lend_context *context;
	struct lend_space *space;
	struct lend_error error;
} vfio;

static void said(const char *what)
{
	assert_true(strlen(vfio.order) + strlen(what) + 2 < sizeof(vfio.order));
	strcat(vfio.order, what);
	strcat(vfio.order, " ");
}

static int failed(int code)
{
	errno = code;
	return -1;
}

/* An answer with room for less than it needs has its size alone (argsz). */
static bool fits(void *arg, uint32_t need)
{
	uint32_t have;

	memcpy(&have, arg, sizeof(have));
	if (vfio.grows)
		need = have + 8;
	memcpy(arg, &need, sizeof(need));
	return have >= need;
}

static int answer_info(struct vfio_device_info *info)
{
	const struct {
		struct vfio_info_cap_header header;
		uint32_t completes;
	} cap = {{5, 1, 0}, vfio.atomics}; /* VFIO_DEVICE_INFO_CAP_PCI_ATOMIC_COMP, of Linux 6.5 */

	said("info");
	info->flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET;
	info->num_regions = VFIO_PCI_NUM_REGIONS;
	info->num_irqs = VFIO_PCI_NUM_IRQS;
	if (!fits(info, vfio.argsz_info ? vfio.argsz_info : sizeof(*info)) || !vfio.atomics)
		return 0;
	info->flags |= VFIO_DEVICE_FLAGS_CAPS;
	info->cap_offset = sizeof(*info);
	memcpy(info + 1, &cap, sizeof(cap));
	return 0;
}

static int answer_region(struct vfio_region_info *info)
{
	uint32_t index = info->index, need = sizeof(*info) + (index ? 0 : vfio.caps_length);

	said("region");
	info->flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	info->size = index == VFIO_PCI_CONFIG_REGION_INDEX ? 256 : 0;
	info->offset = index == VFIO_PCI_CONFIG_REGION_INDEX ? CONFIG_AT : 0;
	if (!index) {
		info->size = vfio.bar_size;
		info->flags |= (uint32_t)vfio.bar_flags;
	}
	if (!fits(info, !index && vfio.argsz_region ? vfio.argsz_region : need) || index || !vfio.caps_length)
		return 0;
	info->cap_offset = vfio.caps_first;
	memcpy(info + 1, vfio.caps, vfio.caps_length);
	return 0;
}

/* Two ranges of addresses, around where interrupts go. */
static int answer_iommu(struct vfio_iommu_type1_info *info)
{
	static const struct vfio_iova_range ranges[] = {{0, 0xfedfffff},
							{0xfef00000, UINT64_C(0xffffffffff)}};
	const struct vfio_iommu_type1_info_cap_iova_range head = {
		.header = {VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, 1, 0}, .nr_iovas = 2};
	uint8_t *behind = (uint8_t *)(info + 1);

	said("iommu_info");
	info->flags = VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS;
	info->iova_pgsizes = 4096;
	if (!fits(info, vfio.argsz_iommu ? vfio.argsz_iommu : sizeof(*info) + sizeof(head) + sizeof(ranges)))
		return 0;
	info->cap_offset = sizeof(*info);
	memcpy(behind, &head, sizeof(head));
	memcpy(behind + sizeof(head), ranges, sizeof(ranges));
	return 0;
}

static int answer_bus(struct vfio_pci_hot_reset_info *info)
{
	size_t need = sizeof(*info) + vfio.dependents * sizeof(info->devices[0]);

	said("bus_info");
	info->count = vfio.claims ? vfio.claims : vfio.dependents;
	if (info->argsz < need)
		return failed(ENOSPC);
	for (unsigned i = 0; i < vfio.dependents; i++)
		info->devices[i] = (struct vfio_pci_dependent_device){
			.group_id = i == 2 ? 8 : 7, .bus = 5, .devfn = (uint8_t)i};
	return 0;
}

static int set_irqs(const struct vfio_irq_set *set)
{
	char text[64];

	snprintf(text, sizeof(text), "irqs:%x,%u,%u+%u,%zu", set->flags, set->index, set->start, set->count,
		 (set->argsz - sizeof(*set)) / sizeof(int32_t));
	said(text);
	return 0;
}

static int reset_bus(const struct vfio_pci_hot_reset *reset)
{
	said("bus_reset");
	vfio.reset_fds = reset->count;
	for (unsigned i = 0; i < reset->count; i++)
		for (unsigned j = 0; j < i; j++)
			assert_true(reset->group_fds[i] != reset->group_fds[j]);
	return 0;
}

static int open_device(void)
{
	char path[100];

	said("device");
	if (vfio.fail_device)
		return failed(vfio.fail_device);
	if (vfio.handed_out)
		return vfio.device = dup(vfio.handed_out);
	snprintf(path, sizeof(path), "%s/device", vfio.root);
	return vfio.device = open(path, O_RDWR | O_CLOEXEC);
}

static int answer_dma(unsigned long request, void *arg)
{
	if (request == VFIO_IOMMU_MAP_DMA) {
		said("map");
		vfio.map = *(struct vfio_iommu_type1_dma_map *)arg;
		return vfio.fail_map ? failed(vfio.fail_map) : 0;
	}
	said("unmap");
	return 0;
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (fd == vfio.device && request == VFIO_DEVICE_GET_PCI_HOT_RESET_INFO)
		return answer_bus(arg);
	if (fd == vfio.device && request == VFIO_DEVICE_PCI_HOT_RESET)
		return reset_bus(arg);
	switch (request) {
	case VFIO_GROUP_GET_STATUS:
		said("status");
		((struct vfio_group_status *)arg)->flags = vfio.not_viable ? 0 : VFIO_GROUP_FLAGS_VIABLE;
		return 0;
	case VFIO_GET_API_VERSION:
		said("version");
		return VFIO_API_VERSION;
	case VFIO_CHECK_EXTENSION:
		said("extension");
		return (uintptr_t)arg == VFIO_TYPE1v2_IOMMU;
	case VFIO_GROUP_SET_CONTAINER:
		said("set_container");
		return vfio.fail_set_container ? failed(vfio.fail_set_container) : 0;
	case VFIO_GROUP_UNSET_CONTAINER:
		said("unset_container");
		return 0;
	case VFIO_SET_IOMMU:
		said("set_iommu");
		return 0;
	case VFIO_IOMMU_GET_INFO:
		return answer_iommu(arg);
	case VFIO_GROUP_GET_DEVICE_FD:
		return open_device();
	case VFIO_DEVICE_GET_INFO:
		return answer_info(arg);
	case VFIO_DEVICE_GET_REGION_INFO:
		return answer_region(arg);
	case VFIO_DEVICE_GET_IRQ_INFO:
		said("irq");
		((struct vfio_irq_info *)arg)->count = vfio.irq_count;
		((struct vfio_irq_info *)arg)->flags = vfio.irq_flags;
		return 0;
	case VFIO_DEVICE_SET_IRQS:
		return set_irqs(arg);
	case VFIO_IOMMU_MAP_DMA:
	case VFIO_IOMMU_UNMAP_DMA:
		return answer_dma(request, arg);
	default:
		return failed(ENOTTY);
	}
}

static int kvm_add(void *host, int fd)
{
	(void)host, (void)fd;
	said("kvm+");
	return 0;
}

static int kvm_del(void *host, int fd)
{
	(void)host, (void)fd;
	said("kvm-");
	return 0;
}

static void run(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void run(const char *format, ...)
{
	char command[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	assert_int_equal(system(command), 0);
}

static void add_device(const char *name, int group)
{
	run("s=%s/sys; d=$s/bus/pci/devices/%s; g=$s/kernel/iommu_groups/%d; mkdir -p $d $g/devices "
	    "$s/bus/pci/drivers/vfio-pci; ln -s ../../drivers/vfio-pci $d/driver; ln -s $g $d/iommu_group; "
	    "ln -s $d $g/devices/%s; touch %s/vfio/%d",
	    vfio.root, name, group, name, vfio.dev, group);
}

/* A host with 0000:05:00.0 in group 7, a BAR of 16 KiB that can be mapped, and a page of memory in the space.
 */
static int set_up(void **state)
{
	static const struct lend_host_ops ops = {
		.size = sizeof(ops), .vfio_add = kvm_add, .vfio_del = kvm_del};
	struct lend_context_config config = {.size = sizeof(config)};
	char sys[80], path[100];
	uint8_t header[256] = {0x36, 0x1b, 0x10};
	int fd;

	(void)state;
	memset(&vfio, 0, sizeof(vfio));
	vfio.device = -1;
	vfio.bar_size = 0x4000;
	vfio.bar_flags = VFIO_REGION_INFO_FLAG_MMAP;
	vfio.irq_count = 1;
	vfio.irq_flags = VFIO_IRQ_INFO_EVENTFD;
	strcpy(vfio.root, "/tmp/lend-vfio-XXXXXX");
	assert_non_null(mkdtemp(vfio.root));
	snprintf(sys, sizeof(sys), "%s/sys", vfio.root);
	snprintf(vfio.dev, sizeof(vfio.dev), "%s/dev", vfio.root);
	run("mkdir -p %s/vfio %s/bus/pci/devices; touch %s/vfio/vfio", vfio.dev, sys, vfio.dev);
	snprintf(path, sizeof(path), "%s/device", vfio.root);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(pwrite(fd, header, sizeof(header), CONFIG_AT), sizeof(header));
	close(fd);
	add_device("0000:05:00.0", 7);
	config.sysfs_root = sys;
	config.dev_root = vfio.dev;
	assert_int_equal(lend_context_new(&config, &vfio.context), 0);
	assert_int_equal(lend_space_new(vfio.context, &ops, NULL, &vfio.space), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	lend_space_free(vfio.space);
	lend_context_free(vfio.context);
	run("rm -rf %s", vfio.root);
	return 0;
}

static inline void expect_order(const char *order)
{
	assert_string_equal(vfio.order, order);
	vfio.order[0] = '\0';
}

#endif
