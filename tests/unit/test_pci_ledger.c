/* SPDX-License-Identifier: MIT */
/*
 * The ledger: a function that is not on hands out nothing, whoever asks; what it
 * handed out it takes back; a callback that is late finds nobody.
 */
#include "tests/unit/test_pci_ledger.h"

enum { SIX = 6 };

/* Lines of the record by which something is handed out. */
static void handed_out_nothing(const struct world *world)
{
	static const char *const lines[] = {"map ",        "attach",      "watch", "line 1 1",
					    "line_attach", "timer",       "irqs ", "intx o",
					    "dma_map",     "ioevent_add", "vga 1", "msi_set"};

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		if (world_count(world, lines[i]))
			fail_msg("\"%s\" was asked of a function that is not on", lines[i]);
}

/* Whatever a monitor or a guest may call of a function; none of it may make one lively that was stopped. */
static void call_everything(struct world *world, const void *saved, size_t size)
{
	struct lend_function *function = world->function;
	struct lend_vector_count counts[4];
	uint8_t again[sizeof(struct function_state) + 4096];

	world_start(world);
	use_msix(world);
	world_write(world, PCI_COMMAND, 2, 7);
	world_write(world, 0x44, 2, 0);
	world_write(world, MSIX_CONTROL, 1, 0);
	lend_function_line_changed(function);
	lend_function_bar_fault(function);
	lend_function_vga_write(function, 0xa0000, 1, 1);
	lend_function_bar_write(function, 0, 0x10, 4, 1);
	assert_int_equal(lend_function_bar_read(function, 0, 0x10, 4), UINT32_MAX);
	assert_int_equal(lend_function_vga_read(function, 0xa0000, 1), 0xff);
	lend_function_vectors(function, counts, 4, sizeof(counts[0]));
	if (lend_function_gone(function)) {
		assert_int_equal(lend_function_load(function, saved, size, &world->error), -ENODEV);
		assert_non_null(strstr(world->error.text, "0000:05:00.0"));
		assert_int_equal(lend_function_save(function, again, sizeof(again)), -ENODEV);
	}
	lend_function_quiesce(function);
	world_run(world);
	assert_false(world_timer(world));
	assert_int_equal(world->watch_count, 2); /* the kernel's notices */
	handed_out_nothing(world);
}

static void nothing_is_handed_out_unless_on(void **state)
{
	static uint8_t saved[1 << 16];

	(void)state;
	for (unsigned how = 0; how < 4; how++) {
		struct world *world = make();
		struct lend_reset_report report;
		int size;

		world->function_config.no_intx_bypass = how & 1;
		start(world);
		size = lend_function_save(world->function, saved, sizeof(saved));
		assert_true(size > 0);
		if (how < 2)
			lend_function_quiesce(world->function);
		else
			tell(world->notify_fd[how - 2]);
		world_run(world);
		world_clear(world);
		call_everything(world, saved, (size_t)size);
		/* One that the host wants back stays as it is; the others come back. */
		lend_context_reset(world->context, &world->function, 1, &report, sizeof(report));
		assert_int_equal(lend_function_gone(world->function), how == 2 + REQ);
		world_clear(world);
		world_start(world);
		assert_int_equal(world->bars[0].placed, how != 2 + REQ);
		stop(world);
	}
}

/* Asked directly, without the rules above it: each is refused, and nobody is called. */
static void each_gift_is_refused_unless_on(void **state)
{
	const struct lend_bar_map map = {.struct_size = sizeof(map), .address = 0xe0000000, .size = 0x4000};

	(void)state;
	for (unsigned how = 0; how < 3; how++) {
		struct world *world = start(make());
		struct lend_function *function = world->function;
		int none = -1;

		if (how == 0)
			lend_function_quiesce(function);
		else
			tell(world->notify_fd[how - 1]);
		world_run(world);
		world_clear(world);
		function_lock(function);
		assert_int_equal(give_line_trigger(function), -ENODEV);
		assert_int_equal(give_line_unmask(function), -ENODEV);
		assert_int_equal(give_line(function), -ENODEV);
		assert_int_equal(give_line_level(function), -ENODEV);
		assert_int_equal(give_timer(function, 1000), -ENODEV);
		assert_int_equal(give_watch(function, OUT_LINE_WATCH, 0), -ENODEV);
		assert_int_equal(give_watch(function, OUT_VECTOR_WATCH, 1), -ENODEV);
		assert_int_equal(give_irqfd(function, 1), -ENODEV);
		assert_int_equal(give_route(function, 1, 0xfee00000, 1), -ENODEV);
		assert_int_equal(give_triggers(function, 0, 1, &none), -ENODEV);
		assert_int_equal(give_bar(function, &map), -ENODEV);
		assert_int_equal(give_peer(function, 0, 0), -ENODEV);
		assert_int_equal(give_vga(function, true, true), -ENODEV);
		assert_int_equal(give_ioeventfd(function, 0), -ENODEV);
		assert_int_equal(give_ack(function, 0), -ENODEV);
		function_unlock(function);
		assert_int_equal(world->line_count, 0);
		stop(world);
	}
}

/* A load turns one on again that was stopped. */
static void a_load_turns_it_on(void **state)
{
	static uint8_t saved[1 << 16];
	struct world *world = start(make());
	int size;

	(void)state;
	use_msix(world);
	size = lend_function_save(world->function, saved, sizeof(saved));
	lend_function_quiesce(world->function);
	assert_false(world->bars[0].placed);
	assert_int_equal(lend_function_load(world->function, saved, (size_t)size, &world->error), 0);
	assert_true(world->bars[0].placed);
	assert_true(world_interrupt(world, 0));
	world_run(world);
	assert_int_equal(world->routes[0].delivered, 1);
	stop(world);
}

struct late {
	struct world_watch at[16];
	unsigned count;
	lend_watch_fn timer;
	void *timer_opaque;
};

static struct late remember(const struct world *world)
{
	struct late late = {.count = world->watch_count};

	assert_true(late.count <= 16);
	memcpy(late.at, world->watches, late.count * sizeof(late.at[0]));
	late.timer = world->timer.fn;
	late.timer_opaque = world->timer.opaque;
	return late;
}

static void call(const struct late *late)
{
	for (unsigned i = 0; i < late->count; i++)
		late->at[i].fn(late->at[i].opaque);
	if (late->timer)
		late->timer(late->timer_opaque);
}

/* A monitor that calls after it has settled, when the function is freed, and when another is in its place. */
static void a_late_callback_finds_nobody(void **state)
{
	struct world *world = make();
	struct lend_function_config config;
	struct late late;

	(void)state;
	world->function_config.no_intx_bypass = true;
	start(world);
	assert_true(world_raise(world));
	world_run(world);
	late = remember(world);
	assert_int_equal(late.count, 3);
	assert_non_null(late.timer);
	lend_function_free(world->function);
	world->function = NULL;
	call(&late);
	config = world->function_config;
	config.size = sizeof(config);
	config.peer = world;
	assert_int_equal(lend_function_new(world->device, &config, &world->function, &world->error), 0);
	world_clear(world);
	tell(world->notify_fd[REQ]);
	call(&late);
	assert_int_equal(world->line_count, 0);
	assert_false(lend_function_gone(world->function)); /* who is called is the one before */
	world_run(world);
	assert_true(lend_function_gone(world->function));
	stop(world);
}

/* What is watched anew has another bell: a call by the old one does nothing. */
static void a_callback_of_an_old_watch_does_nothing(void **state)
{
	struct world *world = start(make());
	struct late late;

	(void)state;
	use_msix(world);
	late = remember(world);
	world_vector(world, 1, 0xfee00000, 2, false);
	world_vector(world, 1, 0xfee00000, 2, true); /* watched again */
	assert_true(world_interrupt(world, 1));
	call(&late);
	assert_true(readable(world->irq_fds[1]));
	world_run(world);
	assert_false(readable(world->irq_fds[1]));
	assert_true(is_pending(world, 1));
	stop(world);
}

/* An error stops the function at once, and the wait for its transactions is not the loop's. */
static void a_notice_does_not_wait_for_transactions(void **state)
{
	struct world *world = start(make());

	(void)state;
	world_clear(world);
	tell(world->notify_fd[ERR]);
	world_run(world);
	assert_true(lend_function_gone(world->function));
	assert_int_equal(world_count(world, "cfg_read 8a"), 0);
	lend_function_quiesce(world->function);
	assert_int_equal(world_count(world, "cfg_read 8a"), 1);
	stop(world);
}

static struct world *six[SIX];
static struct transport_ops watchful;
static unsigned waits;

static int watchful_read(void *dev, unsigned region, uint64_t offset, void *data, unsigned length)
{
	if (region == LEND_REGION_CONFIG && offset == DEVSTA) {
		assert_ptr_equal(dev, six[waits++ % SIX]); /* one after the other, in each round */
		for (unsigned i = 0; i < SIX; i++)
			assert_int_equal(world_get(six[i], PCI_COMMAND, 2) & PCI_COMMAND_MASTER, 0);
	}
	return fake_transport.read(dev, region, offset, data, length);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Six functions that wait for answers without end: the masters of all are off before the one wait. */
static void quiet_is_two_passes_over_a_set(void **state)
{
	struct lend_function *functions[SIX];
	double from;
	unsigned rounds;

	(void)state;
	watchful = fake_transport;
	watchful.read = watchful_read;
	for (unsigned i = 0; i < SIX; i++) {
		six[i] = make();
		six[i]->vectors[LEND_IRQ_INTX] = 0; /* world_close() counts descriptors, of all six */
		start(six[i]);
		six[i]->mute = true;
		functions[i] = six[i]->function;
		world_set(six[i], DEVSTA, 2, PCI_EXP_DEVSTA_TRPND);
		six[i]->device->ops = &watchful;
	}
	waits = 0;
	from = seconds();
	lend_context_quiesce(six[0]->context, functions, SIX);
	assert_true(seconds() - from >= 0.99);
	rounds = waits;
	assert_int_equal(rounds % SIX, 0); /* each is asked in each round */
	for (unsigned i = 0; i < SIX; i++)
		assert_int_equal(six[i]->log_lines, 1);
	/* Once more, and their end: nobody is waited for again. */
	lend_context_quiesce(six[0]->context, functions, SIX);
	assert_int_equal(waits, rounds);
	for (unsigned i = SIX; i--;)
		stop(six[i]);
	assert_int_equal(waits, rounds);
}

/* A monitor that never gives a BAR back: one line, and the count that world_close() wants to be 0. */
static void what_is_left_is_said_and_counted(void **state)
{
	struct world *world = start(make());
	unsigned *left = &context_boards(world->context)->left, before;

	(void)state;
	world->fail_bar_unmap = 1000;
	lend_function_quiesce(world->function);
	before = world->log_lines;
	lend_function_free(world->function);
	world->function = NULL;
	assert_int_equal(*left, 1);
	assert_true(world->log_lines > before);
	assert_non_null(strstr(world->last_log, "BAR"));
	*left = 0;
	world->bars[0].placed = false;
	stop(world);
}

/* Functions that come and go use the same bells: the context does not grow. */
static void bells_are_used_again(void **state)
{
	struct world *world = make();
	struct lend_function_config config;
	const struct board *first;

	(void)state;
	assert_int_equal(world_open(world), 0);
	config = world->function_config;
	config.size = sizeof(config);
	config.peer = world;
	first = context_boards(world->context)->first;
	for (unsigned i = 0; i < 100; i++) {
		lend_function_free(world->function);
		assert_int_equal(lend_function_new(world->device, &config, &world->function, &world->error),
				 0);
		assert_ptr_equal(context_boards(world->context)->first, first);
	}
	stop(world);
}

/* Of 8 toggles of decode by a device that is alone in its space no map is made. */
static void a_lone_device_has_no_peers(void **state)
{
	struct world *world = make(), *second = make();
	struct lend_function *functions[2];

	(void)state;
	world->function_config.p2p = LEND_P2P_AUTO;
	start(world);
	assert_int_equal(world_count(world, "bar_read 0 38 8"), 1); /* no controller memory buffer */
	for (unsigned i = 0; i < 8; i++) {
		world_write(world, PCI_COMMAND, 2, 0);
		world_write(world, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	}
	assert_int_equal(world_count(world, "dma_map"), 0);
	/* Somebody comes, who reaches it, and goes again. */
	functions[0] = world->function;
	second->function_config.size = sizeof(second->function_config);
	second->function_config.peer = world;
	assert_int_equal(
		lend_function_new(world->device, &second->function_config, &functions[1], &world->error), 0);
	assert_int_equal(world_count(world, "dma_map"), 2);
	assert_int_equal(world->map_count, 2);
	lend_function_free(functions[1]);
	assert_int_equal(world->map_count, 0);
	world_free(second);
	stop(world);
}

static void a_controller_memory_buffer_is_its_own_peer(void **state)
{
	(void)state;
	for (unsigned p2p = LEND_P2P_AUTO; p2p <= LEND_P2P_OFF; p2p++) {
		struct world *world = make();

		world->function_config.p2p = p2p;
		world->bytes[0][0x3c] = 1;
		start(world);
		assert_int_equal(world->map_count, p2p == LEND_P2P_OFF ? 0 : 2);
		stop(world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_handed_out_unless_on),
		cmocka_unit_test(each_gift_is_refused_unless_on),
		cmocka_unit_test(a_load_turns_it_on),
		cmocka_unit_test(a_late_callback_finds_nobody),
		cmocka_unit_test(a_callback_of_an_old_watch_does_nothing),
		cmocka_unit_test(a_notice_does_not_wait_for_transactions),
		cmocka_unit_test(quiet_is_two_passes_over_a_set),
		cmocka_unit_test(what_is_left_is_said_and_counted),
		cmocka_unit_test(bells_are_used_again),
		cmocka_unit_test(a_lone_device_has_no_peers),
		cmocka_unit_test(a_controller_memory_buffer_is_its_own_peer),
	};

	return cmocka_run_group_tests_name("pci_ledger", tests, NULL, NULL);
}
