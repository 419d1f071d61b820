/* SPDX-License-Identifier: MIT */
/*
 * A device of the host behind a server of vfio-user: what the client asks for reaches
 * the device as it is, and at the client's end all of it is taken back in order. The
 * client is a raw peer in the same thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "lend/server.h"
#include "tests/unit/cmocka.h"
#include "tests/unit/fake_private.h"
#include "tests/unit/forward_client.h"

enum { PAGE = 4096, MSIX = LEND_IRQ_MSIX };

static bool same_file(int a, int b)
{
	struct stat one, other;

	assert_int_equal(fstat(a, &one), 0);
	assert_int_equal(fstat(b, &other), 0);
	return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

/* What the client is told */

static void client_is_told_what_vfio_says(void **state)
{
	struct client *client = client_new();
	struct wire_region_info info;
	struct wire_area area;
	struct wire_irq_info irq;
	int fd;

	(void)state;
	client_open(client);
	info = client_region(client, 0, &fd);
	assert_int_equal(info.size, 0x4000);
	assert_int_equal(info.flags, WIRE_REGION_CAN_READ | WIRE_REGION_CAN_WRITE | WIRE_REGION_CAN_MAP |
					     WIRE_REGION_CAPS);
	assert_true(fd >= 0);
	close(fd);
	memcpy(&area, client->peer.reader.payload + info.cap_offset + 16, sizeof(area));
	assert_int_equal(area.offset, 0);
	assert_int_equal(area.size, 0x4000);

	info = client_region(client, LEND_REGION_CONFIG, &fd);
	assert_int_equal(info.size, 4096);
	assert_int_equal(info.flags, WIRE_REGION_CAN_READ | WIRE_REGION_CAN_WRITE);
	/* The legacy VGA ranges are the host's. */
	assert_int_equal(client_region(client, LEND_REGION_VGA, &fd).size, 0);

	irq = client_irq(client, MSIX);
	assert_int_equal(irq.count, 64);
	assert_true(irq.flags & WIRE_IRQ_NORESIZE);
	assert_int_equal(client_irq(client, LEND_IRQ_INTX).count, 1);
	assert_int_equal(client_irq(client, LEND_IRQ_ERR).count, 1);
	/* The host asks the owner of the device, which is not the client. */
	assert_int_equal(client_irq(client, LEND_IRQ_REQ).count, 0);
	client_free(client);
}

static void bars_of_a_device_are_mapped_by_its_own_descriptor(void **state)
{
	struct client *client = client_new();
	struct wire_region_info info;
	int fd;

	(void)state;
	world_bar(client->world, 2, 0, 0x8000);
	client->world->sparse[2] = true;
	client->world->regions[2].area_count = 2;
	client->world->areas[2][0] = (struct lend_area){0, 0x1000};
	client->world->areas[2][1] = (struct lend_area){0x4000, 0x2000};
	world_bar(client->world, 3, 0, 0x100); /* smaller than a page */
	client_open(client);
	info = client_region(client, 2, &fd);
	assert_int_equal(info.offset, 2ull << 40);
	assert_int_equal(info.argsz, 32 + 16 + 2 * 16);
	assert_true(same_file(fd, client->world->file));
	close(fd);
	info = client_region(client, 3, &fd);
	assert_int_equal(info.size, 0x100);
	assert_int_equal(fd, -1);
	assert_false(info.flags & WIRE_REGION_CAN_MAP);
	client_free(client);
}

static void without_maps_the_client_gets_no_descriptor(void **state)
{
	struct client *client = client_new();
	int fd;

	(void)state;
	client->world->function_config.no_mmap = true;
	client_open(client);
	for (unsigned i = 0; i < LEND_REGION_COUNT; i++) {
		client_region(client, i, &fd);
		assert_int_equal(fd, -1);
	}
	client_free(client);
}

/* Accesses */

static void accesses_go_to_the_device_as_they_are(void **state)
{
	struct client *client = client_new();
	uint8_t all[4096];

	(void)state;
	client_open(client);
	client->world->bytes[0][0x1c] = 0x5a;
	assert_int_equal(client_read(client, 0, 0x1c, 4), 0x5a);
	assert_int_equal(world_find(client->world, 0, "bar_read 0 1c 4"), 0);
	assert_int_equal(client_write(client, 0, 0x1000, 8, 0x1122334455667788), 0);
	assert_int_equal(world_count(client->world, "bar_write 0 1000 8 1122334455667788"), 1);
	assert_int_equal(client_write(client, LEND_REGION_CONFIG, PCI_COMMAND, 2, 6), 0);
	assert_int_equal(world_count(client->world, "cfg_write 4 2 6"), 1);
	assert_int_equal(peer_read(&client->peer, LEND_REGION_CONFIG, 0, all, sizeof(all)), sizeof(all));
	assert_int_equal(all[0], 0x36);
	/* What the device refuses, the client is told. */
	client->world->fail_reads = true;
	assert_int_equal(peer_read(&client->peer, 0, 0, all, 4), -EIO);
	assert_int_equal(peer_read(&client->peer, LEND_REGION_CONFIG, 0, all, 4), -EIO);
	client_free(client);
}

static void rom_is_the_users_and_so_is_its_register(void **state)
{
	static uint8_t rom[3000];
	struct client *client = client_new();
	struct wire_region_info info;
	int fd;

	(void)state;
	memset(rom, 0xc3, sizeof(rom));
	client->world->function_config.rom = rom;
	client->world->function_config.rom_length = sizeof(rom);
	client_open(client);
	info = client_region(client, LEND_REGION_ROM, &fd);
	assert_int_equal(info.size, 4096);
	assert_int_equal(info.flags, WIRE_REGION_CAN_READ);
	/* Behind the file's end there are ones. */
	assert_int_equal(client_read(client, LEND_REGION_ROM, 2998, 4), 0xffffc3c3);
	world_clear(client->world);
	/* A client sizes it with one write of its own, or with one over its neighbours. */
	assert_int_equal(client_write(client, LEND_REGION_CONFIG, PCI_ROM_ADDRESS, 4, 0xfffff800), 0);
	assert_int_equal(world_count(client->world, "cfg_write"), 0);
	assert_int_equal(client_read(client, LEND_REGION_CONFIG, PCI_ROM_ADDRESS, 4), 0xfffff000);
	assert_int_equal(client_write(client, LEND_REGION_CONFIG, 0x2e, 8, 0x1122000000003344), 0);
	assert_int_equal(world_count(client->world, "cfg_write 2e 2 3344"), 1);
	assert_int_equal(world_count(client->world, "cfg_write 34 2 1122"), 1);
	assert_true(client_read(client, LEND_REGION_CONFIG, 0x2e, 8) == 0x1122000000003344);
	client_free(client);
}

/* Interrupts */

static bool is_signalled(int fd)
{
	uint64_t count;

	return read(fd, &count, sizeof(count)) == sizeof(count);
}

static void device_signals_the_clients_eventfds(void **state)
{
	struct client *client = client_new();
	int fds[3];

	(void)state;
	for (int i = 0; i < 3; i++)
		fds[i] = eventfd(0, EFD_NONBLOCK);
	client_open(client);
	/* Vectors on, none assigned; then two of them. */
	assert_int_equal(peer_set_irqs(&client->peer, MSIX, EVENTFDS, 0, 1, NULL, 0), 0);
	assert_int_equal(peer_set_irqs(&client->peer, MSIX, EVENTFDS, 5, 2, fds, 2), 0);
	assert_int_equal(world_count(client->world, "irqs 0+1 -"), 1);
	assert_int_equal(world_count(client->world, "irqs 5+2 xx"), 1);
	assert_int_equal(eventfd_write(client->world->irq_fds[6], 1), 0);
	assert_true(is_signalled(fds[1]));
	assert_false(is_signalled(fds[0]));
	assert_int_equal(peer_set_irqs(&client->peer, MSIX, NO_DATA | WIRE_IRQS_TRIGGER, 6, 1, NULL, 0), 0);
	assert_int_equal(world_count(client->world, "signal 2 6+1"), 1);
	assert_int_equal(peer_set_irqs(&client->peer, MSIX, NO_DATA | WIRE_IRQS_TRIGGER, 0, 0, NULL, 0), 0);
	assert_int_equal(world_count(client->world, "irqs off"), 1);
	/* A vector that VFIO does not have; a descriptor that is no eventfd. */
	assert_int_equal(peer_set_irqs(&client->peer, MSIX, EVENTFDS, 64, 1, fds, 1), -EINVAL);
	assert_int_equal(peer_set_irqs(&client->peer, MSIX, EVENTFDS, 0, 1, &client->world->file, 1),
			 -EINVAL);
	client->world->grant = 2;
	assert_int_equal(peer_set_irqs(&client->peer, MSIX, EVENTFDS, 0, 3, fds, 3), -ENOSPC);
	client_free(client);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
}

static void line_is_masked_and_unmasked_by_the_client(void **state)
{
	struct client *client = client_new();
	int fds[2] = {eventfd(0, EFD_NONBLOCK), eventfd(0, EFD_NONBLOCK)};
	uint32_t unmask;

	(void)state;
	client_open(client);
	assert_int_equal(peer_set_irqs(&client->peer, 0, EVENTFDS, 0, 1, fds, 1), 0);
	assert_int_equal(peer_set_irqs(&client->peer, 0, NO_DATA | WIRE_IRQS_MASK, 0, 1, NULL, 0), 0);
	assert_int_equal(
		peer_set_irqs(&client->peer, 0, WIRE_IRQS_EVENTFD | WIRE_IRQS_UNMASK, 0, 1, fds + 1, 1), 0);
	assert_int_equal(peer_set_irqs(&client->peer, 0, NO_DATA | WIRE_IRQS_UNMASK, 0, 1, NULL, 0), 0);
	world_expect_order(client->world, "intx on", "intx mask", "intx unmaskfd x", "intx unmask", NULL);
	/* Another one takes its place, as at each of QEMU's changes of the line's route. */
	unmask = WIRE_IRQS_EVENTFD | WIRE_IRQS_UNMASK;
	assert_int_equal(peer_set_irqs(&client->peer, 0, unmask, 0, 1, fds + 1, 1), 0);
	assert_int_equal(eventfd_write(client->world->intx_unmask_fd, 1), 0);
	assert_true(is_signalled(fds[1]));
	assert_int_equal(peer_set_irqs(&client->peer, 0, NO_DATA | WIRE_IRQS_TRIGGER, 0, 0, NULL, 0), 0);
	world_expect_order(client->world, "intx unmask", "intx off", NULL);
	/* The one that it gives for errors takes the place of the owner's. */
	assert_int_equal(peer_set_irqs(&client->peer, LEND_IRQ_ERR, EVENTFDS, 0, 1, fds, 1), 0);
	assert_int_equal(eventfd_write(client->world->notify_fd[0], 1), 0);
	assert_true(is_signalled(fds[0]));
	client_free(client);
	close(fds[0]);
	close(fds[1]);
}

/* Memory */

static void memory_with_a_file_is_mapped_for_the_device(void **state)
{
	struct client *client = client_new();
	int memory = memory_file(16 * PAGE);

	(void)state;
	client_open(client);
	assert_int_equal(peer_map(&client->peer, 0x10000, 4 * PAGE, 3, memory, 0), 0);
	assert_int_equal(world_count(client->world, "dma_map 10000 4000"), 1);
	/* Memory behind messages, as QEMU's copy of a ROM, is not reached, and that is no error. */
	assert_int_equal(peer_map(&client->peer, 0xc0000, 0x40000, 1, -1, 0), 0);
	assert_int_equal(peer_map(&client->peer, 0x80000, PAGE, 0, memory, 0), 0);
	assert_int_equal(client->world->map_count, 1);
	assert_int_equal(client->world->log_lines, 1);
	assert_int_equal(peer_unmap(&client->peer, 0xc0000, 0x40000, 0), 0);
	/* Where the IOMMU has no window. */
	assert_int_equal(peer_map(&client->peer, 0xfee00000, PAGE, 3, memory, 0), -ERANGE);
	client->world->fail_dma_maps = true;
	assert_int_equal(peer_map(&client->peer, 0x40000, PAGE, 3, memory, PAGE), -EFAULT);
	assert_non_null(strstr(client->world->last_log, "the client's memory is refused"));
	client->world->fail_dma_maps = false;
	assert_int_equal(peer_map(&client->peer, 0x40000, PAGE, 3, memory, PAGE), 0);
	assert_int_equal(peer_unmap(&client->peer, 0x10000, 4 * PAGE, 0), 0);
	assert_int_equal(world_count(client->world, "dma_unmap 10000 4000"), 1);
	assert_int_equal(peer_unmap(&client->peer, 0, 0, WIRE_UNMAP_ALL), 0);
	assert_int_equal(client->world->map_count, 0);
	client_free(client);
	close(memory);
}

/* Reset and the end */

static void client_resets_the_device_by_the_librarys_rules(void **state)
{
	struct client *client = client_new();
	int fd = eventfd(0, EFD_NONBLOCK);

	(void)state;
	client_open(client);
	assert_int_equal(peer_set_irqs(&client->peer, MSIX, EVENTFDS, 0, 1, &fd, 1), 0);
	assert_int_equal(client_write(client, LEND_REGION_CONFIG, PCI_COMMAND, 2, 6), 0);
	world_clear(client->world);
	assert_int_equal(client_reset(client), 0);
	world_expect_order(client->world, "cfg_write 4 2 0", "reset", NULL);
	assert_int_equal(world_count(client->world, "irqs"), 0); /* the eventfds stay */
	client->world->fail_reset = -EIO;
	assert_int_equal(client_reset(client), -EIO);
	client_free(client);
	close(fd);
}

/* The reset at open is good as long as nothing has used the device. */
static void a_device_that_no_client_used_is_not_reset_again(void **state)
{
	struct client *client = client_new();

	(void)state;
	client_open(client);
	assert_int_equal(client_reset(client), 0);
	assert_int_equal(world_count(client->world, "reset"), 0);
	assert_int_equal(client_write(client, 0, 0, 4, 1), 0);
	assert_int_equal(client_reset(client), 0);
	assert_int_equal(world_count(client->world, "reset"), 1);
	client_free(client);
}

static void start_work(struct client *client, int memory, int fd)
{
	peer_map(&client->peer, 0, 4 * PAGE, 3, memory, 0);
	peer_map(&client->peer, 0x100000, 4 * PAGE, 3, memory, 4 * PAGE);
	peer_set_irqs(&client->peer, MSIX, EVENTFDS, 0, 1, &fd, 1);
	client_write(client, LEND_REGION_CONFIG, PCI_COMMAND, 2, 6);
}

static void after_the_client_the_device_is_quiet_and_reset(void **state)
{
	struct client *client = client_new();
	int memory = memory_file(16 * PAGE), fd = eventfd(0, EFD_NONBLOCK);

	(void)state;
	client_open(client);
	start_work(client, memory, fd);
	world_clear(client->world);
	client_leave(client);
	world_expect_order(client->world, "irqs off", "cfg_write 4 2 0", "dma_unmap", "dma_unmap", "reset",
			   NULL);
	assert_int_equal(world_count(client->world, "irqs off"), 1);
	assert_int_equal(client->world->map_count, 0);
	/* The next one finds it as new, and it works. */
	client_join(client);
	assert_int_equal(client_read(client, LEND_REGION_CONFIG, PCI_COMMAND, 2), 0);
	start_work(client, memory, fd);
	assert_int_equal(client->world->map_count, 2);
	/* The server ends while a client is there. */
	world_clear(client->world);
	client_free_server(client);
	world_expect_order(client->world, "irqs off", "cfg_write 4 2 0", "dma_unmap", "dma_unmap", NULL);
	client_free(client);
	close(memory);
	close(fd);
}

static void after_an_error_the_client_reads_ones_until_a_reset(void **state)
{
	struct client *client = client_new();

	(void)state;
	client_open(client);
	assert_int_equal(client_write(client, LEND_REGION_CONFIG, PCI_COMMAND, 2, 6), 0);
	assert_int_equal(eventfd_write(client->world->notify_fd[0], 1), 0);
	world_run(client->world);
	assert_true(lend_function_gone(client->world->function));
	assert_int_equal(client_read(client, LEND_REGION_CONFIG, 0, 4), 0xffffffff);
	world_clear(client->world);
	assert_int_equal(client_write(client, LEND_REGION_CONFIG, PCI_COMMAND, 2, 6), 0);
	assert_int_equal(peer_set_irqs(&client->peer, MSIX, EVENTFDS, 0, 1, NULL, 0), -ENODEV);
	assert_int_equal(client->world->line_count, 0);
	assert_int_equal(client_reset(client), 0);
	assert_int_equal(client_read(client, LEND_REGION_CONFIG, 0, 2), 0x1b36);
	client_free(client);
}

/* Whatever call fails: an answer, and at the end nothing is left. */
static void each_call_may_fail(void **state)
{
	int memory = memory_file(16 * PAGE), fd = eventfd(0, EFD_NONBLOCK);
	unsigned calls = 1;

	(void)state;
	for (unsigned i = 1; i <= calls; i++) {
		struct client *client = client_new();

		client_open(client);
		client->world->lenient = true;
		client->world->calls = 0;
		client->world->fail_at = i;
		start_work(client, memory, fd);
		client_reset(client);
		peer_set_irqs(&client->peer, MSIX, NO_DATA | WIRE_IRQS_TRIGGER, 0, 0, NULL, 0);
		peer_set_irqs(&client->peer, 0, EVENTFDS, 0, 1, &fd, 1);
		client_leave(client);
		assert_int_equal(client->world->map_count, 0);
		client_join(client);
		start_work(client, memory, fd);
		calls = client->world->calls;
		client->world->fail_at = 0;
		client_free(client);
	}
	assert_in_range(calls, 20, 200);
	close(memory);
	close(fd);
}

static void line_is_the_clients(void **state)
{
	struct client *client = client_new();
	struct lend_server *server;

	(void)state;
	client->world->function_config.no_intx = false;
	assert_int_equal(world_open(client->world), 0);
	assert_int_equal(lend_server_new_for(client->world->function, &server, &client->world->error),
			 -EINVAL);
	assert_non_null(strstr(client->world->error.text, "no_intx"));
	client_free(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(client_is_told_what_vfio_says),
		cmocka_unit_test(bars_of_a_device_are_mapped_by_its_own_descriptor),
		cmocka_unit_test(without_maps_the_client_gets_no_descriptor),
		cmocka_unit_test(accesses_go_to_the_device_as_they_are),
		cmocka_unit_test(rom_is_the_users_and_so_is_its_register),
		cmocka_unit_test(device_signals_the_clients_eventfds),
		cmocka_unit_test(line_is_masked_and_unmasked_by_the_client),
		cmocka_unit_test(memory_with_a_file_is_mapped_for_the_device),
		cmocka_unit_test(client_resets_the_device_by_the_librarys_rules),
		cmocka_unit_test(a_device_that_no_client_used_is_not_reset_again),
		cmocka_unit_test(after_the_client_the_device_is_quiet_and_reset),
		cmocka_unit_test(after_an_error_the_client_reads_ones_until_a_reset),
		cmocka_unit_test(each_call_may_fail),
		cmocka_unit_test(line_is_the_clients),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
