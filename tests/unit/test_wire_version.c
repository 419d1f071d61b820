/* SPDX-License-Identifier: MIT */
/* The first message of vfio-user: what the sides say of themselves, and what is refused. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/wire/version.h"

#include "cmocka.h"

static struct wire_limits limits;
static struct lend_error error;

/* Reads version 0.1 with `text`, in memory of exactly that length. */
static int read_text(const char *text)
{
	size_t length = sizeof(struct wire_version) + strlen(text) + 1;
	uint8_t *payload = malloc(length);
	int ret;

	memcpy(payload, "\0\0\1\0", 4);
	memcpy(payload + 4, text, length - 4);
	ret = wire_version_read(payload, length, &limits, &error);
	free(payload);
	return ret;
}

static void defaults(void **state)
{
	static const struct wire_version version = {3, 99};

	(void)state;
	assert_int_equal(wire_version_read(&version, sizeof(version), &limits, &error), 0);
	assert_int_equal(limits.major, 3);
	assert_int_equal(limits.minor, 99);
	assert_int_equal(limits.fds, 1);
	assert_int_equal(limits.data, 1048576);
	assert_int_equal(limits.maps, 65535);
	assert_int_equal(limits.page_sizes, 4096);
	assert_false(limits.write_multi || limits.twin);
	assert_int_equal(limits.twin_fd, -1);
	assert_int_equal(read_text("{}"), 0);
	assert_int_equal(read_text("{\"capabilities\":{\"later\":[1,{}]}}"), 0);
	assert_int_equal(limits.fds, 1);
}

static void all_that_is_said(void **state)
{
	(void)state;
	assert_int_equal(read_text("{\"capabilities\":{\"max_msg_fds\":8,\"max_data_xfer_size\":65536,"
				   "\"max_dma_maps\":7,\"pgsizes\":2101248,\"write_multiple\":true,"
				   "\"twin_socket\":{\"supported\":true,\"fd_index\":0},"
				   "\"migration\":{\"pgsize\":4096}}}"),
			 0);
	assert_int_equal(limits.fds, 8);
	assert_int_equal(limits.data, 65536);
	assert_int_equal(limits.maps, 7);
	assert_int_equal(limits.page_sizes, 2101248);
	assert_true(limits.write_multi && limits.twin);
	assert_int_equal(limits.twin_fd, 0);
}

static void refused(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{"", "no JSON"},
		{"[]", "no JSON object"},
		{"{\"capabilities\":{", "no JSON object"},
		{"{\"capabilities\":\"x\"}", "capabilities is no object"},
		{"{\"capabilities\":{\"max_msg_fds\":-1}}", "max_msg_fds is -1"},
		{"{\"capabilities\":{\"max_msg_fds\":true}}", "max_msg_fds is no integer"},
		{"{\"capabilities\":{\"max_msg_fds\":1,\"max_msg_fds\":2}}", "no JSON object"},
		{"{\"capabilities\":{\"max_data_xfer_size\":0}}", "max_data_xfer_size is 0"},
		{"{\"capabilities\":{\"max_data_xfer_size\":9223372036854775807}}", "max_data_xfer_size"},
		{"{\"capabilities\":{\"max_data_xfer_size\":9223372036854775808}}", "no JSON object"},
		{"{\"capabilities\":{\"max_dma_maps\":1.5}}", "max_dma_maps is no integer"},
		{"{\"capabilities\":{\"pgsizes\":2048}}", "pgsizes is 2048"},
		{"{\"capabilities\":{\"pgsizes\":6144}}", "less than 4096"},
		{"{\"capabilities\":{\"write_multiple\":1}}", "write_multiple is neither"},
		{"{\"capabilities\":{\"twin_socket\":true}}", "twin_socket is no object"},
		{"{\"capabilities\":{\"twin_socket\":{\"supported\":true,\"fd_index\":-2}}}",
		 "fd_index is -2"},
		{"{\"a\":[[[[[[[[[1]]]]]]]]]}", "nests too deeply"},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(read_text(rows[i].text), -EINVAL);
		if (!strstr(error.text, rows[i].why) && strcmp(rows[i].why, "no JSON") != 0)
			fail_msg("%s: %s", rows[i].text, error.text);
	}
}

/* Brackets within a string are no nesting, and a quote within one does not end it. */
static void brackets_in_strings(void **state)
{
	(void)state;
	assert_int_equal(read_text("{\"a\":\"[[[[[[[[[[[[\\\"[[[[[[\",\"b\":[1]}"), 0);
}

static void lengths(void **state)
{
	char *text = malloc(WIRE_VERSION_MAX + 1);

	(void)state;
	assert_int_equal(wire_version_read("\0\0\0", 3, &limits, &error), -EINVAL);
	assert_int_equal(wire_version_read("\0\0\1\0{}", 6, &limits, &error), -EINVAL); /* no NUL */
	assert_int_equal(wire_version_read("\0\0\1\0{}\0\0", 8, &limits, &error), -EINVAL);
	memset(text, ' ', WIRE_VERSION_MAX);
	text[0] = '{', text[1] = '}';
	text[WIRE_VERSION_MAX - 5] = 0;
	assert_int_equal(read_text(text), 0);
	text[WIRE_VERSION_MAX - 5] = ' ';
	text[WIRE_VERSION_MAX - 4] = 0;
	assert_int_equal(read_text(text), -EINVAL);
	free(text);
}

/* What is written is read as the same, in as many bytes as it needs. */
static void there_and_back(void **state)
{
	struct wire_limits usual = WIRE_LIMITS_INIT;
	struct wire_limits own = {0, 1, 16, 4096, 3, 8192, true, true, 0};
	char out[256];
	long length;

	(void)state;
	length = wire_version_write(&own, out, sizeof(out));
	assert_true(length > 0);
	assert_int_equal(wire_version_read(out, (size_t)length, &limits, &error), 0);
	assert_memory_equal(&limits.fds, &own.fds, sizeof(own.fds));
	assert_int_equal(limits.data, own.data);
	assert_int_equal(limits.maps, own.maps);
	assert_int_equal(limits.page_sizes, own.page_sizes);
	assert_true(limits.write_multi && limits.twin);
	assert_int_equal(limits.twin_fd, 0);
	assert_int_equal(wire_version_write(&own, out, (size_t)length - 1), -ENOSPC);
	/* The shortest text that other implementations take: the object, and the descriptors. */
	length = wire_version_write(&usual, out, sizeof(out));
	assert_string_equal(out + 4, "{\"capabilities\":{\"max_msg_fds\":1}}");
	assert_int_equal(length, 4 + 35 + 1 - 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults), cmocka_unit_test(all_that_is_said),
		cmocka_unit_test(refused),  cmocka_unit_test(brackets_in_strings),
		cmocka_unit_test(lengths),  cmocka_unit_test(there_and_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
