/* SPDX-License-Identifier: MIT */
/* lend serve nvme: what its command line says, before an image is opened. */
#include "tests/unit/cmocka.h"
#include "tool/clean.c"
#include "tool/run/value.c"
#include "tool/say.c"
#include "tool/serve/nvme/kind.c"

int nvme_image_open(struct nvme_image *image, const char *path, bool readonly, const char *serial,
		    struct lend_error *error)
{
	(void)image, (void)path, (void)readonly, (void)serial, (void)error;
	return 0;
}

int nvme_image_fd(const struct nvme_image *image)
{
	return image->fd;
}

void nvme_image_close(struct nvme_image *image)
{
	(void)image;
}

int nvme_serve_open(struct nvme_serve *serve, unsigned queues, struct lend_server_device *device)
{
	(void)serve, (void)queues, (void)device;
	return 0;
}

void nvme_serve_work(struct nvme_serve *serve)
{
	(void)serve;
}

void nvme_serve_close(struct nvme_serve *serve)
{
	(void)serve;
}

static int read_line(struct nvme_kind *kind, struct lend_error *error)
{
	const struct args args = {.devices = {"disk.img"}, .device_count = 1};

	return nvme_kind_read(kind, &args, error);
}

static void queues_and_serial_numbers(void **state)
{
	static const struct {
		const char *queues, *serial, *says;
	} rows[] = {
		{"1", "a", NULL},
		{"64", "~ twenty characters~", NULL},
		{"0", NULL, "-q 0 is no number of queue pairs"},
		{"65", NULL, "from 1 to 64"},
		{"4x", NULL, "-q 4x"},
		{NULL, "", "1 to 20 characters of ASCII"},
		{NULL, "twenty-one characters", "'twenty-one characters'"},
		{NULL, "a\nb", "1 to 20 characters of ASCII"},
		{NULL, "\x7f", "1 to 20 characters of ASCII"},
		{NULL, "caf\xc3\xa9", "1 to 20 characters of ASCII"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct nvme_kind kind = {.queues = rows[i].queues, .serial = rows[i].serial};
		struct lend_error error = {""};

		assert_int_equal(read_line(&kind, &error), rows[i].says ? -EINVAL : 0);
		assert_true(!rows[i].says || strstr(error.text, rows[i].says));
	}
}

/* What a guest writes does not decide how its disk is read. */
static void raw_is_the_only_format(void **state)
{
	struct nvme_kind kind = {.format = "raw"};
	struct lend_error error = {""};

	(void)state;
	assert_int_equal(read_line(&kind, &error), 0);
	assert_int_equal(kind.queue_count, 4);
	kind.format = "qcow2";
	assert_int_equal(read_line(&kind, &error), -EINVAL);
	assert_non_null(strstr(error.text, "qemu-img convert -O raw"));
}

static void one_image(void **state)
{
	static const struct args none = {0}, two = {.devices = {"a", "b"}, .device_count = 2};
	struct nvme_kind kind = {0};
	struct lend_error error = {""};

	(void)state;
	assert_int_equal(nvme_kind_read(&kind, &none, &error), -EINVAL);
	assert_non_null(strstr(error.text, "no image is named"));
	assert_int_equal(nvme_kind_read(&kind, &two, &error), -EINVAL);
	assert_non_null(strstr(error.text, "more than one image"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(queues_and_serial_numbers),
		cmocka_unit_test(raw_is_the_only_format),
		cmocka_unit_test(one_image),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
