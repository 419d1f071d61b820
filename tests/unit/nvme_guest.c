/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/nvme_guest.h"

static bool overlaps(uint64_t address, uint64_t length, uint64_t start, uint64_t size)
{
	return size && address < start + size && start < address + length;
}

static bool is_there(const struct nvme_guest *guest, uint64_t address, uint64_t length)
{
	return length && address + length > address && address >= GUEST_BASE &&
	       address + length <= GUEST_BASE + GUEST_SIZE &&
	       !overlaps(address, length, guest->hole, guest->hole_length);
}

/*
 * While the guest does not let the controller do DMA, an access of the controller's to its
 * memory is a fault of this process. The disk ends what it was given before.
 */
static bool reach(struct nvme_guest *guest, bool may)
{
	bool before = !guest->closed;

	if (may != before)
		assert_int_equal(
			mprotect(guest->memory, GUEST_SIZE, may ? PROT_READ | PROT_WRITE : PROT_NONE), 0);
	guest->closed = !may;
	return before;
}

uint8_t *guest_at(struct nvme_guest *guest, uint64_t address)
{
	return guest->memory + (address - GUEST_BASE);
}

static int memory(void *opaque, uint64_t address, uint64_t length, bool write, struct iovec *out,
		  unsigned max)
{
	struct nvme_guest *guest = opaque;
	unsigned count = 0;

	(void)write;
	assert_true(guest->mastering);
	if (!is_there(guest, address, length))
		return -EFAULT;
	if (overlaps(address, length, guest->remote, guest->remote_length))
		return -EREMOTE;
	while (length) {
		uint64_t bytes = GUEST_PIECE - address % GUEST_PIECE;

		if (bytes > length)
			bytes = length;
		if (count == max)
			return -E2BIG;
		out[count++] = (struct iovec){guest_at(guest, address), bytes};
		address += bytes;
		length -= bytes;
	}
	return (int)count;
}

static int copy(struct nvme_guest *guest, uint64_t address, uint64_t length)
{
	assert_true(guest->mastering);
	if (!is_there(guest, address, length))
		return -EFAULT;
	guest->messages += overlaps(address, length, guest->remote, guest->remote_length);
	return 0;
}

static int read_memory(void *opaque, uint64_t address, void *data, uint64_t length)
{
	int ret = copy(opaque, address, length);

	if (!ret)
		memcpy(data, guest_at(opaque, address), length);
	return ret;
}

static int write_memory(void *opaque, uint64_t address, const void *data, uint64_t length)
{
	int ret = copy(opaque, address, length);

	if (!ret)
		memcpy(guest_at(opaque, address), data, length);
	return ret;
}

static void signal_vector(void *opaque, unsigned vector)
{
	struct nvme_guest *guest = opaque;

	assert_in_range(vector, 0, NVME_QUEUES_MAX);
	guest->signals[vector] += !guest->pin;
}

static bool pin(void *opaque)
{
	return ((struct nvme_guest *)opaque)->pin;
}

static void line(void *opaque, bool up)
{
	((struct nvme_guest *)opaque)->line = up;
}

static bool mastering(void *opaque)
{
	return ((struct nvme_guest *)opaque)->mastering;
}

/* Each look at the clock takes 1 us, and lets the guest go on. */
static uint64_t now(void *opaque)
{
	struct nvme_guest *guest = opaque;

	guest->time += 1000;
	if (guest->meanwhile)
		guest->meanwhile();
	return guest->time;
}

static uint64_t patience(void *opaque)
{
	return ((struct nvme_guest *)opaque)->alone ? 0 : 100000;
}

static void say(void *opaque, const char *text)
{
	(void)text;
	((struct nvme_guest *)opaque)->said++;
}

static const struct nvme_host_ops host_ops = {memory, read_memory, write_memory, signal_vector, pin,
					      line,   mastering,   now,          patience,      say};

static void move(struct nvme_guest *guest, struct nvme_disk_request *request)
{
	uint64_t at = request->offset;
	bool before = reach(guest, true);

	for (unsigned i = 0; i < request->iov_count; i++) {
		size_t length = request->iov[i].iov_len;

		assert_true(at + length <= GUEST_DISK);
		assert_int_equal((uintptr_t)request->iov[i].iov_base % guest->disk.alignment, 0);
		assert_int_equal(length % guest->disk.granule, 0);
		if (request->op == DISK_WRITE)
			memcpy(guest->blocks + at, request->iov[i].iov_base, length);
		else
			memcpy(request->iov[i].iov_base, guest->blocks + at, length);
		at += length;
	}
	assert_int_equal(at, request->offset + request->length);
	reach(guest, before);
}

static int carry_out(struct nvme_guest *guest, struct nvme_disk_request *request)
{
	int fail = guest->fail;

	guest->counts[request->op]++;
	guest->durable += request->durable;
	guest->last_offset = request->offset;
	guest->last_length = request->length;
	guest->fail = 0;
	if (fail)
		return fail;
	switch (request->op) {
	case DISK_READ:
	case DISK_WRITE:
		move(guest, request);
		break;
	case DISK_ZERO:
	case DISK_DISCARD:
		if (request->op == DISK_ZERO ? guest->no_zero : guest->no_discard)
			return -EOPNOTSUPP;
		assert_true(request->offset + request->length <= GUEST_DISK);
		memset(guest->blocks + request->offset, 0, request->length);
		break;
	default:
		break;
	}
	return 0;
}

void guest_release(struct nvme_guest *guest, unsigned index)
{
	struct nvme_disk_request *request = guest->held[index];

	assert_in_range(index, 0, guest->held_count - 1);
	guest->held_count--;
	memmove(guest->held + index, guest->held + index + 1,
		(guest->held_count - index) * sizeof(*guest->held));
	request->result = carry_out(guest, request);
	guest->done[guest->done_count++] = request;
}

void guest_fire_timer(struct nvme_guest *guest)
{
	assert_non_null(guest->timer);
	guest->counts[DISK_TIMER]++;
	guest->done[guest->done_count++] = guest->timer;
	guest->timer = NULL;
}

static void disk_submit(void *opaque, struct nvme_disk_request *request)
{
	struct nvme_guest *guest = opaque;

	if (request->op == DISK_TIMER) {
		assert_null(guest->timer);
		guest->timer = request;
		return;
	}
	assert_in_range(guest->held_count, 0, GUEST_REQUESTS - 1);
	guest->held[guest->held_count++] = request;
}

static void disk_start(void *opaque)
{
	struct nvme_guest *guest = opaque;

	while (!guest->hold && guest->held_count)
		guest_release(guest, 0);
}

static struct nvme_disk_request *disk_reap(void *opaque, bool wait)
{
	struct nvme_guest *guest = opaque;
	struct nvme_disk_request *request;

	if (!guest->done_count && wait) {
		guest->waits++;
		guest_release(guest, 0);
	}
	if (!guest->done_count)
		return NULL;
	request = guest->done[0];
	memmove(guest->done, guest->done + 1, --guest->done_count * sizeof(*guest->done));
	return request;
}

static const struct nvme_disk_ops disk_ops = {disk_submit, disk_start, disk_reap};

void guest_start(struct nvme_guest *guest, unsigned queue_pairs)
{
	memset(guest, 0, sizeof(*guest));
	guest->memory = aligned_alloc(NVME_PAGE, GUEST_SIZE);
	guest->blocks = malloc(GUEST_DISK);
	assert_non_null(guest->memory);
	assert_non_null(guest->blocks);
	memset(guest->memory, 0, GUEST_SIZE);
	for (unsigned i = 0; i < GUEST_DISK; i++)
		guest->blocks[i] = (uint8_t)(i * 7 + (i >> 9));
	guest->disk = (struct nvme_disk){.ops = &disk_ops,
					 .opaque = guest,
					 .size = GUEST_DISK,
					 .alignment = 1,
					 .granule = 1,
					 .serial = "serial"};
	guest->ctl = nvme_new(&guest->disk, &host_ops, guest, queue_pairs);
	assert_non_null(guest->ctl);
}

void guest_end(struct nvme_guest *guest)
{
	nvme_free(guest->ctl);
	free(guest->memory);
	free(guest->blocks);
}

void guest_write(struct nvme_guest *guest, uint64_t offset, const void *data, unsigned length)
{
	reach(guest, guest->mastering);
	nvme_register_write(guest->ctl, offset, data, length);
	reach(guest, true);
}

void guest_write32(struct nvme_guest *guest, uint64_t offset, uint32_t value)
{
	uint8_t bytes[4];

	put32(bytes, value);
	guest_write(guest, offset, bytes, sizeof(bytes));
}

uint32_t guest_read32(struct nvme_guest *guest, uint64_t offset)
{
	uint8_t bytes[4];

	nvme_register_read(guest->ctl, offset, bytes, sizeof(bytes));
	return get32(bytes);
}

uint64_t guest_sq(unsigned id)
{
	return GUEST_BASE + id * 0x10000;
}

uint64_t guest_cq(unsigned id)
{
	return guest_sq(id) + 0x8000;
}

static void begin_queue(struct nvme_guest *guest, unsigned id, unsigned entries)
{
	guest->queues[id].entries = entries;
	guest->queues[id].tail = guest->queues[id].head = 0;
	guest->queues[id].phase = 1;
	memset(guest_at(guest, guest_cq(id)), 0, entries * NVME_CQE);
}

void guest_enable(struct nvme_guest *guest)
{
	guest->mastering = true;
	begin_queue(guest, 0, 16);
	guest_write32(guest, REG_AQA, 15 << 16 | 15);
	guest_write32(guest, REG_ASQ, (uint32_t)guest_sq(0));
	guest_write32(guest, REG_ASQ + 4, 0);
	guest_write32(guest, REG_ACQ, (uint32_t)guest_cq(0));
	guest_write32(guest, REG_ACQ + 4, 0);
	guest_write32(guest, REG_CC, CC_EN | 6 << 16 | 4 << 20);
	assert_int_equal(guest_read32(guest, REG_CSTS), CSTS_RDY);
}

void guest_command(struct nvme_guest *guest, uint8_t sqe[NVME_SQE], uint8_t opcode, uint32_t nsid)
{
	memset(sqe, 0, NVME_SQE);
	sqe[0] = opcode;
	put16(sqe + 2, guest->cid++);
	put32(sqe + 4, nsid);
}

void guest_blocks(struct nvme_guest *guest, uint8_t sqe[NVME_SQE], uint8_t opcode, uint64_t first,
		  unsigned count, uint64_t prp1, uint64_t prp2)
{
	guest_command(guest, sqe, opcode, 1);
	put64(sqe + 24, prp1);
	put64(sqe + 32, prp2);
	put64(sqe + 40, first);
	put32(sqe + 48, count - 1);
}

void guest_queue(struct nvme_guest *guest, unsigned id, unsigned entries)
{
	uint8_t sqe[NVME_SQE];

	begin_queue(guest, id, entries);
	guest_command(guest, sqe, ADMIN_CREATE_CQ, 0);
	put64(sqe + 24, guest_cq(id));
	put32(sqe + 40, (entries - 1) << 16 | id);
	put32(sqe + 44, id << 16 | 3);
	assert_int_equal(guest_do(guest, 0, sqe, NULL), NVME_SUCCESS);
	guest_command(guest, sqe, ADMIN_CREATE_SQ, 0);
	put64(sqe + 24, guest_sq(id));
	put32(sqe + 40, (entries - 1) << 16 | id);
	put32(sqe + 44, id << 16 | 1);
	assert_int_equal(guest_do(guest, 0, sqe, NULL), NVME_SUCCESS);
}

void guest_put(struct nvme_guest *guest, unsigned id, const uint8_t sqe[NVME_SQE])
{
	unsigned *tail = &guest->queues[id].tail;

	memcpy(guest_at(guest, guest_sq(id) + *tail * NVME_SQE), sqe, NVME_SQE);
	*tail = (*tail + 1) % guest->queues[id].entries;
	guest_write32(guest, REG_DOORBELLS + 8 * id, *tail);
}

void guest_work(struct nvme_guest *guest)
{
	reach(guest, guest->mastering);
	for (unsigned i = 0; nvme_work(guest->ctl) || guest->done_count; i++)
		assert_in_range(i, 0, 1000);
	reach(guest, true);
}

bool guest_take(struct nvme_guest *guest, unsigned id, struct guest_completion *completion)
{
	unsigned *head = &guest->queues[id].head;
	const uint8_t *entry = guest_at(guest, guest_cq(id) + *head * NVME_CQE);
	uint16_t status = get16(entry + 14);

	if ((status & 1) != guest->queues[id].phase)
		return false;
	*completion = (struct guest_completion){get32(entry),      get16(entry + 8),    get16(entry + 10),
						get16(entry + 12), status >> 1 & 0x7ff, status >> 15};
	*head = (*head + 1) % guest->queues[id].entries;
	guest->queues[id].phase ^= *head ? 0 : 1;
	guest_write32(guest, REG_DOORBELLS + 8 * id + 4, *head);
	return true;
}

unsigned guest_do(struct nvme_guest *guest, unsigned id, const uint8_t sqe[NVME_SQE], uint32_t *result)
{
	struct guest_completion completion;

	guest_put(guest, id, sqe);
	guest_work(guest);
	assert_true(guest_take(guest, id, &completion));
	assert_int_equal(completion.cid, get16(sqe + 2));
	assert_int_equal(completion.sq, id);
	if (result)
		*result = completion.result;
	return completion.status;
}
