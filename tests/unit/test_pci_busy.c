/* SPDX-License-Identifier: MIT */
/*
 * A function that is busy: the guest has written a function level reset, and the
 * device takes its time. The monitor's loop does not wait for it, and no signal
 * is lost.
 */
#include "tests/unit/test_pci_ledger.h"

/* A device whose function level reset takes until the test lets it go. */
static struct slow {
	struct transport_ops ops;
	sem_t entered, go;
	bool done; /* atomic */
} slow;

static int slow_write(void *dev, unsigned region, uint64_t offset, const void *data, unsigned length)
{
	int ret = fake_transport.write(dev, region, offset, data, length);

	if (region == LEND_REGION_CONFIG && offset == DEVCTL) {
		sem_post(&slow.entered);
		sem_wait(&slow.go);
		__atomic_store_n(&slow.done, true, __ATOMIC_RELEASE);
	}
	return ret;
}

static void *reset_itself(void *arg)
{
	world_write(arg, DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR);
	return NULL;
}

static pthread_t begin_slow(struct world *world)
{
	pthread_t thread;

	slow.ops = fake_transport;
	slow.ops.write = slow_write;
	sem_init(&slow.entered, 0, 0);
	sem_init(&slow.go, 0, 0);
	slow.done = false;
	world->device->ops = &slow.ops;
	assert_int_equal(pthread_create(&thread, NULL, reset_itself, world), 0);
	sem_wait(&slow.entered);
	return thread;
}

/* The loop was not held: the device is still at its reset. */
static void end_slow(struct world *world, pthread_t thread)
{
	assert_false(__atomic_load_n(&slow.done, __ATOMIC_ACQUIRE));
	sem_post(&slow.go);
	pthread_join(thread, NULL);
	world->device->ops = &fake_transport;
}

static void xsa_467_the_loop_does_not_wait_for_a_vector(void **state)
{
	struct world *world = start(make());
	pthread_t thread;

	(void)state;
	use_msix(world);
	thread = begin_slow(world);
	assert_true(world_interrupt(world, 1));
	world_run(world);
	assert_false(readable(world->irq_fds[1])); /* the loop is not called again and again */
	assert_true(world_interrupt(world, 1));
	world_run(world);
	end_slow(world, thread);
	world_start(world);
	assert_true(is_pending(world, 1));
	world_vector(world, 1, 0xfee00000, 2, false);
	world_run(world);
	assert_int_equal(world->routes[1].delivered, 1);
	stop(world);
}

static void the_loop_does_not_wait_for_a_line(void **state)
{
	struct world *world = make();
	pthread_t thread;

	(void)state;
	world->function_config.no_intx_bypass = true;
	start(world);
	thread = begin_slow(world);
	assert_true(world_raise(world));
	world_run(world);
	assert_false(readable(world->intx_fd));
	assert_false(world->line.raised);
	end_slow(world, thread);
	assert_true(world->line.raised); /* by the thread that had the lock */
	assert_true(world_timer(world));
	stop(world);
}

static void the_loop_does_not_wait_for_an_unbypassed_vector(void **state)
{
	struct world *world = make();
	pthread_t thread;

	(void)state;
	world->function_config.no_msix_bypass = true;
	start(world);
	use_msix(world);
	world_vector(world, 1, 0xfee00000, 2, false);
	thread = begin_slow(world);
	for (unsigned i = 0; i < 2; i++)
		assert_true(world_interrupt(world, i));
	world_run(world);
	assert_int_equal(world->routes[0].delivered + world->routes[1].delivered, 0);
	end_slow(world, thread);
	assert_int_equal(world->routes[0].delivered, 1);
	assert_int_equal(world->routes[1].delivered, 1);
	stop(world);
}

/* Events come without the lock, from who had it: the monitor may ask the function then. */
static void the_loop_does_not_wait_for_a_notice(void **state)
{
	(void)state;
	for (unsigned kind = ERR; kind <= REQ; kind++) {
		struct world *world = start(make());
		pthread_t thread = begin_slow(world);

		tell(world->notify_fd[kind]);
		world_run(world);
		assert_int_equal(world->events, 0);
		assert_false(lend_function_gone(world->function));
		end_slow(world, thread);
		assert_int_equal(world->events, 1);
		assert_true(lend_function_gone(world->function));
		stop(world);
	}
}

/* A busy function gets its peers when it is not any more: who comes does not wait for it. */
static void company_does_not_wait(void **state)
{
	struct world *world = make(), *second = make();
	struct lend_function *other;
	pthread_t thread;

	(void)state;
	world->function_config.p2p = LEND_P2P_AUTO;
	world->vectors[LEND_IRQ_ERR] = world->vectors[LEND_IRQ_REQ] = 0;
	start(world);
	thread = begin_slow(world);
	second->function_config.size = sizeof(second->function_config);
	second->function_config.peer = world;
	assert_int_equal(lend_function_new(world->device, &second->function_config, &other, &world->error),
			 0);
	assert_int_equal(world->map_count, 0);
	end_slow(world, thread);
	world_start(world);
	assert_int_equal(world->map_count, 2);
	lend_function_free(other);
	world_free(second);
	stop(world);
}

static struct lend_host_ops interrupted;

/* The loop calls for `fd` while another thread, which has the function, is about to unwatch it. */
static int call_and_unwatch(void *host, int fd)
{
	const struct world *world = host;
	struct world_watch watch = {0};

	for (unsigned i = 0; i < world->watch_count; i++)
		if (world->watches[i].fd == fd)
			watch = world->watches[i];
	watch.fn(watch.opaque);
	assert_false(readable(fd)); /* else the loop calls again and again */
	return fake_host.unwatch(host, fd);
}

static void a_watch_that_goes_is_drained_to_the_end(void **state)
{
	struct world *world = start(make());
	const struct lend_host_ops *ops = world->function->ops;

	(void)state;
	use_msix(world);
	assert_true(world_interrupt(world, 1));
	interrupted = *ops;
	interrupted.unwatch = call_and_unwatch;
	world->function->ops = &interrupted;
	world_vector(world, 1, 0xfee00000, 2, false);
	world->function->ops = ops;
	world_run(world);
	assert_int_equal(world->routes[1].delivered, 1);
	stop(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(xsa_467_the_loop_does_not_wait_for_a_vector),
		cmocka_unit_test(the_loop_does_not_wait_for_a_line),
		cmocka_unit_test(the_loop_does_not_wait_for_an_unbypassed_vector),
		cmocka_unit_test(the_loop_does_not_wait_for_a_notice),
		cmocka_unit_test(company_does_not_wait),
		cmocka_unit_test(a_watch_that_goes_is_drained_to_the_end),
	};

	return cmocka_run_group_tests_name("pci_busy", tests, NULL, NULL);
}
