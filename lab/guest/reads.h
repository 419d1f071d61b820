/* SPDX-License-Identifier: MIT */
/*
 * Reads at random places with N of them in flight, by the kernel's own asynchronous I/O: a
 * thread for each would measure the guest's scheduler.
 */
#ifndef LAB_GUEST_READS_H
#define LAB_GUEST_READS_H

#include <errno.h>
#include <linux/aio_abi.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { READS_DEPTH_MAX = 64 };

struct reads {
	int fd;
	uint64_t places; /* of `size` bytes on the device */
	size_t size;
	uint8_t *buffers; /* one for each read in flight, side by side */
	struct iocb blocks[READS_DEPTH_MAX];
};

static uint64_t reads_place(const struct reads *reads, unsigned long number)
{
	uint64_t z = (number + 1) * UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	return (z ^ z >> 27) % reads->places * reads->size;
}

static struct iocb *reads_next(struct reads *reads, unsigned slot, unsigned long number)
{
	struct iocb *block = &reads->blocks[slot];

	*block = (struct iocb){
		.aio_data = slot,
		.aio_lio_opcode = IOCB_CMD_PREAD,
		.aio_fildes = (uint32_t)reads->fd,
		.aio_buf = (uintptr_t)(reads->buffers + slot * reads->size),
		.aio_nbytes = reads->size,
		.aio_offset = (int64_t)reads_place(reads, number),
	};
	return block;
}

static int reads_submit(aio_context_t context, struct iocb **blocks, long count)
{
	for (long done = 0; done < count;) {
		long ret = syscall(SYS_io_submit, context, count - done,
				   blocks + done);

		if (ret <= 0)
			return ret ? -errno : -EIO;
		done += ret;
	}
	return 0;
}

/* 0 or a negative errno. */
static int reads_run(struct reads *reads, unsigned depth, unsigned long count)
{
	struct io_event events[READS_DEPTH_MAX];
	struct iocb *next[READS_DEPTH_MAX];
	unsigned long given = 0, done = 0;
	aio_context_t context = 0;
	long ready = 0;
	int ret = 0;

	if (syscall(SYS_io_setup, depth, &context))
		return -errno;
	for (; given < depth && given < count; given++)
		next[ready++] = reads_next(reads, (unsigned)given, given);
	while (!ret && done < count) {
		long got;

		ret = reads_submit(context, next, ready);
		if (ret)
			break;
		got = syscall(SYS_io_getevents, context, 1, depth, events, NULL);
		if (got < 0)
			ret = -errno;
		ready = 0;
		for (long i = 0; i < got; i++, done++) {
			if (events[i].res != (int64_t)reads->size)
				ret = events[i].res < 0 ? (int)events[i].res :
							  -EIO;
			if (given < count)
				next[ready++] = reads_next(
					reads, (unsigned)events[i].data,
					given++);
		}
	}
	syscall(SYS_io_destroy, context);
	return ret;
}

#endif
