/* SPDX-License-Identifier: MIT */
/* Opening an image: what it must be, its lock, its size, what direct I/O needs, and its name. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tool/serve/nvme/attached.h"
#include "tool/serve/nvme/format.h"
#include "tool/serve/nvme/image.h"
#include "tool/serve/nvme/spec.h"
#include "tool/tool.h"

enum { WAITS = 50, WAIT_NS = 1000000000 };

static void close_file(struct nvme_image *image)
{
	if (image->fd >= 0)
		close(image->fd);
	image->fd = -1;
}

static int cannot_open(const char *path, int ret, struct lend_error *error)
{
	if (ret == -EBUSY)
		return tool_fail(
			error, ret,
			"%.300s: the kernel uses this device (it is mounted, or part of another one); "
			"end that use, or serve it read-only (--readonly, or readonly=on)",
			path);
	if (ret == -EROFS)
		return tool_fail(error, ret,
				 "%.300s can be read alone here; serve it read-only (--readonly, or "
				 "readonly=on), or in "
				 "a service of systemd let it write there (ReadWritePaths=)",
				 path);
	return tool_fail(error, ret, "%.300s cannot be opened: %s", path, strerror(-ret));
}

/*
 * O_NONBLOCK: the open of a pipe does not wait. O_EXCL claims a block device, so that
 * neither a mount nor another server writes to it; readers share it.
 */
static int open_file(struct nvme_image *image, const char *path, struct lend_error *error)
{
	int flags = (image->disk.readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK;
	char node[NVME_ATTACHED_NAME];
	struct stat stat;

	image->fd = open(path, flags);
	if (image->fd < 0 || fstat(image->fd, &stat))
		return cannot_open(path, -errno, error);
	if (S_ISBLK(stat.st_mode) && !image->disk.readonly) {
		close(image->fd);
		image->fd = open(path, flags | O_EXCL);
		if (image->fd < 0)
			return cannot_open(path, -errno, error);
	} else if (!S_ISREG(stat.st_mode) && !S_ISBLK(stat.st_mode)) {
		return tool_fail(error, -EINVAL, "%.300s is no file and no block device; give a raw image",
				 path);
	}
	fcntl(image->fd, F_SETFL, fcntl(image->fd, F_GETFL) & ~O_NONBLOCK);
	if (!image->disk.readonly && nvme_attached_find("/sys/block", &stat, node))
		return tool_fail(
			error, -EEXIST,
			"%.300s: the kernel writes to it as %s; end that (umount, losetup -d %s), or "
			"serve it read-only (--readonly, or readonly=on)",
			path, node, node);
	return 0;
}

static int lock(struct nvme_image *image, const char *path, struct lend_error *error)
{
	struct flock whole = {.l_type = image->disk.readonly ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET};

	if (!fcntl(image->fd, F_OFD_SETLK, &whole))
		return 0;
	if (errno == EAGAIN || errno == EACCES)
		return tool_fail(error, -EBUSY,
				 "%.300s is locked by another process; end that one, or serve it read-only "
				 "(--readonly, or readonly=on) to all",
				 path);
	return tool_fail(error, -errno, "%.300s cannot be locked: %s", path, strerror(errno));
}

/*
 * A server that was killed leaves its lock to what it has in flight: those writes may still
 * reach the disk. So a lock is waited for, for as long as they usually take.
 */
static int open_locked(struct nvme_image *image, const char *path, struct lend_error *error)
{
	const struct timespec pause = {.tv_nsec = WAIT_NS / WAITS};
	int ret;

	for (int i = 0;; i++) {
		ret = open_file(image, path, error);
		if (!ret)
			ret = lock(image, path, error);
		if (ret)
			close_file(image);
		if (ret != -EBUSY || i == WAITS)
			return ret;
		nanosleep(&pause, NULL);
	}
}

static int measure(struct nvme_image *image, const char *path, struct lend_error *error)
{
	/* For a block device stat() says 0. */
	off_t size = lseek(image->fd, 0, SEEK_END);

	if (size < 0)
		return tool_fail(error, -errno, "%.300s: its size cannot be read: %s", path, strerror(errno));
	if (!size || size % NVME_BLOCK)
		return tool_fail(
			error, -EINVAL,
			"%.300s has %lld bytes, and a disk has a multiple of %d; make it larger with "
			"truncate -s",
			path, (long long)size, NVME_BLOCK);
	image->disk.size = (uint64_t)size;
	return 0;
}

/* Whether the file takes direct I/O of single blocks. Without an answer of the kernel one read tells. */
static bool is_direct(struct nvme_image *image)
{
	struct statx stat;
	void *page;
	bool works;

	if (!statx(image->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &stat) && stat.stx_mask & STATX_DIOALIGN) {
		if (!stat.stx_dio_offset_align || stat.stx_dio_offset_align > NVME_BLOCK ||
		    stat.stx_dio_mem_align > NVME_PAGE)
			return false;
		image->disk.alignment = stat.stx_dio_mem_align;
		return true;
	}
	if (posix_memalign(&page, NVME_PAGE, NVME_PAGE))
		return false;
	image->disk.alignment = NVME_BLOCK;
	works = pread(image->fd, page, NVME_BLOCK, 0) == NVME_BLOCK;
	free(page);
	return works;
}

/* Direct I/O where it goes: no second copy of the guest's disk in the page cache. */
static void choose_direct(struct nvme_image *image)
{
	int flags = fcntl(image->fd, F_GETFL);

	image->disk.granule = NVME_BLOCK;
	if (!fcntl(image->fd, F_SETFL, flags | O_DIRECT) && is_direct(image))
		return;
	fcntl(image->fd, F_SETFL, flags & ~O_DIRECT);
	image->disk.alignment = image->disk.granule = 1;
}

static uint64_t hash(const char *text, uint64_t value)
{
	for (; *text; text++)
		value = (value ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
	return value;
}

/* A guest knows a disk by these, so they are the same each time that the image is served. */
static void name(struct nvme_image *image, const char *path, const char *serial)
{
	char *real = serial ? NULL : realpath(path, NULL);
	const char *of = serial ? serial : real ? real : path;
	uint64_t high = hash(of, UINT64_C(0xcbf29ce484222325)),
		 low = hash(of, high ^ UINT64_C(0x9e3779b97f4a7c15));

	snprintf(image->disk.serial, sizeof(image->disk.serial), "%016llx", (unsigned long long)high);
	if (serial)
		snprintf(image->disk.serial, sizeof(image->disk.serial), "%s", serial);
	for (int i = 0; i < 8; i++) {
		image->disk.uuid[i] = (uint8_t)(high >> 8 * i);
		image->disk.uuid[8 + i] = (uint8_t)(low >> 8 * i);
	}
	/* Version 8 (made up by us) and the variant, RFC 9562. */
	image->disk.uuid[6] = (uint8_t)((image->disk.uuid[6] & 0x0f) | 0x80);
	image->disk.uuid[8] = (uint8_t)((image->disk.uuid[8] & 0x3f) | 0x80);
	free(real);
}

int nvme_image_open(struct nvme_image *image, const char *path, bool readonly, const char *serial,
		    struct lend_error *error)
{
	int ret;

	memset(image, 0, sizeof(*image));
	image->disk.readonly = readonly;
	ret = open_locked(image, path, error);
	if (ret)
		return ret;
	ret = measure(image, path, error);
	if (ret)
		goto close;
	image->format = nvme_format_find(image->fd, image->disk.size);
	choose_direct(image);
	name(image, path, serial);
	image->disk.ops = &nvme_uring_ops;
	image->disk.opaque = image;
	ret = nvme_uring_open(image);
	if (!ret)
		return 0;
	tool_fail(error, ret, "io_uring cannot be used: %s; %s", strerror(-ret),
		  ret == -ENOMEM ? "the limit of locked memory (ulimit -l) may be too low"
				 : "see the setting kernel.io_uring_disabled");
close:
	close_file(image);
	return ret;
}

void nvme_image_close(struct nvme_image *image)
{
	if (image->fd < 0)
		return;
	io_uring_queue_exit(&image->ring);
	close_file(image);
}

int nvme_image_fd(const struct nvme_image *image)
{
	return image->ring.ring_fd;
}
