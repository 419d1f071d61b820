/* SPDX-License-Identifier: MIT */
/*
 * The chips of firmware in a machine, with doubles of KVM: what is where on the buses and in memory
 * slots, and what the firmware's writes to its chipset change there.
 */
#include <sys/timerfd.h>

#include "tests/unit/failing_allocations.h"
#include "tests/unit/firmware_machine.h"
#include "vmm/exits.h"
#include "vmm/vcpu.h"

static bool has_slot(uint64_t at, uint64_t size)
{
	for (unsigned i = 0; i < 64; i++)
		if (kvm.slots[i].size == size && kvm.slots[i].gpa == at)
			return kvm.slots[i].flags == KVM_MEM_READONLY;
	return false;
}

static void flash_ends_at_4_gib(void **state)
{
	const uint64_t store = 0xffc00000, code = 0xffc84000;

	(void)state;
	assert_true(has_slot(code, CODE_4M));
	assert_true(has_slot(store, VARS_4M));
	bus_write(&vmm.memory_bus, store + 0x10, 1, 0x70);
	assert_false(has_slot(store, VARS_4M)); /* what is read is status now */
	assert_int_equal(memory_read(store + 0x10, 1), 0);
	bus_write(&vmm.memory_bus, store + 0x10, 1, 0xff);
	assert_true(has_slot(store, VARS_4M));
	bus_write(&vmm.memory_bus, code, 1, 0x70); /* ROM */
	assert_true(has_slot(code, CODE_4M));
	bus_write(&vmm.memory_bus, store, 1, 0x70);
	assert_int_equal(firmware_reset(&vmm), 0);
	assert_true(has_slot(store, VARS_4M));
	assert_int_equal(pits, 1);
}

/* Writes are kept while the store is a chip, and never while its bytes are memory that does not change. */
static void writes_to_the_store_are_kept(void **state)
{
	const uint64_t store = 0xffc00000;
	struct vcpu vcpu = {.run = calloc(1, 3 * 4096)};
	struct kvm_coalesced_mmio_ring *ring = (void *)((uint8_t *)vcpu.run + 2 * 4096);
	struct itimerspec timer;

	(void)state;
	vmm.vcpus.vcpu = &vcpu;
	vmm.vcpus.run_size = 3 * 4096;
	assert_int_equal(posts_init(&vmm, NULL) + firmware_post(&vmm, NULL), 0);
	assert_null(vmm.vcpus.posted); /* this KVM keeps none */
	assert_int_equal(kvm.kept_ports, 0);
	kvm.ring_page = 2;
	assert_int_equal(posts_init(&vmm, NULL) + firmware_post(&vmm, NULL), 0);
	assert_ptr_equal(vmm.vcpus.posted, &vmm.posted);
	assert_ptr_equal(vmm.posted.ring, ring);
	assert_int_equal(kvm.kept_ports, 3);
	assert_int_equal(kvm.zone.length, 0);
	bus_write(&vmm.memory_bus, store, 1, 0x10);
	assert_int_equal(kvm.zone.at == store && kvm.zone.length == VARS_4M, 1);
	timerfd_gettime(vmm.firmware->posted_timer, &timer);
	assert_true(timer.it_interval.tv_nsec > 0);
	ring->coalesced_mmio[0] = (struct kvm_coalesced_mmio){.phys_addr = store, .len = 1};
	ring->coalesced_mmio[1] = (struct kvm_coalesced_mmio){.phys_addr = store, .len = 1, .data = {0xff}};
	ring->last = 2;
	while (!has_slot(store, VARS_4M)) /* no exit comes: the timer does it */
		assert_int_equal(loop_once(&vmm.loop), 0);
	assert_int_equal(memory_read(store, 1), 0);
	assert_int_equal(kvm.zone.length, 0);
	timerfd_gettime(vmm.firmware->posted_timer, &timer);
	assert_int_equal(timer.it_interval.tv_nsec + timer.it_value.tv_nsec, 0);
	/* Where KVM refuses, each write is an exit. */
	kvm.zone_error = -ENOSPC;
	bus_write(&vmm.memory_bus, store, 1, 0x70);
	assert_int_equal(memory_read(store, 1), 0x80);
	kvm.zone_error = 0;
	firmware_post_free(&vmm);
	posts_end(&vmm);
	assert_null(vmm.vcpus.posted);
	vmm.vcpus.vcpu = NULL;
	free(vcpu.run);
}

static void flash_that_kvm_does_not_show_is_refused(void **state)
{
	struct lend_error error = {""};

	(void)state;
	firmware_images_free(&vmm);
	bus_remove(&vmm.memory_bus, &vmm.firmware->code.chip, 0);
	bus_remove(&vmm.memory_bus, &vmm.firmware->store.chip, 0);
	kvm.slot_error = -EINVAL;
	assert_int_equal(firmware_images_init(&vmm, &error), -EOPNOTSUPP);
	assert_non_null(strstr(error.text, "only read: update the kernel"));
	kvm.slot_error = 0;
	firmware_images_free(&vmm);
	assert_int_equal(firmware_images_init(&vmm, &error), -EEXIST); /* who is on the bus stays there */
}

static void ecam_is_where_the_firmware_puts_it(void **state)
{
	(void)state;
	assert_false(bus_overlaps(&vmm.memory_bus, 0xb0000000, 0x40000000));
	config_write(0, 0x60, 4, 0xe0000001);
	assert_int_equal(memory_read(0xe0000000, 4), 0x29c08086);
	assert_int_equal(memory_read(0xe00f8000, 4), 0x29188086);
	/* RAM, the interrupt controllers, and above 4 GiB. */
	config_write(0, 0x60, 4, 0x00000001);
	assert_false(bus_overlaps(&vmm.memory_bus, 0, 0xe0000000));
	config_write(0, 0x60, 4, 0xf0000001);
	assert_false(bus_overlaps(&vmm.memory_bus, 0xe0000000, 0x10000000));
	config_write(0, 0x64, 4, 1);
	config_write(0, 0x60, 4, 0xe0000001);
	assert_false(bus_overlaps(&vmm.memory_bus, 0x1e0000000, 0x10000000));
	config_write(0, 0x64, 4, 0);
	assert_int_equal(memory_read(0xe0000000, 4), 0x29c08086);
	/* Off again with a reset. */
	assert_int_equal(topology_assign(&vmm.topology, &vmm.layout, NULL), 0);
	assert_false(bus_overlaps(&vmm.memory_bus, 0xe0000000, 0x10000000));
}

static void chips_say_where_ecam_cannot_be(void **state)
{
	(void)state;
	asked.logs = 0;
	config_write(0, 0x60, 4, 0x00000001);
	assert_int_equal(asked.logs, 1);
}

/* There is a limit to the lines that a guest can cause. */
static void chips_say_no_more_than_they_may(void **state)
{
	(void)state;
	asked.logs = 0;
	asked.said_enough = true;
	config_write(0, 0x60, 4, 0x00000001);
	asked.said_enough = false;
	assert_int_equal(asked.logs, 0);
}

static bool is_slot(uint64_t at, uint64_t size)
{
	for (unsigned i = 0; i < 64; i++)
		if (kvm.slots[i].size == size && kvm.slots[i].gpa == at)
			return kvm.slots[i].flags == KVM_MEM_READONLY;
	return false;
}

/* The pages of the root bus go where ECAM goes (test_vmm_ecam.c has what is in them). */
static void ecam_is_read_where_it_is(void **state)
{
	(void)state;
	assert_int_equal(ecam_init(&vmm, NULL), 0);
	assert_false(is_slot(ADDR_ECAM, 1 << 20));
	config_write(0, 0x60, 4, 0xe0000001);
	assert_true(is_slot(0xe0000000, 1 << 20));
	config_write(0, 0x60, 4, 0xc0000001);
	assert_false(is_slot(0xe0000000, 1 << 20));
	assert_true(is_slot(0xc0000000, 1 << 20));
	assert_int_equal(memory_read(0xc0000000, 4), 0x29c08086);
	config_write(0, 0x60, 4, 0x00000001); /* RAM is there */
	assert_false(is_slot(0, 1 << 20) || is_slot(0xc0000000, 1 << 20));
	config_write(0, 0x60, 4, 0xe0000001);
	assert_int_equal(topology_assign(&vmm.topology, &vmm.layout, NULL), 0);
	assert_false(is_slot(0xe0000000, 1 << 20));
	ecam_free(&vmm);
}

static bool is_listed(const char *name)
{
	const struct fw_cfg *fw_cfg = &vmm.firmware->fw_cfg;

	for (unsigned i = 0; i < fw_cfg->file_count; i++)
		if (!strcmp((const char *)fw_cfg->directory + 4 + 64 * i + 8, name))
			return true;
	return false;
}

static void old_releases_are_not_shown_the_windows(void **state)
{
	(void)state;
	assert_true(is_listed(FILES_WINDOWS));
	assert_true(is_listed("bootorder"));
	config_write(0, 0x60, 4, 0xb0000001);
	assert_false(is_listed(FILES_WINDOWS));
	assert_true(is_listed("bootorder"));
	assert_int_equal(firmware_reset(&vmm), 0); /* another image cannot come, but another boot */
	assert_int_equal(topology_assign(&vmm.topology, &vmm.layout, NULL), 0);
	assert_true(is_listed(FILES_WINDOWS));
	config_write(0, 0x60, 4, 0xe0000001);
	assert_true(is_listed(FILES_WINDOWS));
}

static void power_management_comes_with_acpi_cntl(void **state)
{
	unsigned before;

	(void)state;
	assert_int_equal(port_read(PORT_PM + 4, 2), 0xffff);
	config_write(31, 0x44, 1, 0x80);
	assert_int_equal(port_read(PORT_PM + 4, 2), 1);
	bus_write(&vmm.port_bus, PORT_PM + 2, 2, 0x100);
	before = kvm.level_changes;
	pm_button(&vmm.firmware->pm);
	assert_int_equal(kvm.level_changes, before + 1);
	bus_write(&vmm.port_bus, PORT_PM, 2, 0x100);
	assert_int_equal(kvm.level_changes, before + 2);
	bus_write(&vmm.port_bus, PORT_PM + 4, 2, 0x2001);
	assert_int_equal(asked.request, REQUEST_OFF);
	config_write(31, 0x44, 1, 0);
	assert_int_equal(port_read(PORT_PM + 4, 2), 0xffff);
	assert_int_equal(port_read(PORT_CMOS + 1, 1) & 0x80, 0);     /* the clock's register 0 */
	assert_int_equal(port_read(PORT_FW_CFG + 4, 4), 0x554d4551); /* QEMU, big-endian */
}

/* Locks that are asked for while allocations are counted, by --wrap of the linker (Makefile). */
static unsigned locks;

int __real_pthread_mutex_lock(pthread_mutex_t *lock);
int __real_pthread_rwlock_rdlock(pthread_rwlock_t *lock);
int __real_pthread_rwlock_wrlock(pthread_rwlock_t *lock);
int __wrap_pthread_mutex_lock(pthread_mutex_t *lock);
int __wrap_pthread_rwlock_rdlock(pthread_rwlock_t *lock);
int __wrap_pthread_rwlock_wrlock(pthread_rwlock_t *lock);

int __wrap_pthread_mutex_lock(pthread_mutex_t *lock)
{
	locks += counting;
	return __real_pthread_mutex_lock(lock);
}

int __wrap_pthread_rwlock_rdlock(pthread_rwlock_t *lock)
{
	locks += counting;
	return __real_pthread_rwlock_rdlock(lock);
}

int __wrap_pthread_rwlock_wrlock(pthread_rwlock_t *lock)
{
	locks += counting;
	return __real_pthread_rwlock_wrlock(lock);
}

/* What the exits of this test do not come to. */
void vcpus_order(struct vcpus *vcpus, enum vcpus_order order)
{
	(void)vcpus, (void)order;
	fail();
}

int hv_get_regs(int vcpu, struct kvm_regs *regs)
{
	(void)vcpu, (void)regs;
	return -EINVAL;
}

enum { RUN_PAGES = 3, PAGE = 4096, READ_AT = 2048 };

/* A processor in whose exit a port of four bytes is read. */
static void begin_reads(struct vcpu *vcpu, uint16_t port)
{
	struct kvm_run *run = calloc(RUN_PAGES, PAGE);

	assert_non_null(run);
	run->exit_reason = KVM_EXIT_IO;
	run->io.port = port;
	run->io.size = 4;
	run->io.count = 1;
	run->io.direction = KVM_EXIT_IO_IN;
	run->io.data_offset = READ_AT;
	*vcpu = (struct vcpu){.run = run, .all = &vmm.vcpus};
	vmm.vcpus.vcpu = vcpu;
	vmm.vcpus.run_size = RUN_PAGES * PAGE;
	vmm.vcpus.memory_bus = &vmm.memory_bus;
	vmm.vcpus.port_bus = &vmm.port_bus;
}

static uint32_t read_of(struct vcpu *vcpu)
{
	uint32_t value;

	exit_handle(vcpu);
	memcpy(&value, (const uint8_t *)vcpu->run + READ_AT, sizeof(value));
	return value;
}

/*
 * Firmware polls the timer, hundreds of thousands of times in a boot: from the exit on, with the
 * writes that KVM keeps, a read takes no lock, allocates nothing, and says nothing.
 */
static void the_polled_timer_costs_nothing(void **state)
{
	struct vcpu vcpu;
	uint32_t first, last;

	(void)state;
	config_write(31, 0x44, 1, 0x80); /* the block is there */
	begin_reads(&vcpu, PORT_PM_TIMER);
	kvm.ring_page = RUN_PAGES - 1;
	assert_int_equal(posts_init(&vmm, NULL) + firmware_post(&vmm, NULL), 0);
	assert_non_null(vmm.vcpus.posted);
	asked.logs = 0;
	first = read_of(&vcpu); /* which finds out where the port's chip is */
	allocations = locks = 0;
	counting = true;
	for (unsigned i = 0; i < 1000; i++)
		last = read_of(&vcpu);
	counting = false;
	assert_int_equal(allocations, 0);
	assert_int_equal(locks, 0);
	assert_int_equal(asked.logs, 0);
	assert_true(first <= 0xffffff && last <= 0xffffff && last != first);
	/* The count is one of what this test would find. */
	counting = true;
	vcpu.run->io.port = PORT_PM_CONTROL;
	read_of(&vcpu);
	counting = false;
	assert_int_equal(locks, 1);
	firmware_post_free(&vmm);
	vmm.vcpus.vcpu = NULL;
	free(vcpu.run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(flash_ends_at_4_gib, start, stop),
		cmocka_unit_test_setup_teardown(writes_to_the_store_are_kept, start, stop),
		cmocka_unit_test_setup_teardown(flash_that_kvm_does_not_show_is_refused, start, stop),
		cmocka_unit_test_setup_teardown(ecam_is_where_the_firmware_puts_it, start, stop),
		cmocka_unit_test_setup_teardown(chips_say_where_ecam_cannot_be, start, stop),
		cmocka_unit_test_setup_teardown(chips_say_no_more_than_they_may, start, stop),
		cmocka_unit_test_setup_teardown(ecam_is_read_where_it_is, start, stop),
		cmocka_unit_test_setup_teardown(old_releases_are_not_shown_the_windows, start, stop),
		cmocka_unit_test_setup_teardown(power_management_comes_with_acpi_cntl, start, stop),
		cmocka_unit_test_setup_teardown(the_polled_timer_costs_nothing, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
