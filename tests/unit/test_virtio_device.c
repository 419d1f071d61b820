/* SPDX-License-Identifier: MIT */
/* The life of a virtio device: features, status, queues, reset. */
#include "tests/unit/virtio_device_stage.h"

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

/* Each register of a queue that there is not reads 0, and a write to it changes no other queue. */
static void ch_7917_a_queue_that_there_is_not(void **state)
{
	static const uint16_t none[] = {QUEUES, QUEUES + 1, 0x7fff, 0x8000, 0xfffe, 0xffff};

	(void)state;
	assert_true(guest_negotiates(all));
	for (unsigned i = 0; i < sizeof(none) / sizeof(*none); i++) {
		common_write(VIRTIO_PCI_COMMON_Q_SELECT, 2, none[i]);
		for (unsigned at = VIRTIO_PCI_COMMON_Q_SIZE; at < VIRTIO_PCI_COMMON_Q_RESET + 2; at += 2) {
			common_write(at, 2, 0xffff);
			if (at != VIRTIO_PCI_COMMON_Q_MSIX)
				assert_int_equal(common_read(at, 2), 0);
		}
	}
	for (unsigned i = 0; i < QUEUES; i++) {
		common_write(VIRTIO_PCI_COMMON_Q_SELECT, 2, i);
		assert_int_equal(common_read(VIRTIO_PCI_COMMON_Q_SIZE, 2), SIZE);
		assert_int_equal(common_read(VIRTIO_PCI_COMMON_Q_ENABLE, 2), 0);
	}
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(power_on_state),
		CASE(features_are_settled),
		CASE(status_only_grows),
		CASE(queues_are_set_up),
		CASE(ch_7917_a_queue_that_there_is_not),
		CASE(a_queue_is_reset_alone),
		CASE(memory_goes),
		CASE(a_broken_queue),
		CASE(a_queue_that_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
