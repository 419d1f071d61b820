/* SPDX-License-Identifier: MIT */
/* The registers of a virtio device, as a driver and as a hostile guest use them. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/server_double.h"
#include "tests/unit/virtio_guest.h"
#include "tool/serve/virtio/device.h"

enum { QUEUES = 3, SIZE = 64, FEATURE = 7, RING = GUEST_BASE };

static struct vdevice device;
static struct lend_server_device described;
static struct driver driver;
static unsigned starts, stops, let_gos, lines;

static bool accepts(void *opaque, uint64_t features)
{
	(void)opaque;
	return !(features & VDEVICE_BIT(FEATURE + 1)) || features & VDEVICE_BIT(FEATURE);
}

static void on_start(void *opaque)
{
	(void)opaque;
	starts++;
}

static void on_stop(void *opaque)
{
	(void)opaque;
	stops++;
}

static void on_let_go(void *opaque)
{
	(void)opaque;
	let_gos++;
}

LEND_PRINTF(1, 2) static void say(const char *format, ...)
{
	(void)format;
	lines++;
}

static const struct vdevice_kind kind = {
	.name = "double",
	.device = 0x1041,
	.class_code = 0x020000,
	.accepts = accepts,
	.start = on_start,
	.stop = on_stop,
	.let_go = on_let_go,
};

static const uint64_t all = VDEVICE_BIT(FEATURE) | VDEVICE_BIT(FEATURE + 1) |
			    VDEVICE_BIT(VIRTIO_F_VERSION_1) | VDEVICE_BIT(VIRTIO_F_RING_PACKED) |
			    VDEVICE_BIT(VIRTIO_F_RING_RESET) | VDEVICE_BIT(VIRTIO_RING_F_EVENT_IDX) |
			    VDEVICE_BIT(VIRTIO_RING_F_INDIRECT_DESC);

static int begin(void **state)
{
	(void)state;
	memset(&server, 0, sizeof(server));
	server.irq_mode = LEND_IRQ_MSIX;
	starts = stops = let_gos = lines = 0;
	device = (struct vdevice){.kind = &kind,
				  .say = say,
				  .offered = all,
				  .queue_count = QUEUES,
				  .queue_max = SIZE,
				  .config = {1, 2, 3, 4, 5, 6},
				  .config_length = 6};
	assert_int_equal(vdevice_describe(&device, &described), 0);
	device.server = (struct lend_server *)&server;
	guest_meets(&described);
	return 0;
}

static int end(void **state)
{
	(void)state;
	vdevice_end(&device);
	return 0;
}

/* A device that works, with queue 0. */
static void bring_up(uint64_t features)
{
	assert_true(guest_negotiates(features));
	guest_enables(0, &driver, RING, 16, features);
	guest_is_ready();
}

static void power_on_state(void **state)
{
	(void)state;
	assert_int_equal(guest_offered(), all);
	assert_int_equal(common_read(VIRTIO_PCI_COMMON_STATUS, 1), 0);
	assert_int_equal(common_read(VIRTIO_PCI_COMMON_NUMQ, 2), QUEUES);
	assert_int_equal(common_read(VIRTIO_PCI_COMMON_MSIX, 2), VIRTIO_MSI_NO_VECTOR);
	for (unsigned queue = 0; queue < QUEUES + 1; queue++) {
		common_write(VIRTIO_PCI_COMMON_Q_SELECT, 2, queue);
		assert_int_equal(common_read(VIRTIO_PCI_COMMON_Q_SIZE, 2), queue < QUEUES ? SIZE : 0);
		assert_int_equal(common_read(VIRTIO_PCI_COMMON_Q_ENABLE, 2), 0);
		assert_int_equal(common_read(VIRTIO_PCI_COMMON_Q_MSIX, 2), VIRTIO_MSI_NO_VECTOR);
		assert_int_equal(common_read(VIRTIO_PCI_COMMON_Q_NOFF, 2), queue < QUEUES ? queue : 0);
	}
	common_write(VIRTIO_PCI_COMMON_DFSELECT, 4, 2);
	assert_int_equal(common_read(VIRTIO_PCI_COMMON_DF, 4), 0);
	assert_int_equal(described.config->msix, QUEUES + 1);
}

static void features_are_settled(void **state)
{
	const struct {
		uint64_t features;
		bool taken;
	} sets[] = {
		{all, true},
		{VDEVICE_BIT(VIRTIO_F_VERSION_1), true},
		{0, false}, /* there is no legacy interface */
		{all & ~VDEVICE_BIT(VIRTIO_F_VERSION_1), false},
		{VDEVICE_BIT(VIRTIO_F_VERSION_1) | VDEVICE_BIT(FEATURE + 1),
		 false},                       /* it needs another one */
		{all | VDEVICE_BIT(3), false}, /* was not offered */
		{all | VDEVICE_BIT(63), false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		assert_int_equal(guest_negotiates(sets[i].features), sets[i].taken);
		guest_is_ready();
		assert_int_equal(vdevice_running(&device), sets[i].taken);
	}
	common_write(VIRTIO_PCI_COMMON_GFSELECT, 4, 1);
	assert_int_equal(common_read(VIRTIO_PCI_COMMON_GFSELECT, 4), 1);
	/* What is settled does not change. */
	assert_true(guest_negotiates(all));
	common_write(VIRTIO_PCI_COMMON_GFSELECT, 4, 0);
	common_write(VIRTIO_PCI_COMMON_GF, 4, 0);
	assert_int_equal(common_read(VIRTIO_PCI_COMMON_GF, 4), (uint32_t)all);
}

static void status_only_grows(void **state)
{
	(void)state;
	bring_up(all);
	assert_int_equal(starts, 1);
	common_write(VIRTIO_PCI_COMMON_STATUS, 1, 1);
	assert_int_equal(common_read(VIRTIO_PCI_COMMON_STATUS, 1), 15);
	common_write(VIRTIO_PCI_COMMON_STATUS, 1, 15 | VIRTIO_CONFIG_S_NEEDS_RESET);
	assert_int_equal(common_read(VIRTIO_PCI_COMMON_STATUS, 1), 15);
	assert_int_equal(starts, 1);
	common_write(VIRTIO_PCI_COMMON_STATUS, 1, 0);
	assert_int_equal(common_read(VIRTIO_PCI_COMMON_STATUS, 1), 0);
	assert_int_equal(stops, 1);
	assert_int_equal(device.features, 0);
	power_on_state(state);
}

static void queues_are_set_up(void **state)
{
	struct vq *vq;

	(void)state;
	assert_true(guest_negotiates(all));
	assert_null(vdevice_queue(&device, 1));
	guest_enables(1, &driver, RING, 16, all);
	vq = vdevice_queue(&device, 1);
	assert_non_null(vq);
	assert_int_equal(vq->setup.size, 16);
	assert_int_equal(vq->setup.descriptors, driver.descriptors);
	assert_int_equal(vq->setup.driver, driver.driver);
	assert_int_equal(vq->setup.device, driver.device);
	assert_true(vq->setup.packed && vq->setup.event_index && vq->setup.indirect);
	/* A queue that is on does not change. */
	common_write(VIRTIO_PCI_COMMON_Q_SIZE, 2, 32);
	common_write(VIRTIO_PCI_COMMON_Q_DESCLO, 4, 0);
	common_write(VIRTIO_PCI_COMMON_Q_ENABLE, 2, 0);
	assert_int_equal(common_read(VIRTIO_PCI_COMMON_Q_SIZE, 2), 16);
	assert_int_equal(common_read(VIRTIO_PCI_COMMON_Q_DESCLO, 4), driver.descriptors);
	assert_int_equal(common_read(VIRTIO_PCI_COMMON_Q_ENABLE, 2), 1);
	/* Sizes that a queue cannot have are not taken. */
	common_write(VIRTIO_PCI_COMMON_Q_SELECT, 2, 2);
	common_write(VIRTIO_PCI_COMMON_Q_SIZE, 2, SIZE + 1);
	assert_int_equal(common_read(VIRTIO_PCI_COMMON_Q_SIZE, 2), SIZE);
	common_write(VIRTIO_PCI_COMMON_Q_SIZE, 2, 0);
	assert_int_equal(common_read(VIRTIO_PCI_COMMON_Q_SIZE, 2), SIZE);
	/* A 64-bit address in one access. */
	guest_device->ops->write(guest_device->dev, 0, guest_common + VIRTIO_PCI_COMMON_Q_DESCLO,
				 "\1\2\3\4\5\6\7\10", 8);
	assert_int_equal(common_read(VIRTIO_PCI_COMMON_Q_DESCHI, 4), 0x08070605);
	/* The halves of each address are apart, and read back. */
	for (unsigned at = VIRTIO_PCI_COMMON_Q_DESCLO; at <= VIRTIO_PCI_COMMON_Q_USEDHI; at += 4)
		common_write(at, 4, 0xa5000001u * at);
	for (unsigned at = VIRTIO_PCI_COMMON_Q_DESCLO; at <= VIRTIO_PCI_COMMON_Q_USEDHI; at += 4)
		assert_int_equal(common_read(at, 4), 0xa5000001u * at);
	/* A queue that does not exist. */
	common_write(VIRTIO_PCI_COMMON_Q_SELECT, 2, 0xffff);
	common_write(VIRTIO_PCI_COMMON_Q_SIZE, 2, 8);
	common_write(VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
	common_write(VIRTIO_PCI_COMMON_Q_RESET, 2, 1);
	assert_int_equal(common_read(VIRTIO_PCI_COMMON_Q_ENABLE, 2), 0);
}

static void a_queue_is_reset_alone(void **state)
{
	(void)state;
	bring_up(all);
	common_write(VIRTIO_PCI_COMMON_Q_SELECT, 2, 0);
	common_write(VIRTIO_PCI_COMMON_Q_RESET, 2, 1);
	assert_int_equal(let_gos, 1);
	assert_int_equal(common_read(VIRTIO_PCI_COMMON_Q_RESET, 2), 0);
	assert_int_equal(common_read(VIRTIO_PCI_COMMON_Q_ENABLE, 2), 0);
	assert_int_equal(common_read(VIRTIO_PCI_COMMON_Q_SIZE, 2), SIZE);
	assert_int_equal(common_read(VIRTIO_PCI_COMMON_STATUS, 1), 15);
	guest_enables(0, &driver, RING, 32, all);
	assert_int_equal(vdevice_queue(&device, 0)->setup.size, 32);
	/* Not negotiated: nothing happens. */
	bring_up(all & ~VDEVICE_BIT(VIRTIO_F_RING_RESET));
	common_write(VIRTIO_PCI_COMMON_Q_RESET, 2, 1);
	assert_int_equal(common_read(VIRTIO_PCI_COMMON_Q_ENABLE, 2), 1);
}

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

static void memory_goes(void **state)
{
	(void)state;
	described.ops->unmap(&device, GUEST_BASE, 0x1000);
	assert_int_equal(let_gos, 0);
	bring_up(all);
	described.ops->unmap(&device, GUEST_BASE, 0x1000);
	assert_int_equal(let_gos, 1);
}

/* A broken queue: one line and one interrupt for each client, and nothing works until a reset. */
static void a_broken_queue(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		bring_up(VDEVICE_BIT(VIRTIO_F_VERSION_1));
		common_write(VIRTIO_PCI_COMMON_MSIX, 2, 3);
		vq_break(vdevice_queue(&device, 0), "it is a test");
		vdevice_broken(&device, 0);
		assert_int_equal(common_read(VIRTIO_PCI_COMMON_STATUS, 1), 15 | VIRTIO_CONFIG_S_NEEDS_RESET);
		assert_int_equal(server.signals[3], i + 1);
		assert_int_equal(lines, 1);
		assert_int_equal(stops, i + 1);
		assert_false(vdevice_running(&device));
	}
	described.ops->reset(&device, LEND_SERVER_LOST);
	bring_up(VDEVICE_BIT(VIRTIO_F_VERSION_1));
	assert_true(vdevice_running(&device));
	vq_break(vdevice_queue(&device, 0), "it is a test");
	vdevice_broken(&device, 0);
	assert_int_equal(lines, 2);
	/* A client that goes while a queue is worked on has gone, too. */
	described.ops->reset(&device, LEND_SERVER_LOST);
	bring_up(VDEVICE_BIT(VIRTIO_F_VERSION_1));
	vq_break(vdevice_queue(&device, 0), "it is a test");
	vdevice_broken(&device, 0);
	assert_int_equal(lines, 3);
	bring_up(VDEVICE_BIT(VIRTIO_F_VERSION_1));
	assert_true(vdevice_begin_turn(&device));
	described.ops->reset(&device, LEND_SERVER_LOST);
	vdevice_end_turn(&device);
	bring_up(VDEVICE_BIT(VIRTIO_F_VERSION_1));
	vq_break(vdevice_queue(&device, 0), "it is a test");
	vdevice_broken(&device, 0);
	assert_int_equal(lines, 4);
	/* Clients that come again and again fill no log. */
	for (unsigned i = 0; i < 100; i++) {
		described.ops->reset(&device, LEND_SERVER_LOST);
		bring_up(VDEVICE_BIT(VIRTIO_F_VERSION_1));
		vq_break(vdevice_queue(&device, 0), "it is a test");
		vdevice_broken(&device, 0);
	}
	assert_int_equal(lines, VDEVICE_LINES);
}

/* A queue that cannot be is found out when it is used. */
static void a_queue_that_cannot_be(void **state)
{
	struct vq_chain chain;

	(void)state;
	assert_true(guest_negotiates(VDEVICE_BIT(VIRTIO_F_VERSION_1)));
	guest_enables(0, &driver, RING + 8, 16, 0);
	guest_is_ready();
	assert_int_equal(vq_pop(vdevice_queue(&device, 0), &chain, &(struct vq_room){0}), -EPROTO);
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
		cmocka_unit_test_setup_teardown(power_on_state, begin, end),
		cmocka_unit_test_setup_teardown(features_are_settled, begin, end),
		cmocka_unit_test_setup_teardown(status_only_grows, begin, end),
		cmocka_unit_test_setup_teardown(queues_are_set_up, begin, end),
		cmocka_unit_test_setup_teardown(a_queue_is_reset_alone, begin, end),
		cmocka_unit_test_setup_teardown(vectors_that_exist, begin, end),
		cmocka_unit_test_setup_teardown(interrupts, begin, end),
		cmocka_unit_test_setup_teardown(the_configuration, begin, end),
		cmocka_unit_test_setup_teardown(doorbells, begin, end),
		cmocka_unit_test_setup_teardown(memory_goes, begin, end),
		cmocka_unit_test_setup_teardown(a_broken_queue, begin, end),
		cmocka_unit_test_setup_teardown(a_queue_that_cannot_be, begin, end),
		cmocka_unit_test_setup_teardown(the_window_in_config_space, begin, end),
		cmocka_unit_test_setup_teardown(mutations, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
