/* SPDX-License-Identifier: MIT */
/*
 * conform [fake]            on the fake backend of the unit tests
 * conform legacy ADDRESS    on a device that is bound to vfio-pci, each way
 * conform iommufd ADDRESS
 *
 * The device has a line interrupt, and messages. All cases run, but those of the table
 * below, which are left out where it says so, and only there.
 *
 * CONFORM_LIMIT: the limit of maps that the kernel was told (dma_entry_limit).
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "tests/conform/conform.h"
#include "tests/unit/fake_world.h"

struct bench bench;

/* The cases that a backend cannot carry. */
static const struct {
	const char *backend, *name;
} left_out[] = {
	{"fake", "memory_that_is_not_there"}, /* it looks at no memory */
};
enum { LEFT_OUT = sizeof(left_out) / sizeof(*left_out) };
static unsigned seen[LEFT_OUT];

void bench_leave_out(const char *name, const char *why)
{
	for (unsigned i = 0; i < LEFT_OUT; i++)
		if (!strcmp(left_out[i].backend, bench.name) && !strcmp(left_out[i].name, name)) {
			seen[i]++;
			skip();
		}
	fail_msg("%s has to run on %s: %s", name, bench.name, why);
}

/* Each row of the table is needed: a case that a backend can carry by now is no longer in it. */
static int check_left_out(void)
{
	int wrong = 0;

	for (unsigned i = 0; i < LEFT_OUT; i++) {
		if (strcmp(left_out[i].backend, bench.name) != 0 || seen[i] == 1)
			continue;
		fprintf(stderr, "%s was to be left out once on %s, and was so %u times\n", left_out[i].name,
			bench.name, seen[i]);
		wrong++;
	}
	return wrong;
}

/* That the way was taken is seen from outside too: which nodes of VFIO this process has open. */
static bool has_open(const char *prefix)
{
	DIR *listed = opendir("/proc/self/fd");
	const struct dirent *entry;
	bool found = false;

	assert_non_null(listed);
	while ((entry = readdir(listed))) {
		char path[300], target[300];
		ssize_t length;

		snprintf(path, sizeof(path), "/proc/self/fd/%s", entry->d_name);
		length = readlink(path, target, sizeof(target) - 1);
		if (length < 0)
			continue;
		target[length] = '\0';
		found |= !strncmp(target, prefix, strlen(prefix));
	}
	closedir(listed);
	return found;
}

static void check_backend(void)
{
	bool iommufd = !strcmp(bench.name, "iommufd");

	assert_int_equal(lend_device_info(bench.device)->backend,
			 iommufd ? LEND_BACKEND_IOMMUFD : LEND_BACKEND_LEGACY);
	assert_int_equal(has_open("/dev/vfio/devices/"), iommufd);
	assert_int_equal(has_open("/dev/iommu"), iommufd);
	assert_int_equal(has_open("/dev/vfio/vfio"), !iommufd);
}

static void open_real(void)
{
	static const struct lend_host_ops ops = {.size = sizeof(ops)};
	struct lend_device_config config = LEND_DEVICE_CONFIG_INIT;
	struct lend_error error;

	assert_int_equal(lend_context_new(NULL, &bench.context), 0);
	assert_int_equal(lend_space_new(bench.context, &ops, NULL, &bench.space), 0);
	config.address = bench.address;
	config.backend = strcmp(bench.name, "iommufd") ? LEND_BACKEND_LEGACY : LEND_BACKEND_IOMMUFD;
	if (lend_device_open_with(bench.space, &config, &bench.device, &error))
		fail_msg("%s", error.text);
	check_backend();
}

/* A drive, as far as config space and BAR 0 go. */
static void open_fake(void)
{
	bench.world = world_new();
	world_nvme(bench.world);
	bench.world->vectors[LEND_IRQ_INTX] = 1;
	bench.world->lenient = true;
	assert_int_equal(world_open(bench.world), 0);
	bench.context = bench.world->context;
	bench.space = bench.world->space;
	bench.device = bench.world->device;
}

int bench_open(void **state)
{
	*state = &bench;
	if (bench.address)
		open_real();
	else
		open_fake();
	return 0;
}

int bench_close(void **state)
{
	(void)state;
	if (bench.world) {
		world_close(bench.world);
		world_free(bench.world);
	} else {
		lend_device_close(bench.device);
		lend_space_free(bench.space);
		lend_context_free(bench.context);
		assert_false(has_open("/dev/vfio/"));
	}
	bench.world = NULL;
	bench.device = NULL;
	bench.space = NULL;
	bench.context = NULL;
	return 0;
}

static int usage(void)
{
	fputs("usage: conform [fake | legacy ADDRESS | iommufd ADDRESS]\n", stderr);
	return 2;
}

static int run(const char *group, const struct CMUnitTest *cases, size_t count)
{
	char name[64];

	snprintf(name, sizeof(name), "%s on %s", group, bench.name);
	return _cmocka_run_group_tests(name, cases, count, NULL, NULL);
}

int main(int argc, char **argv)
{
	const char *limit = getenv("CONFORM_LIMIT");
	int failed;

	bench.name = argc > 1 ? argv[1] : "fake";
	bench.address = argc > 2 ? argv[2] : NULL;
	bench.limit = bench.address ? 0 : WORLD_MAPS;
	bench.can_touch = bench.address != NULL;
	if (argc > 3 || (strcmp(bench.name, "fake") != 0) != (bench.address != NULL))
		return usage();
	if (bench.address && strcmp(bench.name, "legacy") != 0 && strcmp(bench.name, "iommufd") != 0)
		return usage();
	if (limit)
		bench.limit = (unsigned)atoi(limit);
	failed = run("transport", transport_cases, transport_case_count);
	failed += run("interrupts", interrupt_cases, interrupt_case_count);
	failed += run("domain", domain_cases, domain_case_count);
	failed += check_left_out();
	return failed ? 1 : 0;
}
