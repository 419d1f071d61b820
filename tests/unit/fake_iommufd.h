/* SPDX-License-Identifier: MIT */
/*
 * A kernel with iommufd that is played: it stands in for lib/sys/{device,cdev,
 * iommufd}.c and writes down what it is asked. For one test program alone.
 *
 * Lines of the record: bind TOKEN, attach ID, detach, ioas ID, hwpt ID, destroy
 * ID, map IOVA LENGTH, map_file IOVA LENGTH OFFSET, unmap IOVA LENGTH, ranges
 */
#ifndef TESTS_UNIT_FAKE_IOMMUFD_H
#define TESTS_UNIT_FAKE_IOMMUFD_H

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/sys/iommufd.h"
#include "tests/unit/cmocka.h"

static struct {
	char lines[64][48];
	unsigned count;
	/* What it answers. */
	int bind, attach, hwpt, map, map_file, unmap, ioas, info, charge;
	bool unfinished;  /* page tables that are made before a device comes can address nothing */
	uint32_t refuses; /* a table that no device fits: -EINVAL */
	/* What it has. */
	uint32_t next_id;
	int objects, attached;
	unsigned charged; /* how often it was asked to charge the process */
} kernel;

static inline int said(int ret, const char *format, ...) __attribute__((format(printf, 2, 3)));
static inline int said(int ret, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	assert_true(kernel.count < 64);
	vsnprintf(kernel.lines[kernel.count++], sizeof(kernel.lines[0]), format, args);
	va_end(args);
	return ret;
}

/* The record is exactly these lines (NULL ends), and is cleared. */
static inline void expect_calls(const char *first, ...)
{
	const char *line = first;
	unsigned at = 0;
	va_list args;

	va_start(args, first);
	for (; line; line = va_arg(args, const char *), at++) {
		if (at >= kernel.count)
			fail_msg("'%s' was not called", line);
		assert_string_equal(kernel.lines[at], line);
	}
	va_end(args);
	if (at < kernel.count)
		fail_msg("'%s' was called too", kernel.lines[at]);
	kernel.count = 0;
}

int sys_cdev_bind(int device, int iommufd, const uint8_t *token, uint32_t *id)
{
	assert_true(device >= 0 && iommufd >= 0);
	*id = 77;
	return said(kernel.bind, "bind %02x", token ? token[0] : 0);
}

int sys_cdev_attach(int device, uint32_t table)
{
	int ret = table == kernel.refuses ? -EINVAL : kernel.attach;

	assert_true(device >= 0);
	kernel.attached += !ret;
	return said(ret, "attach %u", table);
}

int sys_cdev_detach(int device)
{
	assert_true(device >= 0);
	kernel.attached--;
	return said(0, "detach");
}

int sys_vfio_dma_buf(int device, unsigned region, uint64_t offset, uint64_t length)
{
	(void)device, (void)region, (void)offset, (void)length;
	return -ENOTTY;
}

int sys_iommu_charge_process(int iommufd)
{
	assert_true(iommufd >= 0);
	assert_int_equal(kernel.count, 0); /* before anything else */
	kernel.charged++;
	return kernel.charge;
}

int sys_iommu_destroy(int iommufd, uint32_t id)
{
	assert_true(iommufd >= 0);
	kernel.objects--;
	return said(0, "destroy %u", id);
}

int sys_ioas_alloc(int iommufd, uint32_t *id)
{
	assert_true(iommufd >= 0);
	*id = ++kernel.next_id;
	kernel.objects += !kernel.ioas;
	return said(kernel.ioas, "ioas %u", *id);
}

int sys_ioas_ranges(int iommufd, uint32_t ioas, struct sys_ioas_ranges *out)
{
	(void)iommufd, (void)ioas;
	*out = (struct sys_ioas_ranges){
		.alignment = 4096, .count = 2, .ranges = calloc(2, sizeof(*out->ranges))};
	if (kernel.unfinished) {
		out->count = 1;
		return said(0, "ranges");
	}
	out->ranges[0] = (struct sys_iova_range){0, 0xfedfffff};
	out->ranges[1] = (struct sys_iova_range){0xfef00000, 0xffffffffff};
	return said(0, "ranges");
}

int sys_ioas_map(int iommufd, uint32_t ioas, const struct sys_ioas_map *map, const void *va)
{
	(void)iommufd, (void)ioas, (void)va;
	return said(kernel.map, "map %llx %llx", (unsigned long long)map->iova,
		    (unsigned long long)map->length);
}

int sys_ioas_map_file(int iommufd, uint32_t ioas, const struct sys_ioas_map *map, int fd, uint64_t start)
{
	(void)iommufd, (void)ioas, (void)fd;
	return said(kernel.map_file, "map_file %llx %llx %llx", (unsigned long long)map->iova,
		    (unsigned long long)map->length, (unsigned long long)start);
}

int sys_ioas_unmap(int iommufd, uint32_t ioas, uint64_t iova, uint64_t length)
{
	(void)iommufd, (void)ioas;
	return said(kernel.unmap, "unmap %llx %llx", (unsigned long long)iova, (unsigned long long)length);
}

int sys_hwpt_alloc(int iommufd, uint32_t device, uint32_t ioas, uint32_t *id)
{
	(void)iommufd, (void)ioas;
	assert_int_equal(device, 77);
	*id = ++kernel.next_id;
	kernel.objects += !kernel.hwpt;
	return said(kernel.hwpt, "hwpt %u", *id);
}

/* The device: a PCI function whose config space is the zeros of /dev/zero. */

int sys_vfio_device_info(int device, struct sys_device_info *out)
{
	assert_true(device >= 0);
	*out = (struct sys_device_info){.is_pci = true, .regions = 9, .irqs = 5};
	return kernel.info;
}

int sys_vfio_region_info(int device, unsigned index, struct sys_region_info *out)
{
	assert_true(device >= 0);
	*out = (struct sys_region_info){.size = index == 7 ? 256 : 0, .readable = true};
	return 0;
}

int sys_vfio_irq_info(int device, unsigned index, struct sys_irq_info *out)
{
	(void)device, (void)index;
	*out = (struct sys_irq_info){0};
	return 0;
}

int sys_vfio_set_irqs(int device, enum sys_irq_action action, unsigned index, unsigned start, unsigned count,
		      const int *fds)
{
	(void)device, (void)action, (void)index, (void)start, (void)count, (void)fds;
	return 0;
}

int sys_vfio_device_reset(int device)
{
	(void)device;
	return 0;
}

int sys_vfio_device_ioeventfd(int device, uint64_t offset, unsigned length, uint64_t data, int eventfd)
{
	(void)device, (void)offset, (void)length, (void)data, (void)eventfd;
	return -ENOTTY;
}

#endif
