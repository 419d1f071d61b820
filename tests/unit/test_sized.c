/* SPDX-License-Identifier: MIT */
/*
 * Callers that were built with another version of the headers. What they give
 * lies at the end of a page with none behind it, so that a byte read beyond
 * their size is a fault; what they get has a pattern behind it.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/sized.h"
#include "tests/unit/cmocka.h"
#include "tests/unit/fake_world.h"

enum { PAGE = 4096, MORE = 64, PATTERN = 0xa5 };

static uint8_t *edge; /* the end of the page */

static int setup(void **state)
{
	uint8_t *at = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_true(at != MAP_FAILED && !mprotect(at + PAGE, PAGE, PROT_NONE));
	edge = at + PAGE;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return munmap(edge - PAGE, 2 * PAGE);
}

static void the_helper_takes(void **state)
{
	struct pair {
		size_t size;
		uint64_t first, second;
	} own, larger[2] = {{.size = sizeof(larger), .first = 1, .second = 2}};

	(void)state;
	assert_int_equal(sized_take(&own, sizeof(own), larger, 16), 0);
	assert_int_equal(own.size, sizeof(own));
	assert_int_equal(own.second, 2);
	larger[1].second = 1;
	assert_int_equal(sized_take(&own, sizeof(own), larger, 16), -E2BIG);
	larger[0].size = offsetof(struct pair, second);
	assert_int_equal(sized_take(&own, sizeof(own), larger, 16), 0);
	assert_int_equal(own.first, 1);
	assert_int_equal(own.second, 0);
	larger[0].size = 15;
	assert_int_equal(sized_take(&own, sizeof(own), larger, 16), -EINVAL);
	assert_int_equal(sized_take(&own, sizeof(own), NULL, 0), -EINVAL);
}

/* A call with a struct that lies at `at`. */
typedef int (*give_fn)(struct world *world, const void *at);

/*
 * `own` as callers of each size would have it: smaller ones, and larger ones
 * with nothing or something where the library knows no field. `ok`: what the
 * call returns where it takes the struct.
 */
static void give_each(struct world *world, give_fn give, const void *own, size_t have, size_t least, int ok)
{
	for (size_t size = sizeof(size_t); size <= have + MORE; size++) {
		uint8_t *at = edge - size;

		if (size < have && size % sizeof(void *))
			continue; /* no version ended in the middle of a pointer */

		memset(at, 0, size);
		memcpy(at, own, size < have ? size : have);
		memcpy(at, &size, sizeof(size));
		assert_int_equal(give(world, at), size < least ? -EINVAL : ok);
		if (size <= have)
			continue;
		edge[-1] = 1;
		assert_int_equal(give(world, at), -E2BIG);
	}
}

static int give_context(struct world *world, const void *at)
{
	struct lend_context *context;
	int ret = lend_context_new(at, &context);

	(void)world;
	if (!ret)
		lend_context_free(context);
	return ret;
}

static int give_ops(struct world *world, const void *at)
{
	struct lend_space *space;
	int ret = lend_space_new(world->context, at, NULL, &space);

	if (!ret) {
		/* A slot that the caller does not have does nothing, and fails as one that is NULL. */
		assert_int_equal(space_ops(space)->ioeventfd_remove(NULL, NULL, NULL), -EOPNOTSUPP);
		lend_space_free(space);
	}
	return ret;
}

static int give_device(struct world *world, const void *at)
{
	struct lend_device *device;

	return lend_device_open_with(world->space, at, &device, NULL);
}

static int give_function(struct world *world, const void *at)
{
	struct lend_function *function;
	int ret = lend_function_new(world->device, at, &function, NULL);

	if (!ret)
		lend_function_free(function);
	return ret;
}

static int give_bind(struct world *world, const void *at)
{
	const struct lend_survey_device device = {.path = "pci0000:00/01.0"}, *devices = &device;
	struct lend_bdf none = {0};
	int ret = lend_mend(world->context, at, NULL);

	if (ret) {
		assert_int_equal(lend_bind(world->context, &none, 1, at, NULL), ret);
		assert_int_equal(lend_give_back(world->context, at, NULL), ret);
		assert_int_equal(lend_set_vfs(world->context, &none, 1, at, NULL), ret);
		assert_int_equal(lend_bind_persistent(world->context, at, NULL), ret);
		assert_int_equal(lend_persist(world->context, &devices, 1, at, NULL), ret);
		assert_int_equal(lend_unbind(world->context, &none, 1, at, NULL), ret);
	}
	return ret;
}

static int give_check(struct world *world, const void *at)
{
	struct lend_check *check;
	int ret = lend_check_new(world->context, NULL, 0, at, &check, NULL);

	if (!ret)
		lend_check_free(check);
	return ret;
}

static int give_needs(struct world *world, const void *at)
{
	struct lend_check *check;
	int ret = lend_check_limits(world->context, at, &check, NULL);

	if (!ret)
		lend_check_free(check);
	return ret;
}

/* A context of a host without any device, beside that of the world. */
static struct lend_context *nowhere(void)
{
	const struct lend_context_config config = {.size = sizeof(config),
						   .sysfs_root = "/nowhere/sys",
						   .dev_root = "/nowhere/dev",
						   .proc_root = "/nowhere/proc",
						   .state_root = "/nowhere/run",
						   .config_root = "/nowhere/etc"};
	struct lend_context *context;

	assert_int_equal(lend_context_new(&config, &context), 0);
	return context;
}

static void what_callers_give(void **state)
{
	const struct lend_context_config context = {.size = sizeof(context), .quirks_dir = ""};
	const struct lend_host_ops ops = {.size = sizeof(ops)};
	const struct lend_device_config device = {.size = sizeof(device), .address = "nowhere"};
	const struct lend_bind_options bind = {.size = sizeof(bind)};
	const struct lend_check_needs needs = {.size = sizeof(needs)};
	const struct lend_check_options check = {.size = sizeof(check)};
	struct world *world = world_new(), *host = world_new();
	struct lend_function_config function;

	(void)state;
	world_nvme(world);
	assert_int_equal(world_open(world), 0);
	function = world->function_config;
	function.size = sizeof(function);
	lend_function_free(world->function);
	world->function = NULL;
	give_each(world, give_context, &context, sizeof(context), sizeof(size_t) + 1, 0);
	give_each(world, give_ops, &ops, sizeof(ops), sizeof(size_t) + 1, 0);
	give_each(world, give_function, &function, sizeof(function), sizeof(size_t) + 1, 0);
	/* The address is in the first field; without it nothing names the device. */
	give_each(world, give_device, &device, sizeof(device), 2 * sizeof(void *), -ENODEV);
	host->context = nowhere();
	give_each(host, give_bind, &bind, sizeof(bind), sizeof(size_t), 0);
	give_each(host, give_needs, &needs, sizeof(needs), sizeof(size_t), 0);
	give_each(host, give_check, &check, sizeof(check), sizeof(size_t), 0);
	lend_context_free(host->context);
	world_free(host);
	world_close(world);
	world_free(world);
}

/* A call that fills `at`, as one row of `size` bytes. */
typedef void (*fill_fn)(struct world *world, void *at, size_t size);

static void fill_each(struct world *world, fill_fn fill, size_t have)
{
	uint8_t *own = malloc(have), *at = malloc(have + MORE + 1);

	assert_true(own && at);
	memset(own, PATTERN, have);
	fill(world, own, have);
	for (size_t size = 0; size <= have + MORE; size++) {
		memset(at, PATTERN, have + MORE + 1);
		fill(world, at, size);
		/* The first field; bytes between fields may be anything. */
		assert_memory_equal(at, own, size < 4 ? size : 4);
		for (size_t i = have; i < size; i++)
			assert_int_equal(at[i], 0);
		for (size_t i = size; i <= have + MORE; i++)
			assert_int_equal(at[i], PATTERN);
	}
	free(own);
	free(at);
}

static void fill_bar(struct world *world, void *at, size_t size)
{
	lend_function_bar(world->function, 0, at, size);
}

static void fill_link(struct world *world, void *at, size_t size)
{
	lend_function_link(world->function, at, size);
}

static void fill_count(struct world *world, void *at, size_t size)
{
	lend_function_count(world->function, at, size);
}

static void fill_pages(struct world *world, void *at, size_t size)
{
	assert_int_equal(lend_function_pages(world->function, at, 1, size), 1);
}

static void fill_vectors(struct world *world, void *at, size_t size)
{
	assert_int_equal(lend_function_vectors(world->function, at, 1, size), 1);
}

static void fill_explain(struct world *world, void *at, size_t size)
{
	assert_true(lend_function_explain(world->function, at, 1, size) >= 1);
}

static void fill_region(struct world *world, void *at, size_t size)
{
	assert_int_equal(lend_device_region(world->device, 0, at, size), 0);
}

static void fill_report(struct world *world, void *at, size_t size)
{
	assert_int_equal(lend_context_reset(world->context, &world->function, 1, at, size), 0);
}

static void what_callers_get(void **state)
{
	struct world *world = world_new();

	(void)state;
	world_nvme(world);
	world->vectors[LEND_IRQ_INTX] = 1;
	assert_int_equal(world_open(world), 0);
	fill_each(world, fill_report, sizeof(struct lend_reset_report));
	fill_each(world, fill_link, sizeof(struct lend_link));
	fill_each(world, fill_bar, sizeof(struct lend_bar));
	fill_each(world, fill_region, sizeof(struct lend_region));
	fill_each(world, fill_explain, sizeof(struct lend_explain_row));
	fill_each(world, fill_vectors, sizeof(struct lend_vector_count));
	world_start(world);
	lend_function_bar_read(world->function, 0, 0x2000, 4);
	fill_each(world, fill_pages, sizeof(struct lend_page_count));
	fill_each(world, fill_count, sizeof(struct lend_function_counters));
	assert_int_equal(lend_device_info(world->device)->size, sizeof(struct lend_device_info));
	world_close(world);
	world_free(world);
}

/* Who asks for all lines hears what a device is, and nobody else does. */
static void a_device_is_told_at_debug(void **state)
{
	struct world *world = world_new();

	(void)state;
	world_nvme(world);
	assert_int_equal(world_open(world), 0);
	assert_int_equal(world->debug_lines, 2); /* itself, and its BAR */
	assert_int_equal(world->log_lines, 0);
	world_close(world);
	world_free(world);
}

static void the_library_has_a_version(void **state)
{
	(void)state;
	assert_int_equal(lend_version(),
			 LEND_VERSION_NUMBER(LEND_VERSION_MAJOR, LEND_VERSION_MINOR, LEND_VERSION_PATCH));
	assert_true(lend_version() < LEND_VERSION_NUMBER(LEND_VERSION_MAJOR, LEND_VERSION_MINOR + 1, 0));
}

/* Rows of an array are as far apart as the caller's are. */
static void rows_have_the_callers_stride(void **state)
{
	enum { OLD = offsetof(struct lend_explain_row, reason), NEW = sizeof(struct lend_explain_row) + 24 };
	struct lend_explain_row own[8];
	struct world *world = world_new();
	uint8_t rows[8 * NEW];
	size_t count;

	(void)state;
	world_nvme(world);
	assert_int_equal(world_open(world), 0);
	count = lend_function_explain(world->function, own, 8, sizeof(own[0]));
	assert_true(count > 1 && count <= 8);
	assert_int_equal(lend_function_explain(world->function, (void *)rows, 8, OLD), count);
	for (size_t i = 0; i < count; i++)
		assert_memory_equal(rows + i * OLD, &own[i], offsetof(struct lend_explain_row, direct));
	assert_int_equal(lend_function_explain(world->function, (void *)rows, 8, NEW), count);
	for (size_t i = 0; i < count; i++)
		assert_memory_equal(rows + i * NEW, &own[i], offsetof(struct lend_explain_row, direct));
	world_close(world);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_helper_takes),          cmocka_unit_test(what_callers_give),
		cmocka_unit_test(what_callers_get),          cmocka_unit_test(a_device_is_told_at_debug),
		cmocka_unit_test(the_library_has_a_version), cmocka_unit_test(rows_have_the_callers_stride),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
