/* SPDX-License-Identifier: MIT */
/* NVMe: images, and the block back end over io_uring, on real files. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/nvme_guest.h"
#include "tool/serve/nvme/format.h"
#include "tool/serve/nvme/image.h"

static char dir[] = "/tmp/lend-test-nvme-XXXXXX", path[64];
static uint8_t *buffer;

enum { SIZE = 1 << 20 };

static int start(void **state)
{
	int fd;

	(void)state;
	strcpy(dir + sizeof(dir) - 7, "XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/image", dir);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, SIZE), 0);
	close(fd);
	buffer = aligned_alloc(NVME_PAGE, SIZE);
	return 0;
}

static int end(void **state)
{
	(void)state;
	free(buffer);
	unlink(path);
	return rmdir(dir);
}

static int do_request(struct nvme_image *image, struct nvme_disk_request *request)
{
	request->done = 0;
	image->disk.ops->submit(image, request);
	image->disk.ops->start(image);
	assert_ptr_equal(image->disk.ops->reap(image, true), request);
	return request->result;
}

static int transfer(struct nvme_image *image, enum nvme_disk_op op, uint64_t offset, size_t length)
{
	struct iovec iov[2] = {{buffer, length / 2}, {buffer + length / 2, length / 2}};
	struct nvme_disk_request request = {.op = op,
					    .offset = offset,
					    .length = length,
					    .iov = iov,
					    .iov_count = 2,
					    .durable = op == DISK_WRITE};

	return do_request(image, &request);
}

static int whole(struct nvme_image *image, enum nvme_disk_op op, uint64_t offset, uint64_t length)
{
	struct nvme_disk_request request = {.op = op, .offset = offset, .length = length};

	return do_request(image, &request);
}

static void requests(void **state)
{
	struct nvme_image image;

	(void)state;
	assert_int_equal(nvme_image_open(&image, path, false, NULL, NULL), 0);
	assert_int_equal(image.disk.size, SIZE);
	memset(buffer, 0x5a, 8192);
	assert_int_equal(transfer(&image, DISK_WRITE, 4096, 8192), 0);
	assert_int_equal(whole(&image, DISK_FLUSH, 0, 0), 0);
	memset(buffer, 0, 8192);
	assert_int_equal(transfer(&image, DISK_READ, 4096, 8192), 0);
	assert_int_equal(buffer[0], 0x5a);
	assert_int_equal(buffer[8191], 0x5a);
	/* A file system may have neither; then it says so. */
	if (!whole(&image, DISK_DISCARD, 4096, 4096)) {
		assert_int_equal(transfer(&image, DISK_READ, 4096, 8192), 0);
		assert_int_equal(buffer[4095], 0);
		assert_int_equal(buffer[4096], 0x5a);
	}
	assert_in_range(-whole(&image, DISK_ZERO, 8192, 4096), 0, EOPNOTSUPP);
	assert_int_equal(whole(&image, DISK_TIMER, 0, 1000), 0);
	assert_null(image.disk.ops->reap(&image, false));
	nvme_image_close(&image);
}

/* Reading where the file was cut off is an error, not an endless loop. */
static void cut_short(void **state)
{
	struct nvme_image image;

	(void)state;
	assert_int_equal(nvme_image_open(&image, path, false, NULL, NULL), 0);
	assert_int_equal(truncate(path, SIZE - 4096), 0);
	assert_int_equal(transfer(&image, DISK_READ, SIZE - 8192, 8192), -EIO);
	nvme_image_close(&image);
}

/* More requests than the ring holds at once. */
static void many(void **state)
{
	static struct nvme_disk_request requests[1000];
	static struct iovec iov[1000];
	struct nvme_image image;

	(void)state;
	assert_int_equal(nvme_image_open(&image, path, false, NULL, NULL), 0);
	for (unsigned i = 0; i < 1000; i++) {
		iov[i] = (struct iovec){buffer + i * 512, 512};
		requests[i] = (struct nvme_disk_request){
			.op = DISK_WRITE, .offset = i * 512, .length = 512, .iov = &iov[i], .iov_count = 1};
		image.disk.ops->submit(&image, &requests[i]);
	}
	image.disk.ops->start(&image);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(image.disk.ops->reap(&image, true)->result, 0);
	assert_null(image.disk.ops->reap(&image, false));
	nvme_image_close(&image);
}

/* One writer, or any number of readers. */
static void locks(void **state)
{
	struct nvme_image first, second;
	struct lend_error error;

	(void)state;
	assert_int_equal(nvme_image_open(&first, path, false, NULL, NULL), 0);
	assert_int_equal(nvme_image_open(&second, path, false, NULL, &error), -EBUSY);
	assert_non_null(strstr(error.text, "locked by another process"));
	assert_int_equal(nvme_image_open(&second, path, true, NULL, NULL), -EBUSY);
	nvme_image_close(&first);
	assert_int_equal(nvme_image_open(&first, path, true, NULL, NULL), 0);
	assert_int_equal(nvme_image_open(&second, path, true, NULL, NULL), 0);
	nvme_image_close(&second);
	assert_int_equal(nvme_image_open(&second, path, false, NULL, NULL), -EBUSY);
	nvme_image_close(&first);
}

static void refuses(void **state)
{
	struct nvme_image image;
	struct lend_error error;

	(void)state;
	assert_int_equal(nvme_image_open(&image, "/tmp/lend/not-there", false, NULL, &error), -ENOENT);
	assert_int_equal(nvme_image_open(&image, "/dev/null", false, NULL, &error), -EINVAL);
	assert_int_equal(nvme_image_open(&image, dir, true, NULL, &error), -EINVAL);
	assert_int_equal(truncate(path, 1000), 0);
	assert_int_equal(nvme_image_open(&image, path, false, NULL, &error), -EINVAL);
	assert_non_null(strstr(error.text, "has 1000 bytes"));
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(nvme_image_open(&image, path, false, NULL, &error), -EINVAL);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(nvme_image_open(&image, path, true, NULL, &error), -EINVAL);
}

static const char *looks_like(off_t at, const char *mark, size_t length)
{
	struct nvme_image image;
	const char *name = NULL;
	int fd = open(path, O_WRONLY);

	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(ftruncate(fd, SIZE), 0);
	assert_int_equal(pwrite(fd, mark, length, at), length);
	close(fd);
	assert_int_equal(nvme_image_open(&image, path, false, NULL, NULL), 0);
	assert_int_equal(image.disk.size, SIZE);
	if (image.format)
		name = image.format->name;
	nvme_image_close(&image);
	return name;
}

/* What is served is the same, whatever the bytes look like, and a part of a mark is none. */
static void cve_2026_27211_formats(void **state)
{
	static const struct {
		const char *name;
		off_t at;
		size_t length;
		const char *mark;
	} rows[] = {
		{"qcow2", 0, 4, "QFI\xfb"},
		{"QED", 0, 4, "QED"},
		{"VMDK", 0, 4, "KDMV"},
		{"VMDK", 0, 4, "COWD"},
		{"VMDK", 0, 21, "# Disk DescriptorFile"},
		{"VHDX", 0, 8, "vhdxfile"},
		{"VHD", 0, 8, "conectix"},
		{"VHD", SIZE - 512, 8, "conectix"},
		{"VDI", 64, 4, "\x7f\x10\xda\xbe"},
		{"Parallels", 0, 16, "WithoutFreeSpace"},
		{"Parallels", 0, 16, "WithouFreSpacExt"},
		{"Bochs", 0, 22, "Bochs Virtual HD Image"},
		{"DMG", SIZE - 512, 4, "koly"},
		{"gzip", 0, 3, "\x1f\x8b\x08"},
		{"xz", 0, 6, "\xfd\x37zXZ"},
		{"zstd", 0, 4, "\x28\xb5\x2f\xfd"},
		{"bzip2", 0, 10, "BZh91AY&SY"},
		{"zip", 0, 4, "PK\x03\x04"},
	};

	(void)state;
	assert_null(looks_like(0, "", 0));
	/* A partition table, as a raw image has it. */
	assert_null(looks_like(510, "\x55\xaa", 2));
	assert_null(looks_like(512, "EFI PART", 8));
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const char *name = looks_like(rows[i].at, rows[i].mark, rows[i].length);

		assert_non_null(name);
		assert_non_null(strstr(name, rows[i].name));
		assert_null(looks_like(rows[i].at, rows[i].mark, rows[i].length - 2));
	}
}

/* A guest finds the same disk again, and tells it from another one. */
static void names(void **state)
{
	struct nvme_image first, second;

	(void)state;
	assert_int_equal(nvme_image_open(&first, path, true, NULL, NULL), 0);
	assert_int_equal(nvme_image_open(&second, path, true, NULL, NULL), 0);
	assert_string_equal(first.disk.serial, second.disk.serial);
	assert_memory_equal(first.disk.uuid, second.disk.uuid, 16);
	nvme_image_close(&second);
	assert_int_equal(nvme_image_open(&second, path, true, "a serial number, too long", NULL), 0);
	assert_string_equal(second.disk.serial, "a serial number, too");
	assert_memory_not_equal(first.disk.uuid, second.disk.uuid, 16);
	nvme_image_close(&second);
	nvme_image_close(&first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(requests, start, end),
		cmocka_unit_test_setup_teardown(cut_short, start, end),
		cmocka_unit_test_setup_teardown(many, start, end),
		cmocka_unit_test_setup_teardown(locks, start, end),
		cmocka_unit_test_setup_teardown(refuses, start, end),
		cmocka_unit_test_setup_teardown(cve_2026_27211_formats, start, end),
		cmocka_unit_test_setup_teardown(names, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
