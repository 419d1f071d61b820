/* SPDX-License-Identifier: MIT */
/* MSI: one and several vectors, masks, partial grants, messages that change while it is on. */
#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "lib/pci/function.h"
#include "tests/unit/cmocka.h"
#include "tests/unit/fake_world.h"

enum { CAP = 0x60, ORDER_3 = 3 << 1, ASK_8 = 3 << 4, ENABLE = 1 };
enum { FULL = ORDER_3 | PCI_MSI_FLAGS_64BIT | PCI_MSI_FLAGS_MASKBIT };

static struct world *start(uint32_t flags, unsigned vectors)
{
	struct world *world = world_new();

	world_bar(world, 0, 0, 0x1000);
	world_msi(world, flags, vectors);
	assert_int_equal(world_open(world), 0);
	world_start(world);
	world_clear(world);
	return world;
}

static void stop(struct world *world)
{
	world_close(world);
	world_free(world);
}

static void message(struct world *world, uint64_t address, uint32_t data)
{
	world_write(world, CAP + PCI_MSI_ADDRESS_LO, 4, (uint32_t)address);
	world_write(world, CAP + PCI_MSI_ADDRESS_HI, 4, (uint32_t)(address >> 32));
	world_write(world, CAP + PCI_MSI_DATA_64, 2, data);
}

static void enable(struct world *world, unsigned control)
{
	world_write(world, CAP + PCI_MSI_FLAGS, 2, control | ENABLE);
}

static void registers_are_as_in_hardware(void **state)
{
	struct world *world = start(FULL, 8);

	(void)state;
	assert_int_equal(world_read(world, CAP + PCI_MSI_FLAGS, 2), FULL);
	world_write(world, CAP + PCI_MSI_ADDRESS_LO, 4, 0xffffffff);
	assert_int_equal(world_read(world, CAP + PCI_MSI_ADDRESS_LO, 4), 0xfffffffc);
	world_write(world, CAP + PCI_MSI_MASK_64, 4, 0xffffffff);
	assert_int_equal(world_read(world, CAP + PCI_MSI_MASK_64, 4), 0xff);
	world_write(world, CAP + PCI_MSI_PENDING_64, 4, 0xffffffff);
	assert_int_equal(world_read(world, CAP + PCI_MSI_PENDING_64, 4), 0);
	for (unsigned i = 2; i < 0x18; i++)
		assert_int_equal(world->written[CAP + i], 0); /* none of it reaches the device */
	stop(world);
}

static void all_vectors_in_one_update(void **state)
{
	struct world *world = start(FULL, 8);

	(void)state;
	message(world, 0x1fee00000, 0x4045);
	enable(world, ASK_8);
	assert_int_equal(world_count(world, "msi_commit"), 1);
	world_expect_order(world, "irqs 0+8 xxxxxxxx", "msi_begin", "msi_commit", "attach 0", "attach 7",
			   NULL);
	for (unsigned i = 0; i < 8; i++) {
		assert_true(world->routes[i].address == 0x1fee00000);
		assert_int_equal(world->routes[i].data, 0x4040 | i); /* the low bits are the number */
		assert_true(world_interrupt(world, i));
	}
	world_run(world);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(world->routes[i].delivered, 1);
	world_clear(world);
	world_write(world, CAP + PCI_MSI_FLAGS, 2, 0);
	world_expect_order(world, "detach 0", "detach 7", "irqs off", "msi_begin", "msi_free 7", "msi_commit",
			   NULL);
	stop(world);
}

/* Spec 14, case 5. */
static void case_14_5_fewer_than_asked(void **state)
{
	struct world *world = start(FULL, 8);

	(void)state;
	world->grant = 4;
	message(world, 0xfee00000, 0x40);
	enable(world, ASK_8);
	world_expect_order(world, "irqs 0+8 xxxxxxxx", "irqs 0+4 xxxx", NULL);
	assert_int_equal(world->routes[3].attached >= 0, 1);
	assert_int_equal(world->routes[4].attached, -1);
	assert_true(world_interrupt(world, 3));
	world_run(world);
	assert_int_equal(world->routes[3].delivered, 1);
	stop(world);
}

/* MSI without masks is not masked for ever. */
static void kvmtool_3a36d34_without_masks_it_is_never_masked(void **state)
{
	struct world *world = start(PCI_MSI_FLAGS_64BIT, 1);

	(void)state;
	message(world, 0xfee00000, 0x41);
	world_write(world, CAP + PCI_MSI_MASK_64, 4, 0xffffffff); /* not a register of this device's */
	enable(world, 0);
	assert_true(world_interrupt(world, 0));
	world_run(world);
	assert_int_equal(world->routes[0].delivered, 1);
	stop(world);
}

static void a_new_message_counts_at_once(void **state)
{
	struct world *world = start(PCI_MSI_FLAGS_64BIT, 1);

	(void)state;
	message(world, 0xfee00000, 0x41);
	enable(world, 0);
	world_write(world, CAP + PCI_MSI_DATA_64, 2, 0x52);
	assert_int_equal(world->routes[0].data, 0x52);
	world_write(world, CAP + PCI_MSI_ADDRESS_LO, 4, 0xfee01000);
	assert_true(world->routes[0].address == 0xfee01000);
	world_clear(world);
	world_write(world, CAP + PCI_MSI_DATA_64, 2, 0x52); /* the same: nothing to do */
	assert_int_equal(world_count(world, "msi_"), 0);
	stop(world);
}

static void a_masked_vector_pends_and_is_delivered_once(void **state)
{
	struct world *world = start(FULL, 8);

	(void)state;
	message(world, 0xfee00000, 0x40);
	world_write(world, CAP + PCI_MSI_MASK_64, 4, 0x0a);
	enable(world, ASK_8);
	assert_true(world_interrupt(world, 1));
	assert_true(world_interrupt(world, 1));
	assert_true(world_interrupt(world, 2));
	world_run(world);
	assert_int_equal(world->routes[1].delivered, 0);
	assert_int_equal(world->routes[2].delivered, 1);
	assert_int_equal(world_read(world, CAP + PCI_MSI_PENDING_64, 4), 2);
	world_write(world, CAP + PCI_MSI_MASK_64, 4, 0x08);
	world_run(world);
	assert_int_equal(world->routes[1].delivered, 1);
	assert_int_equal(world_read(world, CAP + PCI_MSI_PENDING_64, 4), 0);
	world_write(world, CAP + PCI_MSI_MASK_64, 4, 0xff);
	assert_true(world_interrupt(world, 3));
	world_run(world);
	world_write(world, CAP + PCI_MSI_FLAGS, 2, 0);
	assert_int_equal(world_read(world, CAP + PCI_MSI_PENDING_64, 4), 0);
	stop(world);
}

/* Without masks there is no register of pending bits: what is behind the capability is another's. */
static void the_next_capability_is_left_alone(void **state)
{
	(void)state;
	for (unsigned is_64 = 0; is_64 < 2; is_64++) {
		unsigned next = CAP + (is_64 ? PCI_MSI_PENDING_64 : PCI_MSI_PENDING_32);
		struct world *world = world_new();

		world_bar(world, 0, 0, 0x4000);
		world_msi(world, is_64 ? PCI_MSI_FLAGS_64BIT : 0, 1);
		world_cap(world, next, PCI_CAP_ID_MSIX);
		world_set(world, next + PCI_MSIX_FLAGS, 2, 7);
		world_set(world, next + PCI_MSIX_TABLE, 4, 0x2000);
		world_set(world, next + PCI_MSIX_PBA, 4, 0x3000);
		world->vectors[LEND_IRQ_MSIX] = 8;
		assert_int_equal(world_open(world), 0);
		world_start(world);
		enable(world, 0);
		assert_int_equal(world_read(world, next, 4), PCI_CAP_ID_MSIX | 7 << 16);
		world_write(world, CAP + PCI_MSI_FLAGS, 2, 0);
		assert_int_equal(world_read(world, next, 4), PCI_CAP_ID_MSIX | 7 << 16);
		stop(world);
	}
}

static void capabilities_that_lie(void **state)
{
	struct world *world = start(7 << 1, 1); /* a reserved order */

	(void)state;
	assert_int_equal(world_read(world, CAP + PCI_MSI_FLAGS, 2) & PCI_MSI_FLAGS_QMASK, 5 << 1);
	enable(world, 7 << 4); /* more than there are: VFIO refuses, and nothing is left */
	assert_int_equal(world->routes[0].attached, -1);
	stop(world);

	world = start(PCI_MSI_FLAGS_64BIT, 0); /* VFIO gives none: hidden */
	assert_int_equal(world_read(world, PCI_CAPABILITY_LIST, 1), 0);
	stop(world);
}

/* A guest may turn MSI on and off as often as it likes: what is said of it is not more. */
static void a_grant_of_fewer_is_not_said_without_end(void **state)
{
	struct world *world = world_new();

	(void)state;
	world_nvme(world);
	world_msi(world, 2 << 1 | PCI_MSI_FLAGS_64BIT, 4);
	world->mute = true;
	world->grant = 1;
	assert_int_equal(world_open(world), 0);
	world_start(world);
	for (unsigned i = 0; i < 1000; i++) {
		world_write(world, 0x62, 2, 2 << 4 | 1);
		world_write(world, 0x62, 2, 0);
	}
	assert_true(world->log_lines > 0 && world->log_lines < 100);
	world_close(world);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_grant_of_fewer_is_not_said_without_end),
		cmocka_unit_test(registers_are_as_in_hardware),
		cmocka_unit_test(all_vectors_in_one_update),
		cmocka_unit_test(case_14_5_fewer_than_asked),
		cmocka_unit_test(kvmtool_3a36d34_without_masks_it_is_never_masked),
		cmocka_unit_test(a_new_message_counts_at_once),
		cmocka_unit_test(a_masked_vector_pends_and_is_delivered_once),
		cmocka_unit_test(capabilities_that_lie),
		cmocka_unit_test(the_next_capability_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
