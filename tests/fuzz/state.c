/* SPDX-License-Identifier: MIT */
/*
 * For libFuzzer: the file in which a virtio device outlives its process. A driver works with the device, the
 * process dies, bytes of the file are others, and the next process takes it up: nothing of it is trusted
 * more than what a driver writes. If no byte was changed, the driver finds what it wrote.
 */
#include "tests/fuzz/input.h"
#include "tests/unit/virtio_device_stage.h"
#include "tool/serve/virtio/pieces.h"
#include "tool/serve/virtio/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOM = 16 };

static struct vstate file;

/* The registers as a driver reads them, but for the generation. */
struct view {
	uint32_t status, features, select, size, enabled, descriptors;
};

static struct view look(void)
{
	return (struct view){
		.status = common_read(VIRTIO_PCI_COMMON_STATUS, 1),
		.features = common_read(VIRTIO_PCI_COMMON_GF, 4),
		.select = common_read(VIRTIO_PCI_COMMON_Q_SELECT, 2),
		.size = common_read(VIRTIO_PCI_COMMON_Q_SIZE, 2),
		.enabled = common_read(VIRTIO_PCI_COMMON_Q_ENABLE, 2),
		.descriptors = common_read(VIRTIO_PCI_COMMON_Q_DESCLO, 4),
	};
}

static void restart(void)
{
	vdevice_end(&device);
	begin(NULL);
	vstate_take(&device, &file);
	server.config[4] = 4;
	described.ops->config_written(&device, 4, 2);
}

static void use_queues(void)
{
	struct iovec iov[ROOM];
	lend_iova_t iova[ROOM];
	const struct vq_room room = {iov, iova, ROOM};
	struct vq_chain chain;

	if (!vdevice_running(&device) || !vdevice_begin_turn(&device))
		return;
	for (unsigned i = 0; i < QUEUES; i++) {
		struct vq *vq = vdevice_queue(&device, i);

		for (unsigned j = 0; vq && j < 2 * SIZE && vq_pop(vq, &chain, &room) == 1; j++) {
			vq_use(vq, &chain, 0);
			vq_publish(vq);
		}
	}
	vdevice_end_turn(&device);
}

static void work(uint8_t how)
{
	uint64_t features = all;

	if (how & 1)
		features &= ~VDEVICE_BIT(VIRTIO_F_RING_PACKED);
	if (how & 2)
		features &= ~VDEVICE_BIT(VIRTIO_RING_F_EVENT_IDX);
	if (how & 4)
		assert_true(guest_negotiates(features));
	else
		bring_up(features);
	if (how & 8)
		vdevice_keep(&device, "own", 4);
	use_queues();
}

/* Returns how many bytes were given another value. */
static unsigned change(struct input *input)
{
	unsigned changed = 0;

	for (unsigned count = take(input) % 32; count && input->left; count--) {
		uint8_t *byte = (uint8_t *)&file + take_number(input, 2) % sizeof(file), value = take(input);

		changed += *byte != value;
		*byte = value;
	}
	return changed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	struct view before, after;
	unsigned changed;

	memset(&file, 0, sizeof(file));
	begin(NULL);
	vstate_take(&device, &file);
	work(take(&input));
	before = look();
	changed = change(&input);
	restart();
	after = look();
	if (!changed)
		assert_memory_equal(&before, &after, sizeof(before));
	use_queues();
	/* Queues as the driver may choose them. */
	for (unsigned i = 0; i < QUEUES; i++) {
		common_write(VIRTIO_PCI_COMMON_Q_SELECT, 2, i);
		assert_true(common_read(VIRTIO_PCI_COMMON_Q_SIZE, 2) <= SIZE);
	}
	common_write(VIRTIO_PCI_COMMON_STATUS, 1, 0);
	assert_int_equal(common_read(VIRTIO_PCI_COMMON_STATUS, 1), 0);
	vdevice_end(&device);
	return 0;
}
