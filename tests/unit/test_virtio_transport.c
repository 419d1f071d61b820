/* SPDX-License-Identifier: MIT */
/* How a driver reaches a virtio device, and it the driver: registers, interrupts, doorbells, the window. */
#include <stdlib.h>

#include "tests/unit/virtio_device_stage.h"

static void vectors_that_exist(void **state)
{
	(void)state;
	for (unsigned vector = 0; vector < 8; vector++) {
		unsigned read = vector <= QUEUES ? vector : VIRTIO_MSI_NO_VECTOR;

		common_write(VIRTIO_PCI_COMMON_MSIX, 2, vector);
		assert_int_equal(common_read(VIRTIO_PCI_COMMON_MSIX, 2), read);
		common_write(VIRTIO_PCI_COMMON_Q_MSIX, 2, vector);
		assert_int_equal(common_read(VIRTIO_PCI_COMMON_Q_MSIX, 2), read);
	}
}

/* Uses a chain of queue 0, which the driver wants to be told of. */
static void use_one(void)
{
	struct driver_buffer one = {GUEST_BASE + 0x20000, 16, true};
	struct iovec iov;
	lend_iova_t iova;
	struct vq_room room = {&iov, &iova, 1};
	struct vq_chain chain;
	struct vq *vq = vdevice_queue(&device, 0);

	driver_add(&driver, &one, 1, 1, 0);
	assert_int_equal(vq_pop(vq, &chain, &room), 1);
	vq_use(vq, &chain, 4);
	vdevice_flush(&device, 0);
}

static void interrupts(void **state)
{
	const uint64_t features = VDEVICE_BIT(VIRTIO_F_VERSION_1);

	(void)state;
	bring_up(features);
	use_one();
	assert_int_equal(server.signals[1], 1);
	assert_false(server.line);
	assert_int_equal(guest_read(guest_isr, 1), 0);
	/* Without a vector there is no interrupt. */
	common_write(VIRTIO_PCI_COMMON_Q_MSIX, 2, VIRTIO_MSI_NO_VECTOR);
	use_one();
	assert_false(server.line);
	/* The line, until its cause is read. */
	server.irq_mode = LEND_IRQ_INTX;
	use_one();
	assert_true(server.line);
	assert_int_equal(guest_read(guest_isr, 1), 1);
	assert_false(server.line);
	assert_int_equal(guest_read(guest_isr, 1), 0);
	/* A change of the configuration is another cause. */
	vdevice_set_config(&device, 1, "x", 1);
	use_one();
	assert_int_equal(guest_read(guest_isr, 1), 3);
	/* MSI-X is on in config space, and off for a moment at the client. */
	server.irq_mode = -1;
	server.config[0x34] = 0x50;
	server.config[0x50] = 1;
	server.config[0x51] = 0x60;
	server.config[0x60] = 0x11;
	server.config[0x63] = 0x80;
	common_write(VIRTIO_PCI_COMMON_Q_MSIX, 2, 2);
	use_one();
	assert_false(server.line);
	assert_int_equal(server.signals[2], 1);
	/* A list without an end. */
	server.config[0x60] = 5;
	server.config[0x61] = 0x50;
	use_one();
	assert_true(server.line);
}

static void the_configuration(void **state)
{
	uint32_t generation;

	(void)state;
	bring_up(all);
	common_write(VIRTIO_PCI_COMMON_MSIX, 2, 3);
	assert_int_equal(guest_read(guest_config, 4), 0x04030201);
	assert_int_equal(guest_read(guest_config + 3, 4), 0x00060504);
	assert_int_equal(guest_read(guest_config + 6, 1), 0);
	generation = common_read(VIRTIO_PCI_COMMON_CFGGENERATION, 1);
	vdevice_set_config(&device, 0, "\1\2", 2); /* nothing new */
	assert_int_equal(common_read(VIRTIO_PCI_COMMON_CFGGENERATION, 1), generation);
	assert_int_equal(server.signals[3], 0);
	vdevice_set_config(&device, 5, "\7", 1);
	assert_int_not_equal(common_read(VIRTIO_PCI_COMMON_CFGGENERATION, 1), generation);
	assert_int_equal(server.signals[3], 1);
	guest_write(guest_config, 4, 0);
	assert_int_equal(guest_read(guest_config, 4), 0x04030201);
}

static bool rang(unsigned queue)
{
	static unsigned rung;
	bool rings;

	rung |= vdevice_take_rings(&device);
	rings = rung & 1u << queue;
	rung &= ~(1u << queue);
	return rings;
}

static void doorbells(void **state)
{
	(void)state;
	bring_up(all);
	for (unsigned queue = 0; queue < QUEUES; queue++) {
		const struct lend_server_doorbell *bell = &described.regions[0].doorbells[queue];

		assert_true(rang(queue)); /* what came before the device was ready */
		guest_notifies(queue);
		assert_true(rang(queue));
		assert_int_equal(bell->offset, guest_bells + queue * guest_bell_size);
		assert_int_equal(bell->fd, device.doorbells[queue]);
		assert_int_equal(bell->length, 2);
		assert_false(bell->match);
	}
	guest_notifies(QUEUES);
	assert_false(rang(0));
	/* The right to reach memory comes, and goes. */
	server.config[4] = 0;
	assert_false(vdevice_running(&device));
	server.config[4] = 4;
	described.ops->config_written(&device, 4, 2);
	assert_true(vdevice_running(&device));
	assert_true(rang(2));
}

static void window(unsigned bar, uint32_t offset, uint32_t length)
{
	server.config[server.capability + 4] = (uint8_t)bar;
	memcpy(server.config + server.capability + 8, &offset, 4);
	memcpy(server.config + server.capability + 12, &length, 4);
}

static void the_window_in_config_space(void **state)
{
	const unsigned data = 0x80 + 16;
	uint32_t value;

	(void)state;
	server.capability = 0x80;
	window(0, guest_common + VIRTIO_PCI_COMMON_NUMQ, 2);
	described.ops->config_read(&device, data, 4);
	memcpy(&value, server.config + data, 4);
	assert_int_equal(value, QUEUES);
	window(0, guest_common + VIRTIO_PCI_COMMON_STATUS, 1);
	server.config[data] = 1;
	described.ops->config_written(&device, data, 1);
	assert_int_equal(common_read(VIRTIO_PCI_COMMON_STATUS, 1), 1);
	/* Accesses beside the data do nothing; nor do places that cannot be. */
	server.config[data] = 3;
	described.ops->config_written(&device, data - 4, 4);
	described.ops->config_written(&device, data + 4, 4);
	window(1, guest_common + VIRTIO_PCI_COMMON_STATUS, 1);
	described.ops->config_written(&device, data, 1);
	for (uint32_t length = 0; length < 9; length++) {
		window(0, 0xfffffff0, length);
		described.ops->config_written(&device, data, 4);
		described.ops->config_read(&device, data, 4);
		window(0, VDEVICE_BAR_SIZE, length);
		described.ops->config_written(&device, data, 4);
		described.ops->config_read(&device, data, 4);
	}
	assert_int_equal(common_read(VIRTIO_PCI_COMMON_STATUS, 1), 1);
}

/* Any access to the BAR, of any length, at any place. */
static void mutations(void **state)
{
	uint8_t data[64];

	(void)state;
	srand(56);
	for (unsigned i = 0; i < 200000; i++) {
		uint64_t offset = rand() % 3 ? (unsigned)rand() % 64 : (unsigned)rand() % VDEVICE_BAR_SIZE;
		unsigned length = 1u + (unsigned)rand() % 8;

		if (offset + length > VDEVICE_BAR_SIZE)
			continue;
		for (unsigned byte = 0; byte < length; byte++)
			data[byte] = (uint8_t)(rand() % 2 ? rand() : rand() % 4);
		if (rand() % 4)
			described.ops->write(&device, 0, offset, data, length);
		else
			described.ops->read(&device, 0, offset, data, length);
		for (unsigned queue = 0; queue < QUEUES; queue++) {
			struct vq *vq = vdevice_queue(&device, queue);
			struct vq_chain chain;

			if (vq && vdevice_running(&device) && vq_pop(vq, &chain, &(struct vq_room){0}) < 0 &&
			    vq->broken)
				vdevice_broken(&device, queue);
		}
	}
	assert_true(starts <= stops + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(vectors_that_exist),         CASE(interrupts), CASE(the_configuration), CASE(doorbells),
		CASE(the_window_in_config_space), CASE(mutations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
