/* SPDX-License-Identifier: MIT */
/* What of a virtio device outlives its process: kept, taken up, refused. */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/virtio_device_stage.h"
#include "tool/serve/virtio/state.h"

static struct vstate file;

static int begin_kept(void **state)
{
	memset(&file, 0, sizeof(file));
	begin(state);
	vstate_take(&device, &file);
	assert_int_equal(lines, 0);
	return 0;
}

/* The process dies; the next one begins with what is in the file. */
static void die(void)
{
	vdevice_end(&device);
	begin(NULL);
	vstate_take(&device, &file);
}

/* The client's words when the device is back: its right to reach memory comes last. */
static void client_comes(void)
{
	server.config[4] = 4;
	described.ops->config_written(&device, 4, 2);
}

static void first_turn(void)
{
	assert_true(vdevice_begin_turn(&device));
	vdevice_end_turn(&device);
}

static void it_goes_on(void **state)
{
	struct vq *vq;

	(void)state;
	bring_up(all);
	common_write(VIRTIO_PCI_COMMON_MSIX, 2, 0);
	vdevice_keep(&device, "own", 4);
	die();
	server.config[4] = 0;
	assert_int_equal(lines, 0);
	assert_int_equal(starts, 1);
	assert_int_equal(resumes, 1);
	assert_memory_equal(device.own, "own", 4);
	assert_false(vdevice_running(&device));
	client_comes();
	assert_true(vdevice_running(&device));
	assert_int_equal(vdevice_take_rings(&device), 7);
	assert_int_equal(common_read(VIRTIO_PCI_COMMON_STATUS, 1), 15);
	assert_int_equal(device.features, all);
	assert_int_equal(common_read(VIRTIO_PCI_COMMON_Q_ENABLE, 2), 1);
	assert_int_equal(common_read(VIRTIO_PCI_COMMON_Q_SIZE, 2), 16);
	vq = vdevice_queue(&device, 0);
	assert_int_equal(vq->setup.descriptors, driver.descriptors);
	assert_int_equal(vq->setup.device, driver.device);
	assert_true(vq->setup.packed && vq->setup.event_index);
	/* One interrupt for each queue that is on, and one for changes; once. */
	assert_int_equal(server.signals[1], 0);
	first_turn();
	first_turn();
	assert_int_equal(server.signals[0], 1);
	assert_int_equal(server.signals[1], 1);
	assert_int_equal(server.signals[2], 0);
	/* And again. */
	die();
	client_comes();
	first_turn();
	assert_int_equal(resumes, 1);
	assert_int_equal(server.signals[1], 1);
}

/* The line: its cause is not kept, and is both. */
static void interrupts_by_the_line(void **state)
{
	(void)state;
	bring_up(all);
	die();
	server.irq_mode = LEND_IRQ_INTX;
	client_comes();
	first_turn();
	assert_true(server.line);
	assert_int_equal(guest_read(guest_isr, 1), 3);
	assert_false(server.line);
}

/* A driver that had not come to its end yet finds what it wrote. */
static void half_set_up(void **state)
{
	(void)state;
	assert_true(guest_negotiates(all));
	common_write(VIRTIO_PCI_COMMON_Q_SELECT, 2, 1);
	common_write(VIRTIO_PCI_COMMON_Q_SIZE, 2, 8);
	common_write(VIRTIO_PCI_COMMON_Q_DESCLO, 4, 0x110000);
	die();
	assert_int_equal(starts, 0);
	assert_int_equal(common_read(VIRTIO_PCI_COMMON_STATUS, 1), 11);
	assert_int_equal(common_read(VIRTIO_PCI_COMMON_Q_SELECT, 2), 1);
	assert_int_equal(common_read(VIRTIO_PCI_COMMON_Q_SIZE, 2), 8);
	assert_int_equal(common_read(VIRTIO_PCI_COMMON_Q_DESCLO, 4), 0x110000);
	assert_int_equal(common_read(VIRTIO_PCI_COMMON_Q_ENABLE, 2), 0);
}

static void assert_reset(void)
{
	die();
	assert_int_equal(starts, 0);
	assert_int_equal(common_read(VIRTIO_PCI_COMMON_STATUS, 1), 0);
	assert_int_equal(device.features, 0);
	assert_null(vdevice_queue(&device, 0));
}

/* Each reset of the device is kept. */
static void resets(void **state)
{
	(void)state;
	bring_up(all);
	common_write(VIRTIO_PCI_COMMON_STATUS, 1, 0);
	assert_reset();
	bring_up(all);
	described.ops->reset(&device, LEND_SERVER_ASKED);
	assert_reset();
	/* One that came while a queue was worked on. */
	bring_up(all);
	assert_true(vdevice_begin_turn(&device));
	described.ops->reset(&device, LEND_SERVER_ASKED);
	described.ops->reset(&device, LEND_SERVER_LOST);
	vdevice_end_turn(&device);
	assert_reset();
	/* A queue alone. */
	bring_up(all);
	common_write(VIRTIO_PCI_COMMON_Q_RESET, 2, 1);
	die();
	assert_int_equal(starts, 1);
	assert_null(vdevice_queue(&device, 0));
}

/* A client that is gone may come back: with the driver as it was. A new one resets the device first. */
static void the_client_goes(void **state)
{
	(void)state;
	for (unsigned in_turn = 0; in_turn < 2; in_turn++) {
		bring_up(all);
		starts = stops = resumes = 0;
		assert_true(!in_turn || vdevice_begin_turn(&device));
		server.config[4] = 0;
		described.ops->reset(&device, LEND_SERVER_LOST);
		if (in_turn)
			vdevice_end_turn(&device);
		assert_int_equal(stops, 1);
		assert_int_equal(resumes, 1);
		assert_false(vdevice_running(&device));
		server.signals[1] = 0;
		client_comes();
		first_turn();
		assert_int_equal(server.signals[1], 1);
		assert_int_equal(common_read(VIRTIO_PCI_COMMON_STATUS, 1), 15);
		described.ops->reset(&device, LEND_SERVER_LOST);
		described.ops->reset(&device, LEND_SERVER_ASKED);
		assert_int_equal(common_read(VIRTIO_PCI_COMMON_STATUS, 1), 0);
		server.config[4] = 4;
	}
}

static void a_device_that_needs_a_reset(void **state)
{
	(void)state;
	bring_up(all);
	vq_break(&device.queues[0].vq, "the test says so");
	vdevice_broken(&device, 0);
	die();
	assert_int_equal(starts, 0);
	assert_int_equal(common_read(VIRTIO_PCI_COMMON_STATUS, 1), 15 | VIRTIO_CONFIG_S_NEEDS_RESET);
}

/* While one copy of the registers is written, the other one counts. */
static void a_copy_that_is_torn(void **state)
{
	(void)state;
	bring_up(all);
	memset(&file.copies[2 - file.latest], 0xff, sizeof(file.copies[0]));
	die();
	assert_int_equal(starts, 1);
	assert_int_equal(common_read(VIRTIO_PCI_COMMON_STATUS, 1), 15);
}

static void mar(unsigned how)
{
	struct vstate_registers *latest = &file.copies[file.latest - 1];

	switch (how) {
	case 0:
		file.magic[0] ^= 1;
		break;
	case 1:
		file.layout++;
		break;
	case 2:
		file.offered ^= 1;
		break;
	case 3:
		file.queue_count++;
		break;
	case 4:
		file.queue_max++;
		break;
	case 5:
		file.identity[5]++;
		break;
	case 6:
		file.latest = 3;
		break;
	case 7:
		file.latest = 0;
		break;
	case 8:
		latest->features |= VDEVICE_BIT(63);
		break;
	case 9:
		latest->status &= (uint8_t)~VIRTIO_CONFIG_S_FEATURES_OK;
		break;
	case 10:
		latest->config_vector = QUEUES + 1;
		break;
	case 11:
		latest->queues[1].vector = 0x7fff;
		break;
	case 12:
		latest->queues[2].size = 0;
		break;
	case 13:
		latest->queues[0].size = SIZE + 1;
		break;
	default:
		latest->status = 3;
		break;
	}
}

static void what_is_refused(void **state)
{
	(void)state;
	for (unsigned how = 0; how < 15; how++) {
		bring_up(all);
		mar(how);
		assert_reset();
		assert_int_equal(lines, 1);
		/* From then on the file is this device's. */
		assert_reset();
		assert_int_equal(lines, 0);
	}
}

/* The addresses of a queue are checked where they are used, as a driver's. */
static void a_queue_that_cannot_be(void **state)
{
	(void)state;
	bring_up(all);
	file.copies[file.latest - 1].queues[0].addresses[0] = 8;
	die();
	client_comes();
	first_turn();
	assert_non_null(vdevice_queue(&device, 0)->broken);
}

static void files(void **state)
{
	int memory = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING), pipes[2];
	struct lend_error error;
	struct vstate *first, *second;
	struct stat about;

	(void)state;
	assert_int_equal(vstate_map(memory, &first, &error), 0);
	assert_int_equal(vstate_map(memory, &second, &error), 0);
	first->layout = 7;
	assert_int_equal(second->layout, 7);
	vstate_unmap(first);
	vstate_unmap(second);
	assert_int_equal(ftruncate(memory, 0), -1);
	assert_int_equal(fstat(memory, &about), 0);
	assert_int_equal(about.st_size, sizeof(struct vstate));
	close(memory);
	/* Files that are none of these. */
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(vstate_map(pipes[0], &first, &error), -EINVAL);
	assert_non_null(strstr(error.text, "memfd_create"));
	close(pipes[0]);
	close(pipes[1]);
	assert_int_equal(vstate_map(999, &first, &error), -EINVAL);
	for (unsigned i = 0; i < 2; i++) {
		memory = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		assert_int_equal(ftruncate(memory, i ? 100 : 8192), 0);
		assert_int_equal(fcntl(memory, F_ADD_SEALS, i ? F_SEAL_SHRINK : 0), 0);
		assert_int_equal(vstate_map(memory, &first, &error), -EINVAL);
		close(memory);
	}
}

#define KEPT(name) cmocka_unit_test_setup_teardown(name, begin_kept, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		KEPT(it_goes_on),
		KEPT(interrupts_by_the_line),
		KEPT(half_set_up),
		KEPT(resets),
		KEPT(the_client_goes),
		KEPT(a_device_that_needs_a_reset),
		KEPT(a_copy_that_is_torn),
		KEPT(what_is_refused),
		KEPT(a_queue_that_cannot_be),
		cmocka_unit_test(files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
