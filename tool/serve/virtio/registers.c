/* SPDX-License-Identifier: MIT */
/*
 * The common structure (virtio 1.2, 4.1.4.3): a table of registers. A driver accesses a
 * register whole, and a 64-bit address by its halves. Other reads get the bytes that
 * are there; a write reaches the registers that it covers whole.
 */
#include <string.h>

#include "tool/serve/virtio/transport.h"

struct reg {
	uint8_t offset, length;
	uint32_t (*get)(const struct vdevice *device);
	void (*set)(struct vdevice *device, uint32_t value);
};

static uint32_t get_offered_select(const struct vdevice *device)
{
	return device->offered_select;
}

static void set_offered_select(struct vdevice *device, uint32_t value)
{
	device->offered_select = value;
}

static uint32_t get_offered(const struct vdevice *device)
{
	return device->offered_select < 2 ? (uint32_t)(device->offered >> 32 * device->offered_select) : 0;
}

static uint32_t get_features_select(const struct vdevice *device)
{
	return device->features_select;
}

static void set_features_select(struct vdevice *device, uint32_t value)
{
	device->features_select = value;
}

static uint32_t get_features(const struct vdevice *device)
{
	return device->features_select < 2 ? (uint32_t)(device->features >> 32 * device->features_select) : 0;
}

static void set_features(struct vdevice *device, uint32_t value)
{
	const unsigned shift = device->features_select ? 32 : 0;

	/* What was agreed on stays. */
	if (device->features_select > 1 || device->status & VIRTIO_CONFIG_S_FEATURES_OK)
		return;
	device->features &= ~((uint64_t)UINT32_MAX << shift);
	device->features |= (uint64_t)value << shift;
}

/* A vector that does not exist reads as none (4.1.5.1.2). */
static uint16_t vector_of(const struct vdevice *device, uint32_t value)
{
	return value < device->pci.msix ? (uint16_t)value : VIRTIO_MSI_NO_VECTOR;
}

static uint32_t get_config_vector(const struct vdevice *device)
{
	return device->config_vector;
}

static void set_config_vector(struct vdevice *device, uint32_t value)
{
	device->config_vector = vector_of(device, value);
}

static uint32_t get_queue_count(const struct vdevice *device)
{
	return device->queue_count;
}

static uint32_t get_status(const struct vdevice *device)
{
	return device->status;
}

static void set_status(struct vdevice *device, uint32_t value)
{
	vtransport_set_status(device, (uint8_t)value);
}

static uint32_t get_generation(const struct vdevice *device)
{
	return device->generation;
}

static uint32_t get_queue_select(const struct vdevice *device)
{
	return device->queue_select;
}

static void set_queue_select(struct vdevice *device, uint32_t value)
{
	device->queue_select = (uint16_t)value;
}

static bool selected(const struct vdevice *device)
{
	return device->queue_select < device->queue_count;
}

/* Whether the selected queue exists and can be changed. */
static bool settable(const struct vdevice *device)
{
	return selected(device) && !device->queues[device->queue_select].enabled;
}

static uint32_t get_size(const struct vdevice *device)
{
	return selected(device) ? device->queues[device->queue_select].size : 0;
}

static void set_size(struct vdevice *device, uint32_t value)
{
	if (settable(device) && value && value <= device->queue_max)
		device->queues[device->queue_select].size = (uint16_t)value;
}

static uint32_t get_vector(const struct vdevice *device)
{
	return selected(device) ? device->queues[device->queue_select].vector : VIRTIO_MSI_NO_VECTOR;
}

static void set_vector(struct vdevice *device, uint32_t value)
{
	if (selected(device))
		device->queues[device->queue_select].vector = vector_of(device, value);
}

static uint32_t get_enable(const struct vdevice *device)
{
	return selected(device) && device->queues[device->queue_select].enabled;
}

static void set_enable(struct vdevice *device, uint32_t value)
{
	if (settable(device) && value == 1)
		vtransport_enable_queue(device, device->queue_select);
}

static uint32_t get_bell(const struct vdevice *device)
{
	return selected(device) ? device->queue_select : 0;
}

/* The half `half` of address `which` of the selected queue. */
static uint32_t get_half(const struct vdevice *device, unsigned which, unsigned half)
{
	return selected(device)
		       ? (uint32_t)(device->queues[device->queue_select].addresses[which] >> 32 * half)
		       : 0;
}

static void set_half(struct vdevice *device, unsigned which, unsigned half, uint32_t value)
{
	lend_iova_t *address;

	if (!settable(device))
		return;
	address = &device->queues[device->queue_select].addresses[which];
	*address &= ~((uint64_t)UINT32_MAX << 32 * half);
	*address |= (uint64_t)value << 32 * half;
}

#define HALF(which, half)                                                                                    \
	static uint32_t get_address_##which##half(const struct vdevice *device)                              \
	{                                                                                                    \
		return get_half(device, which, half);                                                        \
	}                                                                                                    \
	static void set_address_##which##half(struct vdevice *device, uint32_t value)                        \
	{                                                                                                    \
		set_half(device, which, half, value);                                                        \
	}
HALF(0, 0)
HALF(0, 1)
HALF(1, 0)
HALF(1, 1)
HALF(2, 0)
HALF(2, 1)

static uint32_t get_zero(const struct vdevice *device)
{
	(void)device;
	return 0;
}

static uint32_t get_queue_reset(const struct vdevice *device)
{
	return selected(device) && device->queue_resets_wait & 1u << device->queue_select;
}

static void set_queue_reset(struct vdevice *device, uint32_t value)
{
	if (selected(device) && value == 1 && device->features & VDEVICE_BIT(VIRTIO_F_RING_RESET))
		vtransport_reset_queue(device, device->queue_select);
}

static const struct reg regs[] = {
	{VIRTIO_PCI_COMMON_DFSELECT, 4, get_offered_select, set_offered_select},
	{VIRTIO_PCI_COMMON_DF, 4, get_offered, NULL},
	{VIRTIO_PCI_COMMON_GFSELECT, 4, get_features_select, set_features_select},
	{VIRTIO_PCI_COMMON_GF, 4, get_features, set_features},
	{VIRTIO_PCI_COMMON_MSIX, 2, get_config_vector, set_config_vector},
	{VIRTIO_PCI_COMMON_NUMQ, 2, get_queue_count, NULL},
	{VIRTIO_PCI_COMMON_STATUS, 1, get_status, set_status},
	{VIRTIO_PCI_COMMON_CFGGENERATION, 1, get_generation, NULL},
	{VIRTIO_PCI_COMMON_Q_SELECT, 2, get_queue_select, set_queue_select},
	{VIRTIO_PCI_COMMON_Q_SIZE, 2, get_size, set_size},
	{VIRTIO_PCI_COMMON_Q_MSIX, 2, get_vector, set_vector},
	{VIRTIO_PCI_COMMON_Q_ENABLE, 2, get_enable, set_enable},
	{VIRTIO_PCI_COMMON_Q_NOFF, 2, get_bell, NULL},
	{VIRTIO_PCI_COMMON_Q_DESCLO, 4, get_address_00, set_address_00},
	{VIRTIO_PCI_COMMON_Q_DESCHI, 4, get_address_01, set_address_01},
	{VIRTIO_PCI_COMMON_Q_AVAILLO, 4, get_address_10, set_address_10},
	{VIRTIO_PCI_COMMON_Q_AVAILHI, 4, get_address_11, set_address_11},
	{VIRTIO_PCI_COMMON_Q_USEDLO, 4, get_address_20, set_address_20},
	{VIRTIO_PCI_COMMON_Q_USEDHI, 4, get_address_21, set_address_21},
	{VIRTIO_PCI_COMMON_Q_NDATA, 2, get_zero, NULL},
	{VIRTIO_PCI_COMMON_Q_RESET, 2, get_queue_reset, set_queue_reset},
};

void vtransport_common_read(struct vdevice *device, uint64_t offset, uint8_t *data, unsigned length)
{
	for (size_t i = 0; i < sizeof(regs) / sizeof(regs[0]); i++) {
		const struct reg *reg = &regs[i];

		if (reg->offset + reg->length <= offset || reg->offset >= offset + length)
			continue;
		for (unsigned byte = 0; byte < reg->length; byte++)
			if (reg->offset + byte >= offset && reg->offset + byte < offset + length)
				data[reg->offset + byte - offset] = (uint8_t)(reg->get(device) >> 8 * byte);
	}
}

void vtransport_common_write(struct vdevice *device, uint64_t offset, const uint8_t *data, unsigned length)
{
	for (size_t i = 0; i < sizeof(regs) / sizeof(regs[0]); i++) {
		const struct reg *reg = &regs[i];
		uint32_t value = 0;

		if (!reg->set || reg->offset < offset || reg->offset + reg->length > offset + length)
			continue;
		for (unsigned byte = 0; byte < reg->length; byte++)
			value |= (uint32_t)data[reg->offset - offset + byte] << 8 * byte;
		reg->set(device, value);
	}
}
