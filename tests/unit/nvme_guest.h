/* SPDX-License-Identifier: MIT */
/*
 * A guest and a disk for the NVMe controller: memory with holes and with parts that are
 * reached by messages alone, a small driver, and a disk in memory whose requests can be
 * held back, or fail.
 */
#ifndef TESTS_UNIT_NVME_GUEST_H
#define TESTS_UNIT_NVME_GUEST_H

#include "tool/serve/nvme/bytes.h"
#include "tool/serve/nvme/controller.h"
#include "tool/serve/nvme/spec.h"

enum {
	GUEST_BASE = 0x100000,
	GUEST_SIZE = 0x800000,
	GUEST_DATA = GUEST_BASE + 0x100000, /* for data; queues are below */
	GUEST_PIECE = 0x200000,             /* memory consists of maps of this size, at multiples of it */
	GUEST_QUEUES = 4,
	GUEST_DISK = 0x400000,
	GUEST_REQUESTS = 1024,
};

struct nvme_guest {
	struct nvme_controller *ctl;
	struct nvme_disk disk;
	uint8_t *memory, *blocks;
	uint64_t hole, hole_length, remote, remote_length; /* guest addresses */
	unsigned messages;                                 /* copies of remote memory */
	unsigned signals[NVME_QUEUES_MAX + 1], said;
	bool pin, line;
	bool mastering; /* Bus Master: the controller may touch guest memory */
	bool closed;    /* it cannot, now: the memory is protected */
	uint64_t time;  /* ns */
	bool alone;     /* it shares the only processor with the controller */
	void (*meanwhile)(
		void); /* what the guest does while the controller looks at the clock; NULL: nothing */
	/* The disk. */
	bool hold; /* requests wait for guest_release(), or for a wait of the controller */
	int fail;  /* what the next request that is done says, if not 0 */
	bool no_zero, no_discard;
	struct nvme_disk_request *held[GUEST_REQUESTS], *done[GUEST_REQUESTS], *timer;
	unsigned held_count, done_count;
	unsigned counts[DISK_TIMER + 1], durable, waits;
	uint64_t last_offset, last_length;
	/* The driver. */
	struct {
		unsigned entries, tail, head, phase;
	} queues[GUEST_QUEUES + 1];
	uint16_t cid;
};

struct guest_completion {
	uint32_t result;
	uint16_t sq_head, sq, cid, status; /* status: type and code alone */
	bool final;                        /* "do not retry" */
};

/** A guest whose controller has `queue_pairs`, at power-on. */
void guest_start(struct nvme_guest *guest, unsigned queue_pairs);
void guest_end(struct nvme_guest *guest);

void guest_write(struct nvme_guest *guest, uint64_t offset, const void *data, unsigned length);
void guest_write32(struct nvme_guest *guest, uint64_t offset, uint32_t value);
uint32_t guest_read32(struct nvme_guest *guest, uint64_t offset);

/** Our pointer to a guest address. */
uint8_t *guest_at(struct nvme_guest *guest, uint64_t address);

/** Sets Bus Master, and enables the controller with an admin queue of 16 entries, its queue 0. */
void guest_enable(struct nvme_guest *guest);

/** Makes a queue pair of `entries`, whose vector is its number. */
void guest_queue(struct nvme_guest *guest, unsigned id, unsigned entries);
uint64_t guest_sq(unsigned id);
uint64_t guest_cq(unsigned id);

/** An empty command with a new number. */
void guest_command(struct nvme_guest *guest, uint8_t sqe[NVME_SQE], uint8_t opcode, uint32_t nsid);
/** A command of blocks, with its data at PRP1 and PRP2. */
void guest_blocks(struct nvme_guest *guest, uint8_t sqe[NVME_SQE], uint8_t opcode, uint64_t first,
		  unsigned count, uint64_t prp1, uint64_t prp2);

/** Puts a command into queue `id`, and rings. */
void guest_put(struct nvme_guest *guest, unsigned id, const uint8_t sqe[NVME_SQE]);
void guest_work(struct nvme_guest *guest);
/** Takes a completion, and rings. False: there is none. */
bool guest_take(struct nvme_guest *guest, unsigned id, struct guest_completion *completion);
/** All of it, for one command; it must be completed at once. Returns the status; `result` may be NULL. */
unsigned guest_do(struct nvme_guest *guest, unsigned id, const uint8_t sqe[NVME_SQE], uint32_t *result);

/** Lets the `index`-th request that is held be done. */
void guest_release(struct nvme_guest *guest, unsigned index);
void guest_fire_timer(struct nvme_guest *guest);

#endif
