/* SPDX-License-Identifier: MIT */
/*
 * Saving a function and loading it into another one, on every device of the
 * fake; a file of the first version, kept in tests/unit/data; and files that
 * are damaged, foreign or from the future.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "lib/pci/life/state_file.h"
#include "tests/unit/fake_private.h"
#include "tests/unit/test_pci.h"

static void make_nvme(struct world *world)
{
	world_nvme(world);
}

static void make_msi(struct world *world)
{
	world_bar(world, 0, 0, 0x1000);
	world_msi(world, PCI_MSI_FLAGS_64BIT | PCI_MSI_FLAGS_MASKBIT | 2 << 1, 4);
}

static void make_line(struct world *world)
{
	world_bar(world, 0, 0, 0x1000);
	world_bar(world, 1, PCI_BASE_ADDRESS_SPACE_IO, 0x40);
	world->vectors[LEND_IRQ_INTX] = 1;
	world->config_size = 256;
}

static void run_nvme(struct world *world)
{
	world_start(world);
	world_vector(world, 0, 0xfee00000, 0x31, false);
	world_vector(world, 5, 0xfee01000, 0x35, false);
	world_write(world, 0x50 + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
	world_vector(world, 5, 0xfee01000, 0x35, true);
}

static void run_msi(struct world *world)
{
	world_start(world);
	world_write(world, 0x60 + PCI_MSI_ADDRESS_LO, 4, 0xfee00000);
	world_write(world, 0x60 + PCI_MSI_DATA_64, 2, 0x40);
	world_write(world, 0x60 + PCI_MSI_MASK_64, 4, 0x2);
	world_write(world, 0x60 + PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_ENABLE | 2 << 4);
}

static void run_line(struct world *world)
{
	world_start(world);
	world_write(world, PCI_BASE_ADDRESS_1, 4, 0xc000);
	world_write(world, PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	world_write(world, PCI_INTERRUPT_LINE, 1, 11);
}

static const struct {
	const char *name;
	void (*make)(struct world *world);
	void (*run)(struct world *world);
} devices[] = {
	{"nvme", make_nvme, run_nvme},
	{"msi", make_msi, run_msi},
	{"line", make_line, run_line},
};

static struct world *open_world(void (*make)(struct world *world))
{
	struct world *world = world_new();

	make(world);
	return start(world);
}

static uint8_t *save(struct world *world)
{
	size_t size = lend_function_state_size();
	uint8_t *bytes = malloc(size);

	assert_non_null(bytes);
	assert_int_equal(lend_function_save(world->function, bytes, size - 1), -ENOSPC);
	assert_int_equal(lend_function_save(world->function, bytes, size), size);
	return bytes;
}

static int load(struct world *world, const void *bytes, size_t size)
{
	return lend_function_load(world->function, bytes, size, &world->error);
}

/* The guest finds the same registers, and the monitor was told the same. */
static void assert_alike(const struct world *a, const struct world *b)
{
	for (unsigned i = 0; i < 6; i++) {
		assert_int_equal(a->bars[i].placed, b->bars[i].placed);
		assert_int_equal(a->bars[i].address, b->bars[i].address);
	}
	for (unsigned i = 0; i < 64; i++) {
		/* A masked vector may keep its route, or have none. */
		assert_int_equal(a->routes[i].attached >= 0, b->routes[i].attached >= 0);
		if (a->routes[i].attached < 0)
			continue;
		assert_int_equal(a->routes[i].address, b->routes[i].address);
		assert_int_equal(a->routes[i].data, b->routes[i].data);
	}
	assert_int_equal(a->msix_on, b->msix_on);
	assert_int_equal(a->irq_index, b->irq_index);
	for (unsigned i = 0; i < a->config_size; i++)
		assert_int_equal(lend_function_config_read(a->function, i, 1),
				 lend_function_config_read(b->function, i, 1));
}

static void round_trip(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(devices) / sizeof(*devices); i++) {
		struct world *from = open_world(devices[i].make), *to;
		uint8_t *first, *second;

		devices[i].run(from);
		to = open_world(devices[i].make); /* each counts the descriptors from its own start */
		first = save(from);
		assert_int_equal(load(to, first, lend_function_state_size()), 0);
		assert_alike(from, to);
		second = save(to);
		assert_memory_equal(first, second, lend_function_state_size());
		/* Into one that does something else meanwhile. */
		devices[i].run(to);
		world_write(to, PCI_BASE_ADDRESS_0, 4, 0xd0000000);
		assert_int_equal(load(to, first, lend_function_state_size()), 0);
		assert_alike(from, to);
		free(first);
		free(second);
		stop(to);
		stop(from);
	}
}

/* What came while its vector was masked is delivered when the successor unmasks it. */
static void pending_goes_along(void **state)
{
	struct world *from = open_world(make_nvme), *to;
	uint8_t *bytes;

	(void)state;
	run_nvme(from);
	to = open_world(make_nvme);
	assert_true(world_interrupt(from, 5));
	bytes = save(from);
	assert_int_equal(load(to, bytes, lend_function_state_size()), 0);
	world_run(to);
	assert_int_equal(to->routes[5].delivered, 0);
	assert_int_equal(lend_function_bar_read(to->function, 0, 0x3000, 8), 1 << 5);
	/* Its page traps, so that the guest sees the bit. */
	assert_int_equal(from->bars[0].direct_count, 2);
	assert_int_equal(to->bars[0].direct_count, 1);
	world_vector(to, 5, 0xfee01000, 0x35, false);
	world_run(to);
	assert_int_equal(to->routes[5].delivered, 1);
	assert_int_equal(to->routes[0].delivered, 0);
	free(bytes);
	stop(to);
	stop(from);
}

static void not_taken(void **state)
{
	struct world *from = open_world(make_nvme), *to, *other;
	struct state_file *file;
	size_t size = lend_function_state_size();

	(void)state;
	run_nvme(from);
	to = open_world(make_nvme);
	other = open_world(make_line);
	file = (struct state_file *)(void *)save(from);
	assert_int_equal(load(to, file, 0), -EINVAL);
	assert_int_equal(load(to, file, 20), -EINVAL);
	assert_int_equal(load(to, file, size - 1), -EINVAL);
	assert_int_equal(load(other, file, size), -ENODEV);
	assert_non_null(strstr(other->error.text, "another kind"));
	file->version = STATE_VERSION + 1;
	assert_int_equal(load(to, file, size), -ENOTSUP);
	assert_non_null(strstr(to->error.text, "version 2"));
	file->version = 0;
	assert_int_equal(load(to, file, size), -EINVAL);
	file->version = STATE_VERSION;
	/* One that differs from this device in a single point is of another kind, too. */
	for (unsigned i = 0; i < 5; i++) {
		struct state_file other_kind = *file;

		other_kind.vendor ^= i == 0;
		other_kind.device ^= i == 1;
		other_kind.config_size = i == 2 ? 256 : other_kind.config_size;
		other_kind.msix_count -= i == 3;
		other_kind.msi_count += i == 4;
		assert_int_equal(load(to, &other_kind, size), -ENODEV);
	}
	file->magic++;
	assert_int_equal(load(to, file, size), -EINVAL);
	assert_false(to->bars[0].placed);
	free(file);
	stop(other);
	stop(to);
	stop(from);
}

/* Whatever is in it, the guest gets no register that it could not have written. */
static void read_only_stays(void **state)
{
	struct world *from = open_world(make_nvme), *to;
	struct state_file *file;

	(void)state;
	to = open_world(make_nvme);
	file = (struct state_file *)(void *)save(from);
	memset(file->config, 0xff, sizeof(file->config));
	memset(file->table, 0xff, sizeof(file->table));
	memset(file->pending, 0xff, sizeof(file->pending));
	assert_int_equal(load(to, file, lend_function_state_size()), 0);
	assert_int_equal(world_read(to, PCI_VENDOR_ID, 4), 0x11221b36);
	assert_int_equal(world_read(to, 0x50 + PCI_MSIX_TABLE, 4), 0x2000);
	assert_int_equal(world_read(to, 0x50 + PCI_MSIX_FLAGS, 2) & PCI_MSIX_FLAGS_QSIZE, 63);
	free(file);
	stop(to);
	stop(from);
}

/* Lines "OFFSET BYTE", both hexadecimal, of the bytes that are not 0. */
static void first_version(void **state)
{
	const char *path = "tests/unit/data/state-v1.txt";
	struct world *from = open_world(make_nvme), *to;
	uint8_t *bytes = calloc(1, sizeof(struct state_file));
	unsigned offset, byte;
	FILE *file;

	(void)state;
	run_nvme(from);
	to = open_world(make_nvme);
	if (getenv("WRITE_STATE")) {
		uint8_t *now = save(from);

		file = fopen(path, "we");
		for (offset = 0; offset < sizeof(struct state_file); offset++)
			if (now[offset])
				fprintf(file, "%x %x\n", offset, now[offset]);
		fclose(file);
		free(now);
	}
	file = fopen(path, "re");
	assert_non_null(file);
	while (fscanf(file, "%x %x", &offset, &byte) == 2) {
		assert_true(offset < sizeof(struct state_file));
		bytes[offset] = (uint8_t)byte;
	}
	fclose(file);
	assert_int_equal(load(to, bytes, sizeof(struct state_file)), 0);
	assert_alike(from, to);
	free(bytes);
	stop(to);
	stop(from);
}

/* What cannot be read is no state, and the caller's buffer stays as it is. */
static void one_that_cannot_be_read_is_not_saved(void **state)
{
	struct world *world = open_world(make_nvme);
	size_t size = lend_function_state_size();
	uint8_t *bytes = calloc(1, size);

	(void)state;
	world->fail_reads = true;
	assert_true(lend_function_save(world->function, bytes, size) < 0);
	for (size_t i = 0; i < size; i++)
		assert_int_equal(bytes[i], 0);
	world->fail_reads = false;
	free(bytes);
	stop(world);
}

static struct world *goes; /* the device that fails at the write of its command register, or at a read */
static bool at_read;

static void fail_now(void)
{
	uint64_t one = 1;

	assert_int_equal(write(goes->notify_fd[0], &one, sizeof(one)), sizeof(one));
	world_run(goes); /* the loop finds the function busy */
}

static int failing_write(void *dev, unsigned region, uint64_t offset, const void *data, unsigned length)
{
	if (dev == goes && !at_read && region == LEND_REGION_CONFIG && offset == PCI_COMMAND)
		fail_now();
	return fake_transport.write(dev, region, offset, data, length);
}

static int failing_read(void *dev, unsigned region, uint64_t offset, void *data, unsigned length)
{
	if (dev == goes && at_read && region == LEND_REGION_CONFIG)
		fail_now();
	return fake_transport.read(dev, region, offset, data, length);
}

/* What was written to it from then on was dropped, and what was read of it is nothing. */
static void one_that_goes_meanwhile_is_said(void **state)
{
	struct transport_ops ops = fake_transport;
	struct world *world = world_new();
	uint8_t *bytes;

	(void)state;
	ops.write = failing_write;
	ops.read = failing_read;
	make_nvme(world);
	world->vectors[LEND_IRQ_ERR] = 1;
	start(world);
	run_nvme(world);
	bytes = save(world);
	world->device->ops = &ops;
	goes = world;
	for (unsigned i = 0; i < 2; i++) {
		struct lend_reset_report report;

		at_read = i;
		assert_int_equal(
			at_read ? lend_function_save(world->function, bytes, lend_function_state_size())
				: load(world, bytes, lend_function_state_size()),
			-ENODEV);
		assert_true(lend_function_gone(world->function));
		at_read = false;
		goes = NULL;
		assert_int_equal(
			lend_context_reset(world->context, &world->function, 1, &report, sizeof(report)), 0);
		assert_false(lend_function_gone(world->function));
		goes = world;
	}
	assert_non_null(strstr(world->error.text, "failed"));
	goes = NULL;
	world->device->ops = &fake_transport;
	free(bytes);
	stop(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(pending_goes_along),
		cmocka_unit_test(not_taken),
		cmocka_unit_test(read_only_stays),
		cmocka_unit_test(first_version),
		cmocka_unit_test(one_that_goes_meanwhile_is_said),
		cmocka_unit_test(one_that_cannot_be_read_is_not_saved),
	};

	return cmocka_run_group_tests_name("pci_state", tests, NULL, NULL);
}
