/* SPDX-License-Identifier: MIT */
/* Interrupts: what there are, on, off, one way at a time, and more than there are. */
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/conform/conform.h"

static const char no_messages[] = "the device has neither MSI-X nor MSI";

static int set(unsigned index, unsigned start, unsigned count, const int *fds)
{
	const struct backend_irqs irqs = {
		.action = BACKEND_IRQ_TRIGGER, .index = index, .start = start, .count = count, .fds = fds};

	return bench.device->ops->set_irqs(bench.device->transport, &irqs);
}

static unsigned vectors(unsigned index)
{
	return bench.device->info.vectors[index];
}

/* An index of messages that the device has, and its eventfds: one real one, in front. */
static unsigned pick(void)
{
	return vectors(LEND_IRQ_MSIX) ? LEND_IRQ_MSIX : LEND_IRQ_MSI;
}

static void infos(void **state)
{
	static const unsigned most[] = {1, 32, 2048};
	struct backend_device_info info;
	struct backend_irq_info irq;

	(void)state;
	assert_int_equal(bench.device->ops->info(bench.device->transport, &info), 0);
	for (unsigned i = LEND_IRQ_INTX; i <= LEND_IRQ_MSIX; i++) {
		assert_int_equal(bench.device->ops->irq_info(bench.device->transport, i, &irq), 0);
		assert_true(irq.count <= most[i]);
	}
	assert_int_equal(bench.device->ops->irq_info(bench.device->transport, info.irq_count, &irq), -EINVAL);
}

static void on_and_off(void **state)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), none = -1;

	(void)state;
	if (!vectors(pick()))
		leave_out(no_messages);
	for (unsigned round = 0; round < 3; round++) {
		assert_int_equal(set(pick(), 0, 1, &fd), 0);
		assert_int_equal(set(pick(), 0, 1, &none), 0);
		assert_int_equal(set(pick(), 0, 1, &fd), 0);
		assert_int_equal(set(pick(), 0, 0, NULL), 0);
	}
	close(fd);
}

/* All vectors at once: each, or the number of those that there are. */
static void all_vectors(void **state)
{
	unsigned count = vectors(pick());
	int fds[2048], ret;

	(void)state;
	if (!count)
		leave_out(no_messages);
	for (unsigned i = 0; i < count; i++)
		fds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ret = set(pick(), 0, count, fds);
	assert_true(ret >= 0 && ret <= (int)count);
	assert_int_equal(set(pick(), 0, 0, NULL), 0);
	for (unsigned i = 0; i < count; i++)
		close(fds[i]);
}

static void too_many(void **state)
{
	unsigned count = vectors(pick());
	int fds[2049];

	(void)state;
	if (!count)
		leave_out(no_messages);
	for (unsigned i = 0; i <= count; i++)
		fds[i] = -1;
	assert_int_equal(set(pick(), 0, count + 1, fds), -EINVAL);
	assert_int_equal(set(pick(), count, 1, fds), -EINVAL);
	assert_int_equal(set(LEND_IRQ_COUNT + 3, 0, 1, fds), -EINVAL);
}

/* A device interrupts in one way; another one has to wait until that is off. */
static void one_way_at_a_time(void **state)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	(void)state;
	if (!vectors(LEND_IRQ_INTX) || !vectors(pick()))
		leave_out("the device has not both a line and messages");
	assert_int_equal(set(pick(), 0, 1, &fd), 0);
	assert_int_equal(set(LEND_IRQ_INTX, 0, 1, &fd), -EINVAL);
	assert_int_equal(set(pick(), 0, 0, NULL), 0);
	assert_int_equal(set(LEND_IRQ_INTX, 0, 1, &fd), 0);
	assert_int_equal(set(pick(), 0, 1, &fd), -EINVAL);
	assert_int_equal(set(LEND_IRQ_INTX, 0, 0, NULL), 0);
	close(fd);
}

static void no_eventfd(void **state)
{
	int fds[2], other;

	(void)state;
	if (!vectors(pick()))
		leave_out(no_messages);
	assert_int_equal(pipe(fds), 0);
	other = fds[0];
	assert_true(set(pick(), 0, 1, &other) < 0);
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(set(pick(), 0, 1, &other), -EBADF); /* closed under us */
}

const struct CMUnitTest interrupt_cases[] = {
	on_bench(infos),    on_bench(on_and_off),        on_bench(all_vectors),
	on_bench(too_many), on_bench(one_way_at_a_time), on_bench(no_eventfd),
};
const size_t interrupt_case_count = sizeof(interrupt_cases) / sizeof(*interrupt_cases);
