/* SPDX-License-Identifier: MIT */
#include "tests/unit/cmocka.h"
#include "tests/unit/nvme_guest.h"
#include "tests/unit/nvme_hammer.h"

static struct nvme_guest guest;
static uint64_t seed;
static const uint8_t *bytes;
static size_t left;

/* From the bytes, as long as there are any; two are enough for most choices. */
static uint32_t random_below(uint32_t limit)
{
	size_t length = limit > 256 ? 2 : 1;

	if (left >= length) {
		uint32_t value = length == 2 ? get16(bytes) : *bytes;

		bytes += length;
		left -= length;
		return value % limit;
	}
	left = 0;
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)((seed >> 32) % limit);
}

static uint64_t odd_value(void)
{
	static const uint64_t values[] = {0, 1, 7, 64, 512, 4095, 4096, 65535, UINT32_MAX, UINT64_MAX};

	switch (random_below(4)) {
	case 0:
		return values[random_below(sizeof(values) / sizeof(*values))];
	case 1:
		return GUEST_BASE + GUEST_SIZE - random_below(3 * NVME_PAGE);
	case 2:
		return GUEST_DATA + (uint64_t)random_below(1024) * NVME_PAGE;
	default:
		return GUEST_DATA + random_below(GUEST_SIZE - 0x100000);
	}
}

/* A command that may make sense, with some of its fields replaced. */
static void odd_command(unsigned queue)
{
	static const uint8_t admin[] = {0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 0x7c, 0x80};
	static const uint8_t io[] = {0, 1, 2, 5, 8, 9, 0x20};
	uint8_t sqe[NVME_SQE];
	uint8_t opcode = queue ? io[random_below(sizeof(io))] : admin[random_below(sizeof(admin))];

	guest_blocks(&guest, sqe, opcode, random_below(9000), 1 + random_below(1100), odd_value(),
		     odd_value());
	if (!queue && random_below(2)) {
		put32(sqe + 40, (random_below(3) ? 15 : random_below(65536)) << 16 | random_below(6));
		put32(sqe + 44, random_below(6) << 16 | random_below(4));
	}
	if (random_below(3) == 0)
		sqe[1] = 1 << 6;
	for (unsigned i = random_below(3); i; i--)
		sqe[random_below(NVME_SQE)] = (uint8_t)random_below(256);
	guest_put(&guest, queue, sqe);
}

static void odd_memory(void)
{
	for (unsigned i = 0; i < 32; i++) {
		uint8_t *at = guest_at(&guest, GUEST_DATA + random_below(256) * (uint64_t)NVME_PAGE) +
			      16 * random_below(256);

		put64(at, odd_value());
		put32(at + 8, random_below(2) ? random_below(4096) : random_below(64) * 16);
		put32(at + 12, random_below(5) << 28);
	}
}

static void odd_register(void)
{
	static const uint16_t registers[] = {REG_INTMS, REG_INTMC, REG_CC, REG_AQA, REG_ASQ, REG_ACQ, 0x20};
	uint8_t value[8];

	put64(value, odd_value());
	if (random_below(8))
		guest_write(&guest, REG_DOORBELLS + 4 * random_below(12), value, 4);
	else
		guest_write(&guest, registers[random_below(7)] + random_below(5), value,
			    1U << random_below(4));
	nvme_register_read(guest.ctl, random_below(0x40), value, 1U << random_below(4));
}

void hammer_begin(void)
{
	guest_write32(&guest, REG_CC, 0);
	guest.hold = false;
	while (guest.held_count)
		guest_release(&guest, 0);
	guest_work(&guest);
	guest.remote_length = guest.hole_length = 0;
	nvme_memory_changed(guest.ctl);
	guest_enable(&guest);
	for (unsigned i = 1; i <= 3; i++)
		guest_queue(&guest, i, 8U << i);
}

/* The parts of memory change under the controller, as a client's maps do. */
static void change_memory(void)
{
	nvme_drain(guest.ctl);
	guest.remote = odd_value();
	guest.remote_length = random_below(2) ? random_below(0x100000) : 0;
	guest.hole = odd_value();
	guest.hole_length = random_below(4) ? 0 : random_below(0x10000);
	if (guest.remote + guest.remote_length < guest.remote || guest.hole + guest.hole_length < guest.hole)
		guest.remote_length = guest.hole_length = 0;
	nvme_memory_changed(guest.ctl);
}

void hammer_step(void)
{
	struct guest_completion completion;

	switch (random_below(16)) {
	case 0:
		odd_register();
		break;
	case 1:
		odd_memory();
		break;
	case 2:
		guest.hold = !guest.hold;
		break;
	case 3:
		if (!random_below(8))
			change_memory();
		break;
	case 4:
		guest.pin = !random_below(4);
		guest.mastering = random_below(4);
		break;
	case 5:
	case 6:
	case 7:
		guest_take(&guest, random_below(4), &completion);
		break;
	case 8:
		guest.fail = random_below(8) ? 0 : -5;
		if (guest.timer && random_below(2))
			guest_fire_timer(&guest);
		break;
	case 9:
		if (guest.held_count)
			guest_release(&guest, random_below(guest.held_count));
		break;
	default:
		odd_command(random_below(4));
	}
	if (random_below(3) == 0)
		guest_work(&guest);
}

void hammer_open(uint64_t first)
{
	seed = first;
	guest_start(&guest, 4);
}

void hammer_close(void)
{
	uint8_t sqe[NVME_SQE];

	guest.pin = false;
	guest.fail = 0;
	hammer_begin();
	guest_blocks(&guest, sqe, IO_READ, 0, 1, GUEST_DATA, 0);
	assert_int_equal(guest_do(&guest, 1, sqe, NULL), NVME_SUCCESS);
	guest_end(&guest);
}

void hammer_bytes(const uint8_t *data, size_t size)
{
	bytes = data;
	left = size;
	hammer_begin();
	while (left)
		hammer_step();
}
