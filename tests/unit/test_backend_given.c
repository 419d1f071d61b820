/* SPDX-License-Identifier: MIT */
/* Devices behind a caller's tables (lend/backend.h): what is absent, what is closed, and which domain. */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "lend/fake.h"
#include "lend/lend.h"
#include "tests/unit/cmocka.h"

static struct {
	struct lend_context *context;
	struct lend_space *space;
	struct lend_error error;
	unsigned devices_closed, domains_closed, maps, fail_maps;
	struct lend_area areas[2];
	unsigned area_count;
} given;

static int region_info(void *dev, unsigned index, struct lend_region *out, struct lend_area *areas,
		       unsigned max)
{
	(void)dev;
	assert_int_equal(out->area_count, 0);
	if (index == LEND_REGION_CONFIG)
		*out = (struct lend_region){.size = 256, .readable = true, .writable = true};
	else if (index)
		return -EINVAL;
	else
		*out = (struct lend_region){.size = 0x4000, .readable = true, .writable = true};
	if (index)
		return 0;
	assert_true(max >= 2);
	memcpy(areas, given.areas, sizeof(given.areas));
	out->area_count = given.area_count;
	return 0;
}

static int read_zeros(void *dev, unsigned region, uint64_t offset, void *data, unsigned length)
{
	(void)dev, (void)region, (void)offset;
	memset(data, 0, length);
	return (int)length;
}

static int write_nothing(void *dev, unsigned region, uint64_t offset, const void *data, unsigned length)
{
	(void)dev, (void)region, (void)offset, (void)data;
	return (int)length;
}

static int map_none(void *dev, unsigned region, uint64_t offset, uint64_t length, void *at)
{
	(void)dev, (void)region, (void)offset, (void)length, (void)at;
	return -EIO;
}

static void close_device(void *dev)
{
	(void)dev;
	given.devices_closed++;
}

static int dma_map(void *domain, const struct lend_domain_map *map)
{
	(void)domain;
	assert_int_equal(map->size, sizeof(*map));
	if (given.fail_maps)
		return -ENOSPC;
	given.maps++;
	return 0;
}

static int dma_unmap(void *domain, lend_iova_t iova, uint64_t length)
{
	(void)domain, (void)iova, (void)length;
	given.maps--;
	return 0;
}

static void close_domain(void *domain)
{
	(void)domain;
	given.domains_closed++;
}

/* The least that a device can be. */
static const struct lend_transport_ops least = {
	.size = sizeof(least), .region_info = region_info, .read = read_zeros, .write = write_nothing};
static const struct lend_domain_ops domain = {
	.size = sizeof(domain), .map = dma_map, .unmap = dma_unmap, .close = close_domain};

static int setup(void **state)
{
	const struct lend_context_config config = {.size = sizeof(config), .quirks_dir = ""};
	const struct lend_host_ops ops = {.size = sizeof(ops)};

	(void)state;
	memset(&given, 0, sizeof(given));
	assert_int_equal(lend_context_new(&config, &given.context), 0);
	return lend_space_new(given.context, &ops, NULL, &given.space);
}

static int teardown(void **state)
{
	(void)state;
	lend_space_free(given.space);
	lend_context_free(given.context);
	assert_int_equal(given.maps, 0);
	return 0;
}

static struct lend_device_backend backend_of(const struct lend_transport_ops *ops, uint8_t bus)
{
	return (struct lend_device_backend){.size = sizeof(struct lend_device_backend),
					    .bdf = {.bus = bus},
					    .transport = ops,
					    .domain_ops = &domain};
}

static int open_it(const struct lend_device_backend *backend, struct lend_device **out)
{
	*out = NULL;
	return lend_device_open_backend(given.space, backend, out, &given.error);
}

static void map_memory(void)
{
	static uint8_t page[4096] __attribute__((aligned(4096)));
	const struct lend_range range = {.length = sizeof(page), .va = page, .fd = -1};

	assert_int_equal(lend_space_map(given.space, &range, 1, &given.error), 0);
}

static void the_least_device(void **state)
{
	struct lend_device_backend backend = backend_of(&least, 5);
	const struct lend_function_config plain = {.size = sizeof(plain)};
	struct lend_reset_report report;
	struct lend_function *function;
	struct lend_device *device;

	(void)state;
	given.areas[0] = (struct lend_area){0, 0x4000};
	given.area_count = 1;
	assert_int_equal(open_it(&backend, &device), 0);
	assert_string_equal(lend_device_info(device)->name, "0000:05:00.0");
	assert_int_equal(lend_device_info(device)->backend, LEND_BACKEND_GIVEN);
	assert_false(lend_device_info(device)->can_reset);
	assert_int_equal(lend_device_info(device)->vectors[LEND_IRQ_MSIX], 0);
	/* Without map nothing can be mapped. */
	assert_int_equal(lend_device_areas(device, 0, NULL, 0), 0);
	assert_int_equal(lend_function_new(device, &plain, &function, &given.error), 0);
	assert_int_equal(lend_context_reset(given.context, &function, 1, &report, sizeof(report)),
			 -EOPNOTSUPP);
	lend_function_free(function);
	assert_int_equal(lend_device_move(device, given.space, &given.error), -EOPNOTSUPP);
	assert_int_equal(given.devices_closed, 0);
	lend_device_close(device);
}

static void closed_once_and_not_on_failure(void **state)
{
	struct lend_transport_ops ops = least;
	struct lend_device_backend backend = backend_of(&ops, 5);
	struct lend_device *device;

	(void)state;
	ops.map = map_none;
	ops.close = close_device;
	map_memory();
	given.areas[0] = (struct lend_area){0, 0x2000};
	given.areas[1] = (struct lend_area){0x1000, 0x2000}; /* they overlap */
	given.area_count = 2;
	assert_int_equal(open_it(&backend, &device), -EPROTO);
	given.area_count = 1000;
	assert_int_equal(open_it(&backend, &device), -EPROTO);
	given.area_count = 1;
	given.fail_maps = 1;
	assert_int_equal(open_it(&backend, &device), -ENOSPC);
	assert_int_equal(given.devices_closed, 0);
	assert_int_equal(given.domains_closed, 0);
	given.fail_maps = 0;
	assert_int_equal(open_it(&backend, &device), 0);
	assert_int_equal(given.maps, 1);
	lend_device_close(device);
	assert_int_equal(given.devices_closed, 1);
	assert_int_equal(given.domains_closed, 1);
}

/* The table and the pointer name a domain; a third device has one of its own. */
static void a_domain_for_two(void **state)
{
	struct lend_device_backend backend = backend_of(&least, 5);
	struct lend_device *first, *second, *third, *apart;

	(void)state;
	map_memory();
	assert_int_equal(open_it(&backend, &first), 0);
	backend.bdf.bus = 6;
	assert_int_equal(open_it(&backend, &second), 0);
	assert_int_equal(given.maps, 1);
	backend.bdf.bus = 7;
	backend.domain = &backend;
	assert_int_equal(open_it(&backend, &third), 0);
	assert_int_equal(given.maps, 2);
	backend.bdf.bus = 8;
	backend.domain_ops = NULL;
	assert_int_equal(open_it(&backend, &apart), 0);
	assert_int_equal(given.maps, 2);
	lend_device_close(first);
	assert_int_equal(given.domains_closed, 0);
	lend_device_close(apart);
	lend_device_close(second);
	assert_int_equal(given.domains_closed, 1);
	lend_device_close(third);
	assert_int_equal(given.domains_closed, 2);
}

static void tables_that_are_none(void **state)
{
	struct {
		struct lend_transport_ops ops;
		uint64_t more;
	} larger = {least, 0};
	struct lend_domain_ops no_unmap = domain;
	struct lend_transport_ops ops = least;
	struct lend_device_backend backend = backend_of(NULL, 5);
	struct lend_device *device;

	(void)state;
	assert_int_equal(open_it(&backend, &device), -EINVAL);
	backend.transport = &ops;
	ops.read = NULL;
	assert_int_equal(open_it(&backend, &device), -EINVAL);
	/* An older table, that ends behind what must be there. */
	ops = least;
	ops.size = offsetof(struct lend_transport_ops, map);
	ops.map = map_none; /* is not its own */
	assert_int_equal(open_it(&backend, &device), 0);
	lend_device_close(device);
	ops.size = offsetof(struct lend_transport_ops, write);
	assert_int_equal(open_it(&backend, &device), -EINVAL);
	/* A newer one. */
	larger.ops.size = sizeof(larger);
	backend.transport = &larger.ops;
	assert_int_equal(open_it(&backend, &device), 0);
	lend_device_close(device);
	larger.more = 1;
	assert_int_equal(open_it(&backend, &device), -E2BIG);
	backend.transport = &least;
	backend.domain_ops = &no_unmap;
	no_unmap.unmap = NULL;
	assert_int_equal(open_it(&backend, &device), -EINVAL);
	backend = backend_of(&least, 5);
	backend.size = sizeof(size_t) - 1;
	assert_int_equal(open_it(&backend, &device), -EINVAL);
	assert_int_equal(open_it(NULL, &device), -EINVAL);
}

/* The device of lend/fake.h beside it, in the same space: each has its own domain. */
static void the_installed_fake_beside(void **state)
{
	struct lend_device_backend backend = backend_of(&least, 6);
	struct lend_fake *fake = lend_fake_new();
	struct lend_device *one, *other;

	(void)state;
	assert_non_null(fake);
	map_memory();
	assert_int_equal(lend_fake_open(fake, given.space, NULL, &one, &given.error), 0);
	assert_int_equal(open_it(&backend, &other), 0);
	assert_int_equal(given.maps, 1);
	assert_int_equal(lend_fake_mapped(fake), 4096);
	lend_device_close(one);
	assert_int_equal(lend_fake_left(fake), 0);
	lend_device_close(other);
	lend_fake_free(fake);
}

#define in_a_space(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_a_space(the_least_device),          in_a_space(closed_once_and_not_on_failure),
		in_a_space(a_domain_for_two),          in_a_space(tables_that_are_none),
		in_a_space(the_installed_fake_beside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
