/* SPDX-License-Identifier: MIT */
/* How a guest sets a virtio device up, by the registers of BAR 0. Include after server_double.h. */
#ifndef TESTS_UNIT_VIRTIO_GUEST_H
#define TESTS_UNIT_VIRTIO_GUEST_H

#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>

#include "tests/unit/cmocka.h"

/* The device's places (virtio 1.2 leaves them to it), as its capabilities say. */
static const struct lend_server_device *guest_device;
static uint32_t guest_common, guest_bells, guest_bell_size, guest_isr, guest_config;

static inline uint32_t guest_read(uint64_t offset, unsigned length)
{
	uint32_t value = 0;

	assert_int_equal(guest_device->ops->read(guest_device->dev, 0, offset, &value, length), length);
	return value;
}

static inline void guest_write(uint64_t offset, unsigned length, uint32_t value)
{
	assert_int_equal(guest_device->ops->write(guest_device->dev, 0, offset, &value, length), length);
}

static inline uint32_t common_read(unsigned offset, unsigned length)
{
	return guest_read(guest_common + offset, length);
}

static inline void common_write(unsigned offset, unsigned length, uint32_t value)
{
	guest_write(guest_common + offset, length, value);
}

/* Finds the structures, with power-on state and the right to reach memory. */
static inline void guest_meets(const struct lend_server_device *device)
{
	guest_device = device;
	server.config[4] = 4;
	for (unsigned i = 0; i < device->config->capability_count; i++) {
		const struct lend_server_capability *capability = &device->config->capabilities[i];
		const uint8_t *bytes = capability->bytes;
		uint32_t offset, multiplier = 0;

		assert_int_equal(capability->id, 9);
		assert_int_equal(bytes[0], capability->length);
		memcpy(&offset, bytes + 6, 4);
		if (bytes[1] == VIRTIO_PCI_CAP_NOTIFY_CFG)
			memcpy(&multiplier, bytes + 14, 4);
		switch (bytes[1]) {
		case VIRTIO_PCI_CAP_COMMON_CFG:
			guest_common = offset;
			break;
		case VIRTIO_PCI_CAP_NOTIFY_CFG:
			guest_bells = offset;
			guest_bell_size = multiplier;
			break;
		case VIRTIO_PCI_CAP_ISR_CFG:
			guest_isr = offset;
			break;
		case VIRTIO_PCI_CAP_DEVICE_CFG:
			guest_config = offset;
			break;
		default:
			assert_int_equal(bytes[1], VIRTIO_PCI_CAP_PCI_CFG);
		}
	}
}

static inline uint64_t guest_offered(void)
{
	uint64_t features = 0;

	for (unsigned half = 0; half < 2; half++) {
		common_write(VIRTIO_PCI_COMMON_DFSELECT, 4, half);
		features |= (uint64_t)common_read(VIRTIO_PCI_COMMON_DF, 4) << 32 * half;
	}
	return features;
}

/* Whether the device takes the set of features. */
static inline bool guest_negotiates(uint64_t features)
{
	common_write(VIRTIO_PCI_COMMON_STATUS, 1, 0);
	common_write(VIRTIO_PCI_COMMON_STATUS, 1, 1);
	common_write(VIRTIO_PCI_COMMON_STATUS, 1, 3);
	for (unsigned half = 0; half < 2; half++) {
		common_write(VIRTIO_PCI_COMMON_GFSELECT, 4, half);
		common_write(VIRTIO_PCI_COMMON_GF, 4, (uint32_t)(features >> 32 * half));
	}
	common_write(VIRTIO_PCI_COMMON_STATUS, 1, 11);
	return common_read(VIRTIO_PCI_COMMON_STATUS, 1) & VIRTIO_CONFIG_S_FEATURES_OK;
}

static inline void guest_enables(unsigned queue, struct driver *driver, uint64_t address, uint16_t size,
				 uint64_t features)
{
	const uint64_t *at[] = {&driver->descriptors, &driver->driver, &driver->device};

	driver_start(driver, address, size, features >> VIRTIO_F_RING_PACKED & 1,
		     features >> VIRTIO_RING_F_EVENT_IDX & 1);
	common_write(VIRTIO_PCI_COMMON_Q_SELECT, 2, queue);
	common_write(VIRTIO_PCI_COMMON_Q_SIZE, 2, size);
	common_write(VIRTIO_PCI_COMMON_Q_MSIX, 2, queue + 1);
	for (unsigned i = 0; i < 3; i++) {
		common_write(VIRTIO_PCI_COMMON_Q_DESCLO + 8 * i, 4, (uint32_t)*at[i]);
		common_write(VIRTIO_PCI_COMMON_Q_DESCHI + 8 * i, 4, (uint32_t)(*at[i] >> 32));
	}
	common_write(VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
}

static inline void guest_is_ready(void)
{
	common_write(VIRTIO_PCI_COMMON_STATUS, 1, 15);
}

static inline void guest_notifies(unsigned queue)
{
	guest_write(guest_bells + queue * guest_bell_size, 2, queue);
}

#endif
