/* SPDX-License-Identifier: MIT */
/* A virtio device that only counts what it is told. */
#ifndef TESTS_UNIT_VIRTIO_DEVICE_STAGE_H
#define TESTS_UNIT_VIRTIO_DEVICE_STAGE_H

#include "tests/unit/cmocka.h"
#include "tests/unit/server_double.h"
#include "tests/unit/virtio_guest.h"
#include "tool/serve/virtio/device.h"

enum { QUEUES = 3, SIZE = 64, FEATURE = 7, RING = GUEST_BASE };

static struct vdevice device;
static struct lend_server_device described;
static struct driver driver;
static unsigned starts, stops, let_gos, resumes, lines;

static inline bool accepts(void *opaque, uint64_t features)
{
	(void)opaque;
	return !(features & VDEVICE_BIT(FEATURE + 1)) || features & VDEVICE_BIT(FEATURE);
}

static inline void on_start(void *opaque)
{
	(void)opaque;
	starts++;
}

static inline void on_stop(void *opaque)
{
	(void)opaque;
	stops++;
}

static inline void on_let_go(void *opaque)
{
	(void)opaque;
	let_gos++;
}

static inline void on_resume(void *opaque)
{
	(void)opaque;
	resumes++;
	/* What is half made is not kept. */
	assert_null(device.state);
}

LEND_PRINTF(1, 2) static inline void say(const char *format, ...)
{
	(void)format;
	lines++;
}

static const struct vdevice_kind kind = {"double", 0x1041,  0x020000,  accepts,
					 on_start, on_stop, on_let_go, on_resume};

static const uint64_t all = VDEVICE_BIT(FEATURE) | VDEVICE_BIT(FEATURE + 1) |
			    VDEVICE_BIT(VIRTIO_F_VERSION_1) | VDEVICE_BIT(VIRTIO_F_RING_PACKED) |
			    VDEVICE_BIT(VIRTIO_F_RING_RESET) | VDEVICE_BIT(VIRTIO_RING_F_EVENT_IDX) |
			    VDEVICE_BIT(VIRTIO_RING_F_INDIRECT_DESC);

static inline int begin(void **state)
{
	(void)state;
	memset(&server, 0, sizeof(server));
	server.irq_mode = LEND_IRQ_MSIX;
	starts = stops = let_gos = resumes = lines = 0;
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

static inline int end(void **state)
{
	(void)state;
	vdevice_end(&device);
	return 0;
}

/* A device that works, with queue 0. */
static inline void bring_up(uint64_t features)
{
	assert_true(guest_negotiates(features));
	guest_enables(0, &driver, RING, 16, features);
	guest_is_ready();
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)

#endif
