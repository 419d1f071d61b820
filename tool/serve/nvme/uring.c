/* SPDX-License-Identifier: MIT */
/* The block back end over io_uring: one ring, one file, one thread. */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <time.h>

#include "tool/serve/nvme/image.h"

enum { CALLS = 16 };
enum { ENTRIES = 256, COMPLETIONS = 2048 }; /* more than there are commands: no completion overflows */

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* The least of some times that a request takes which does nothing: it is done when it is submitted. */
static int measure_call(struct nvme_image *image)
{
	struct io_uring_cqe *cqe;

	image->call_ns = UINT64_MAX;
	for (int i = 0; i < CALLS; i++) {
		uint64_t before = now(), time;
		int ret;

		io_uring_prep_nop(io_uring_get_sqe(&image->ring));
		ret = io_uring_submit_and_wait(&image->ring, 1);
		if (ret >= 0)
			ret = io_uring_wait_cqe(&image->ring, &cqe);
		if (ret < 0)
			return ret;
		io_uring_cqe_seen(&image->ring, cqe);
		time = now() - before;
		image->call_ns = time < image->call_ns ? time : image->call_ns;
	}
	return 0;
}

int nvme_uring_open(struct nvme_image *image)
{
	/*
	 * No deferred task work (IORING_SETUP_DEFER_TASKRUN): a loop that waits by poll() would
	 * find the ring readable and no completion in it.
	 */
	struct io_uring_params params = {.flags = IORING_SETUP_CQSIZE, .cq_entries = COMPLETIONS};
	int ret = io_uring_queue_init_params(ENTRIES, &image->ring, &params);

	if (ret)
		return ret;
	ret = measure_call(image);
	if (ret)
		io_uring_queue_exit(&image->ring);
	return ret;
}

static void start(void *opaque)
{
	struct nvme_image *image = opaque;

	if (io_uring_sq_ready(&image->ring))
		while (io_uring_submit(&image->ring) == -EINTR)
			;
}

static struct io_uring_sqe *get_sqe(struct nvme_image *image)
{
	struct io_uring_sqe *sqe;

	/* The kernel takes all that is there, so a second look finds room. */
	while (!(sqe = io_uring_get_sqe(&image->ring)))
		start(image);
	return sqe;
}

/*
 * The file is not registered with the ring: a ring goes some time after its process, and
 * would keep the image's lock until then. A request in flight keeps it, as it must.
 */
static void prepare_transfer(struct io_uring_sqe *sqe, int fd, const struct nvme_disk_request *request)
{
	const struct iovec *iov = request->iov;
	bool write = request->op == DISK_WRITE;
	uint64_t offset = request->offset + request->done;

	if (request->iov_count == 1 && write)
		io_uring_prep_write(sqe, fd, iov->iov_base, (unsigned)iov->iov_len, offset);
	else if (request->iov_count == 1)
		io_uring_prep_read(sqe, fd, iov->iov_base, (unsigned)iov->iov_len, offset);
	else if (write)
		io_uring_prep_writev(sqe, fd, iov, request->iov_count, offset);
	else
		io_uring_prep_readv(sqe, fd, iov, request->iov_count, offset);
	if (write && request->durable)
		sqe->rw_flags = RWF_DSYNC;
}

static void prepare_range(struct io_uring_sqe *sqe, int fd, const struct nvme_disk_request *request, int mode)
{
	io_uring_prep_fallocate(sqe, fd, mode | FALLOC_FL_KEEP_SIZE, (off_t)request->offset,
				(off_t)request->length);
}

static void submit(void *opaque, struct nvme_disk_request *request)
{
	struct nvme_image *image = opaque;
	struct io_uring_sqe *sqe = get_sqe(image);

	switch (request->op) {
	case DISK_READ:
	case DISK_WRITE:
		prepare_transfer(sqe, image->fd, request);
		break;
	case DISK_FLUSH:
		io_uring_prep_fsync(sqe, image->fd, IORING_FSYNC_DATASYNC);
		break;
	case DISK_ZERO:
		prepare_range(sqe, image->fd, request, FALLOC_FL_ZERO_RANGE);
		break;
	case DISK_DISCARD:
		prepare_range(sqe, image->fd, request, FALLOC_FL_PUNCH_HOLE);
		break;
	case DISK_TIMER:
		image->time = (struct __kernel_timespec){.tv_nsec = (long long)request->length};
		io_uring_prep_timeout(sqe, &image->time, 0, 0);
		break;
	}
	io_uring_sqe_set_data(sqe, request);
}

void nvme_image_wake(struct nvme_image *image)
{
	struct io_uring_sqe *sqe = get_sqe(image);

	io_uring_prep_nop(sqe);
	io_uring_sqe_set_data(sqe, NULL);
	start(image);
}

/* Takes what was transferred off the front. True: something is left. */
static bool advance(struct nvme_disk_request *request, uint64_t done)
{
	request->done += done;
	for (; request->iov_count && done >= request->iov->iov_len; request->iov++, request->iov_count--)
		done -= request->iov->iov_len;
	if (request->iov_count) {
		request->iov->iov_base = (uint8_t *)request->iov->iov_base + done;
		request->iov->iov_len -= done;
	}
	return request->done < request->length;
}

/* Keeps the result. False: the request goes on. */
static bool finish(struct nvme_image *image, struct nvme_disk_request *request, int result)
{
	bool transfer = request->op == DISK_READ || request->op == DISK_WRITE;

	if (request->op == DISK_TIMER)
		result = 0;
	if (!transfer && (result == -EINVAL || result == -ENOTTY || result == -ENODEV || result == -ENOSYS))
		result = -EOPNOTSUPP;
	/* The image was cut short by somebody. */
	if (transfer && !result)
		result = -EIO;
	if ((transfer && result > 0 && advance(request, (uint64_t)result)) || result == -EINTR ||
	    result == -EAGAIN) {
		submit(image, request);
		start(image);
		return false;
	}
	request->result = result < 0 ? result : 0;
	return true;
}

static struct nvme_disk_request *reap(void *opaque, bool wait)
{
	struct nvme_image *image = opaque;
	struct nvme_disk_request *request;
	struct io_uring_cqe *cqe;
	int ret, result;

	for (;;) {
		ret = wait ? io_uring_wait_cqe(&image->ring, &cqe) : io_uring_peek_cqe(&image->ring, &cqe);
		if (ret == -EINTR)
			continue;
		if (ret)
			return NULL;
		request = io_uring_cqe_get_data(cqe);
		result = cqe->res;
		io_uring_cqe_seen(&image->ring, cqe);
		/* That of nvme_image_wake() has no request. */
		if (request && finish(image, request, result))
			return request;
	}
}

const struct nvme_disk_ops nvme_uring_ops = {.submit = submit, .start = start, .reap = reap};
