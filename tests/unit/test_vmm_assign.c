/* SPDX-License-Identifier: MIT */
/*
 * liblend's host operations on this machine, with doubles of KVM that record
 * what they are told: slots, routes and irqfds.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "tests/unit/cmocka.h"
#include "vmm/kvm.h"
#include "vmm/machine.h"

static struct {
	struct {
		uint64_t gpa, size;
	} slots[64];
	unsigned slot_count; /* mapped now */
	int slot_error;      /* of the next map */
	unsigned tables;     /* routing updates */
	unsigned entries;    /* of the last one */
	uint32_t data[64];   /* of message entries, by order */
	int table_error;
	int irqfd_gsi; /* of the last attach; -1 after a detach */
	int levels[8];
	unsigned level_changes;
	char order[64]; /* S set, s cleared, R routes, I attach, i detach */
} kvm;

static void note(char what)
{
	size_t length = strlen(kvm.order);

	if (length + 1 < sizeof(kvm.order))
		kvm.order[length] = what;
}

int hv_set_slot(int vm, uint32_t slot, uint32_t flags, uint64_t at, uint64_t size, const void *va)
{
	(void)vm;
	(void)flags;
	(void)va;
	if (size && kvm.slot_error)
		return kvm.slot_error;
	assert_true(slot < 64);
	note(size ? 'S' : 's');
	kvm.slot_count += size ? 1 : 0;
	kvm.slot_count -= size ? 0 : 1;
	kvm.slots[slot].gpa = at;
	kvm.slots[slot].size = size;
	return 0;
}

int hv_set_routes(int vm, const struct kvm_irq_routing *routing)
{
	(void)vm;
	if (kvm.table_error)
		return kvm.table_error;
	note('R');
	kvm.tables++;
	kvm.entries = routing->nr;
	for (unsigned i = 0; i < ROUTES_PINS; i++)
		assert_int_equal(routing->entries[i].u.irqchip.irqchip, KVM_IRQCHIP_IOAPIC);
	for (unsigned i = ROUTES_PINS; i < routing->nr; i++)
		kvm.data[i - ROUTES_PINS] = routing->entries[i].u.msi.data;
	return 0;
}

int hv_irqfd(int vm, unsigned gsi, int eventfd, uint32_t flags)
{
	(void)vm;
	(void)eventfd;
	note(flags & KVM_IRQFD_FLAG_DEASSIGN ? 'i' : 'I');
	kvm.irqfd_gsi = flags & KVM_IRQFD_FLAG_DEASSIGN ? -1 : (int)gsi;
	return 0;
}

int hv_irqfd_resample(int vm, unsigned gsi, int eventfd, int resamplefd)
{
	(void)vm;
	(void)eventfd;
	(void)resamplefd;
	kvm.irqfd_gsi = (int)gsi;
	return 0;
}

int hv_irq_line(int vm, unsigned gsi, int level)
{
	(void)vm;
	assert_true(gsi >= 16 && gsi < 24);
	kvm.levels[gsi - 16] = level;
	kvm.level_changes++;
	return 0;
}

int hv_vfio_file(int vfio, int fd, int add)
{
	(void)vfio;
	(void)fd;
	(void)add;
	return 0;
}

bool vmm_may_log(struct vmm *of)
{
	(void)of;
	return true;
}

void vmm_log(struct vmm *vmm, enum lend_log_level level, const char *format, ...)
{
	(void)vmm;
	(void)level;
	(void)format;
}

const struct lend_device_info *lend_device_info(const struct lend_device *device)
{
	static const struct lend_device_info info = {.name = "0000:01:00.0"};

	(void)device;
	return &info;
}

uint64_t lend_function_bar_read(struct lend_function *function, unsigned bar, uint64_t offset,
				unsigned length)
{
	(void)function;
	(void)length;
	return bar * 0x10000 + offset;
}

void lend_function_bar_write(struct lend_function *function, unsigned bar, uint64_t offset, unsigned length,
			     uint64_t value)
{
	(void)function;
	(void)bar;
	(void)offset;
	(void)length;
	(void)value;
}

static struct vmm vmm;
static struct assigned device;
static uint8_t page[4096];

static int set_up(void **state)
{
	(void)state;
	memset(&kvm, 0, sizeof(kvm));
	memset(&vmm, 0, sizeof(vmm));
	memset(&device, 0, sizeof(device));
	bus_init(&vmm.memory_bus);
	bus_init(&vmm.port_bus);
	slots_init(&vmm.slots, -1, 64);
	vmm.memory = (struct memory){.piece_count = 1, .pieces = {{.length = GIB(1)}}};
	loop_init(&vmm.loop);
	assigned_init(&device, &vmm);
	lines_init(&vmm.lines, -1);
	return routes_init(&vmm.routes, -1, 64);
}

static int tear_down(void **state)
{
	(void)state;
	assigned_free(&device);
	loop_free(&vmm.loop);
	routes_free(&vmm.routes);
	return 0;
}

static void map(unsigned bar, bool io, uint64_t address, uint64_t size, bool direct)
{
	const struct lend_bar_direct part = {.length = 4096, .va = page};
	const struct lend_bar_map what = {.bar = bar,
					  .io = io,
					  .address = address,
					  .size = size,
					  .direct_count = direct,
					  .direct = &part};

	assert_int_equal(assign_ops.bar_map(&vmm, &device, &what), 0);
}

static bool answers(struct bus *bus, uint64_t address)
{
	uint64_t value;

	return bus_read(bus, address, 4, &value) == 0;
}

static void a_bar_is_a_range_and_slots(void **state)
{
	uint64_t value;

	(void)state;
	assign_ops.bar_begin(&vmm, &device);
	map(0, false, 0xe0000000, 0x4000, true);
	map(2, true, 0x1000, 0x20, false);
	assert_int_equal(kvm.slot_count, 0); /* nothing before commit */
	assert_false(answers(&vmm.memory_bus, 0xe0000000));
	assert_int_equal(assign_ops.bar_commit(&vmm, &device), 0);
	assert_int_equal(kvm.slot_count, 1);
	assert_int_equal(kvm.slots[0].gpa, 0xe0000000);
	assert_int_equal(bus_read(&vmm.memory_bus, 0xe0001004, 4, &value), 0);
	assert_int_equal(value, 0x1004);
	assert_int_equal(bus_read(&vmm.port_bus, 0x1004, 1, &value), 0);
	assert_int_equal(value, 0x20004);
}

static void a_move_takes_away_before_it_adds(void **state)
{
	(void)state;
	assign_ops.bar_begin(&vmm, &device);
	map(0, false, 0xe0000000, 0x4000, true);
	map(1, false, 0xe0004000, 0x4000, true);
	assert_int_equal(assign_ops.bar_commit(&vmm, &device), 0);
	memset(kvm.order, 0, sizeof(kvm.order));
	assign_ops.bar_begin(&vmm, &device);
	map(0, false, 0xe0004000, 0x4000, true); /* they change places */
	map(1, false, 0xe0000000, 0x4000, true);
	assert_int_equal(assign_ops.bar_commit(&vmm, &device), 0);
	assert_string_equal(kvm.order, "ssSS");
	assert_int_equal(kvm.slot_count, 2);
	assert_int_equal(vmm.memory_bus.count, 2);
	assign_ops.bar_begin(&vmm, &device);
	assert_int_equal(assign_ops.bar_unmap(&vmm, &device, 0), 0);
	assert_int_equal(assign_ops.bar_unmap(&vmm, &device, 1), 0);
	assert_int_equal(assign_ops.bar_commit(&vmm, &device), 0);
	assert_int_equal(kvm.slot_count, 0);
	assert_int_equal(vmm.memory_bus.count, 0);
}

struct hammer {
	bool stop;
	unsigned long lost;
};

static void *hammer(void *opaque)
{
	struct hammer *mine = opaque;

	while (!__atomic_load_n(&mine->stop, __ATOMIC_RELAXED))
		mine->lost += bus_write(&vmm.memory_bus, 0xe0000004, 4, 1) != 0;
	return NULL;
}

/* What another processor writes while the direct parts change is not lost. */
static void a_refresh_keeps_the_range(void **state)
{
	struct hammer mine = {0};
	pthread_t thread;

	(void)state;
	assign_ops.bar_begin(&vmm, &device);
	map(0, false, 0xe0000000, 0x4000, true);
	assert_int_equal(assign_ops.bar_commit(&vmm, &device), 0);
	assert_int_equal(pthread_create(&thread, NULL, hammer, &mine), 0);
	for (unsigned i = 0; i < 100000; i++) {
		assign_ops.bar_begin(&vmm, &device);
		map(0, false, 0xe0000000, 0x4000, i & 1);
		assert_int_equal(assign_ops.bar_commit(&vmm, &device), 0);
	}
	__atomic_store_n(&mine.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	assert_int_equal(mine.lost, 0);
	assert_int_equal(kvm.slot_count, 1);
}

static void ram_and_interrupt_controllers_win(void **state)
{
	static const uint64_t taken[] = {0, 0x3ffff000, 0xfec00000, 0xfee00000, 0xffffc000};

	(void)state;
	for (unsigned i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
		assign_ops.bar_begin(&vmm, &device);
		map(0, false, taken[i], 0x4000, true);
		assert_int_equal(assign_ops.bar_commit(&vmm, &device), 0);
		assert_int_equal(kvm.slot_count, 0);
		assert_false(answers(&vmm.memory_bus, taken[i]));
	}
	assign_ops.bar_begin(&vmm, &device);
	map(0, true, 0xfff8, 0x20, false);
	assert_int_equal(assign_ops.bar_commit(&vmm, &device), 0);
	assert_false(answers(&vmm.port_bus, 0xfff8));
}

static void without_a_slot_the_bar_traps(void **state)
{
	(void)state;
	kvm.slot_error = -ENOSPC;
	assign_ops.bar_begin(&vmm, &device);
	map(0, false, 0xe0000000, 0x4000, true);
	assert_int_equal(assign_ops.bar_commit(&vmm, &device), 0);
	assert_int_equal(vmm.slots.used, 0);
	assert_true(answers(&vmm.memory_bus, 0xe0000000));
}

/* exam.md: slots are not released on a BAR's unmap, and run out. */
static void slots_are_back_after_many_toggles(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 100000; i++) {
		assign_ops.bar_begin(&vmm, &device);
		map(0, false, 0xe0000000 + (i & 7) * 0x4000, 0x4000, true);
		assign_ops.bar_commit(&vmm, &device);
		assign_ops.bar_begin(&vmm, &device);
		assign_ops.bar_unmap(&vmm, &device, 0);
		assign_ops.bar_commit(&vmm, &device);
	}
	assert_int_equal(vmm.slots.used, 0);
	assert_int_equal(kvm.slot_count, 0);
	assert_int_equal(vmm.memory_bus.count, 0);
}

static void many_vectors_are_one_update(void **state)
{
	unsigned before = kvm.tables;

	(void)state;
	assign_ops.msi_begin(&vmm, &device);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(assign_ops.msi_set(&vmm, &device, i, 0xfee00000, 0x40 + i), 0);
	assert_int_equal(assign_ops.msi_commit(&vmm, &device), 0);
	assert_int_equal(kvm.tables, before + 1);
	assert_int_equal(kvm.entries, ROUTES_PINS + 16);
	assert_int_equal(kvm.data[15], 0x4f);
	assert_int_equal(assign_ops.msi_attach(&vmm, &device, 3, 99), 0);
	assert_int_equal(kvm.irqfd_gsi, ROUTES_PINS + 3);
	/* The same again is no update. */
	assign_ops.msi_begin(&vmm, &device);
	assert_int_equal(assign_ops.msi_set(&vmm, &device, 3, 0xfee00000, 0x43), 0);
	assert_int_equal(assign_ops.msi_commit(&vmm, &device), 0);
	assert_int_equal(kvm.tables, before + 1);
}

static void an_update_that_fails_leaves_all_as_it_was(void **state)
{
	(void)state;
	assign_ops.msi_begin(&vmm, &device);
	assert_int_equal(assign_ops.msi_set(&vmm, &device, 0, 0xfee00000, 1), 0);
	assert_int_equal(assign_ops.msi_commit(&vmm, &device), 0);
	kvm.table_error = -EINVAL;
	assign_ops.msi_begin(&vmm, &device);
	assert_int_equal(assign_ops.msi_set(&vmm, &device, 1, 0xfee00000, 2), 0);
	assign_ops.msi_free(&vmm, &device, 0);
	assert_int_equal(assign_ops.msi_commit(&vmm, &device), -EINVAL);
	kvm.table_error = 0;
	assert_int_equal(assign_ops.msi_attach(&vmm, &device, 0, 99), 0);
	assert_int_equal(assign_ops.msi_attach(&vmm, &device, 1, 99), -ENOENT);
	assign_ops.msi_begin(&vmm, &device);
	assert_int_equal(assign_ops.msi_set(&vmm, &device, 1, 0xfee00000, 2), 0);
	assert_int_equal(assign_ops.msi_commit(&vmm, &device), 0);
	assert_int_equal(kvm.entries, ROUTES_PINS + 2);
}

static void a_line_is_up_while_one_sharer_raises_it(void **state)
{
	unsigned gsi = line_gsi(3, 2);

	(void)state;
	assert_int_equal(gsi, 16 + 4);
	assert_int_equal(line_gsi(7, 2), 16);
	assert_int_equal(line_set(&vmm.lines, gsi, true), 0);
	assert_int_equal(line_set(&vmm.lines, gsi, true), 0);
	assert_int_equal(kvm.levels[4], 1);
	assert_int_equal(line_set(&vmm.lines, gsi, false), 0);
	assert_int_equal(kvm.levels[4], 1);
	assert_int_equal(line_set(&vmm.lines, gsi, false), 0);
	assert_int_equal(kvm.levels[4], 0);
	assert_int_equal(kvm.level_changes, 2);
	device.slot = 1;
	assert_int_equal(assign_ops.line_attach(&vmm, &device, 1, 5, 6), 0);
	assert_int_equal(kvm.irqfd_gsi, 17);
}

static unsigned timer_calls;

static void on_time(void *opaque)
{
	(void)opaque;
	timer_calls++;
}

static void the_timer_fires_once(void **state)
{
	(void)state;
	timer_calls = 0;
	assert_int_equal(assign_ops.timer(&vmm, &device, 3600000000000, on_time, NULL), 0);
	assert_int_equal(assign_ops.timer(&vmm, &device, 1, on_time, NULL), 0); /* replaces the first */
	assert_int_equal(loop_once(&vmm.loop), 0);
	assert_int_equal(timer_calls, 1);
}

static void gsis_come_back_and_run_out(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 100; round++) {
		assign_ops.msi_begin(&vmm, &device);
		for (unsigned i = 0; i < 20; i++)
			assert_int_equal(assign_ops.msi_set(&vmm, &device, i, 0xfee00000, i), 0);
		assert_int_equal(assign_ops.msi_commit(&vmm, &device), 0);
		assign_ops.msi_begin(&vmm, &device);
		for (unsigned i = 0; i < 20; i++)
			assign_ops.msi_free(&vmm, &device, i);
		assert_int_equal(assign_ops.msi_commit(&vmm, &device), 0);
		assert_int_equal(kvm.entries, ROUTES_PINS);
	}
	assign_ops.msi_begin(&vmm, &device);
	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(assign_ops.msi_set(&vmm, &device, i, 0xfee00000, i), 0);
	assert_int_equal(assign_ops.msi_set(&vmm, &device, 40, 0xfee00000, 0), -ENOSPC);
	assert_int_equal(assign_ops.msi_set(&vmm, &device, VECTORS_MAX, 0xfee00000, 0), -EINVAL);
	assert_int_equal(assign_ops.msi_commit(&vmm, &device), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_bar_is_a_range_and_slots),   TEST(a_move_takes_away_before_it_adds),
		TEST(a_refresh_keeps_the_range),    TEST(ram_and_interrupt_controllers_win),
		TEST(without_a_slot_the_bar_traps), TEST(slots_are_back_after_many_toggles),
		TEST(many_vectors_are_one_update),  TEST(an_update_that_fails_leaves_all_as_it_was),
		TEST(gsis_come_back_and_run_out),   TEST(a_line_is_up_while_one_sharer_raises_it),
		TEST(the_timer_fires_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
