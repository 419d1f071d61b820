/* SPDX-License-Identifier: MIT */
/*
 * The block back end of the controller: requests go in, and come out when they are
 * done, in any order. Everything is in bytes. One thread uses a back end.
 */
#ifndef TOOL_SERVE_NVME_DISK_H
#define TOOL_SERVE_NVME_DISK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

enum nvme_disk_op {
	DISK_READ,
	DISK_WRITE,
	DISK_FLUSH,   /* what was written before is on stable storage when it is done */
	DISK_ZERO,    /* the range reads zeros; -EOPNOTSUPP: write them */
	DISK_DISCARD, /* the range is given back, and reads zeros; -EOPNOTSUPP: nothing was done */
	DISK_TIMER,   /* done after `length` ns: so one wait covers the disk and the time */
};

struct nvme_disk_request {
	enum nvme_disk_op op;
	bool durable; /* of a write: it is on stable storage when it is done */
	uint64_t offset, length;
	struct iovec *iov; /* the back end may change these two */
	unsigned iov_count;
	uint64_t done; /* bytes, for the back end alone; 0 */
	int result;    /* when it is done: 0, or a negative errno */
	struct nvme_disk_request *next;
};

struct nvme_disk_ops {
	/** Takes a request, which stays the caller's memory and must be left alone until `reap` gives it. */
	void (*submit)(void *disk, struct nvme_disk_request *request);
	/** Starts what was submitted. */
	void (*start)(void *disk);
	/** Gives one request that is done, or NULL. `wait`: waits for one; there must be one then. */
	struct nvme_disk_request *(*reap)(void *disk, bool wait);
};

struct nvme_disk {
	const struct nvme_disk_ops *ops;
	void *opaque;
	uint64_t size; /* bytes, a multiple of NVME_BLOCK */
	bool readonly;
	/**
	 * Each piece of a read or a write must start at a multiple of `alignment`, and
	 * be a multiple of `granule` long. 1: any.
	 */
	unsigned alignment, granule;
	char serial[21];  /* with its NUL */
	uint8_t uuid[16]; /* of the namespace */
};

#endif
