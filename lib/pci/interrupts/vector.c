/* SPDX-License-Identifier: MIT */
/*
 * Masking and unmasking of vectors. A route is committed before its eventfd is
 * attached, and the eventfd is detached before its route is freed. The other
 * order has crashed host kernels (AVIC).
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/eventfd.h"
#include "lib/pci/interrupts/messages.h"
#include "lib/pci/ledger/bell.h"
#include "lib/pci/ledger/ledger.h"

/* The hypervisor does not take this vector: the loop sends its message. */
static void deliver(struct lend_function *function, struct vector *vector)
{
	uint64_t count = bell_take(function, BELL_VECTOR + vector->number, vector->fd);
	int ret;

	if (!count)
		return;
	vector->slow += count;
	__atomic_fetch_add(&function->counters.slow_interrupts, count, __ATOMIC_RELAXED);
	ret = function->ops->msi_signal(function->host, function->peer, vector->number);
	if (ret < 0)
		function_log(function, LEND_LOG_WARNING, "cannot deliver interrupt vector %u: %s",
			     vector->number, strerror(-ret));
}

/*
 * The eventfd of a vector that is masked, or that the loop delivers, can be read.
 * If the vector was attached to the hypervisor meanwhile, a count that was read
 * before is given back to the eventfd.
 */
void vector_rings(struct lend_function *function, unsigned number)
{
	struct vector *vector = &function->messages.vectors[number];

	if (vector->loop)
		deliver(function, vector);
	else if (!vector_attached(function, vector))
		pending_collect(function, number, number);
	else if (bell_read_before(function, BELL_VECTOR + number))
		vector_signal(vector);
	pending_show(function);
}

static void unwatch(struct lend_function *function, struct vector *vector)
{
	if (is_out(function, OUT_VECTOR_WATCH, vector->number))
		take_watch(function, OUT_VECTOR_WATCH, vector->number);
}

void vector_signal(const struct vector *vector)
{
	eventfd_add(vector->fd);
}

void vector_watch(struct lend_function *function, struct vector *vector)
{
	/* If the watch fails, an unmask or a read of the PBA still finds what came. */
	if (!is_out(function, OUT_VECTOR_WATCH, vector->number))
		give_watch(function, OUT_VECTOR_WATCH, vector->number);
}

static void detach(struct lend_function *function, struct vector *vector)
{
	int ret = 0;

	if (vector->loop)
		unwatch(function, vector);
	else
		ret = take_irqfd(function, vector->number);
	if (ret < 0)
		function_log(function, LEND_LOG_WARNING, "cannot detach interrupt vector %u: %s",
			     vector->number, strerror(-ret));
	vector->loop = false;
}

static bool may_bypass(const struct lend_function *function)
{
	return function->mode == MODE_MSI ? !function->no_msi_bypass : !function->no_msix_bypass;
}

/* To the hypervisor; if the user forbids that or it fails, to the loop. */
static int attach(struct lend_function *function, struct vector *vector)
{
	int ret = -EOPNOTSUPP;

	if (may_bypass(function)) {
		ret = give_irqfd(function, vector->number);
		if (ret < 0)
			function_log(function, LEND_LOG_WARNING,
				     "cannot attach interrupt vector %u: %s; it goes through the monitor, "
				     "which is slow",
				     vector->number, strerror(-ret));
	}
	if (ret < 0) {
		ret = give_watch(function, OUT_VECTOR_WATCH, vector->number);
		vector->loop = !ret;
	}
	return ret;
}

static void mask(struct lend_function *function, struct vector *vector)
{
	detach(function, vector);
	if (!vector_attached(function, vector))
		vector_watch(function, vector);
}

/* Whether the vector has no route, or one with an older message. */
static bool stale(const struct lend_function *function, const struct vector *vector)
{
	uint64_t address;
	uint32_t data;

	message_read(function, vector->number, &address, &data);
	return !vector->current || vector->address != address || vector->data != data;
}

static bool waits(const struct lend_function *function, const struct vector *vector)
{
	return !vector_attached(function, vector) && !message_masked(function, vector->number);
}

/*
 * A new message of MSI-X takes effect at the next unmask (spec 4.4). That of MSI
 * takes effect at once, because a guest may have no way to mask it.
 */
static bool needs_route(const struct lend_function *function, const struct vector *vector)
{
	return (waits(function, vector) ||
		(function->mode == MODE_MSI && vector_attached(function, vector))) &&
	       stale(function, vector);
}

static int set_route(struct lend_function *function, struct vector *vector)
{
	int ret;

	message_read(function, vector->number, &vector->address, &vector->data);
	vector->current = false;
	ret = give_route(function, vector->number, vector->address, vector->data);
	if (ret < 0)
		function_log(function, LEND_LOG_WARNING, "no route for interrupt vector %u: %s",
			     vector->number, strerror(-ret));
	return ret;
}

/* Sets the routes of those vectors in [first, last] that need one, in one update. */
static void set_routes(struct lend_function *function, unsigned first, unsigned last)
{
	struct vector *vectors = function->messages.vectors;
	uint8_t set[VECTORS_MAX / 8] = {0};
	int ret;

	begin_routes(function);
	for (unsigned i = first; i <= last; i++)
		if (needs_route(function, &vectors[i]) && !set_route(function, &vectors[i]))
			set[i / 8] |= (uint8_t)(1u << i % 8);
	ret = commit_routes(function);
	if (ret < 0)
		function_log(function, LEND_LOG_WARNING, "the interrupt routes cannot be changed: %s",
			     strerror(-ret));
	for (unsigned i = first; i <= last && !ret; i++)
		if (set[i / 8] & 1u << i % 8)
			vectors[i].current = true;
}

static void route(struct lend_function *function, unsigned first, unsigned last)
{
	while (first <= last && !needs_route(function, &function->messages.vectors[first]))
		first++;
	if (first <= last)
		set_routes(function, first, last);
}

int vector_open(struct lend_function *function, struct vector *vector)
{
	if (vector->fd >= 0)
		return 0;
	vector->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vector->fd < 0)
		function_log(function, LEND_LOG_WARNING, "no eventfd for interrupt vector %u: %s",
			     vector->number, strerror(errno));
	return vector->fd < 0 ? -EMFILE : 0;
}

/*
 * Attaching an eventfd delivers what is counted in it. So the count is moved into
 * the pending bit before, and vectors_sync() signals the vector after: what came
 * while it was masked is delivered once.
 */
static void unmask(struct lend_function *function, struct vector *vector)
{
	int ret;

	unwatch(function, vector);
	pending_collect(function, vector->number, vector->number);
	ret = attach(function, vector);
	if (ret < 0)
		function_log(function, LEND_LOG_WARNING, "interrupt vector %u cannot be delivered: %s",
			     vector->number, strerror(-ret));
}

void vectors_sync(struct lend_function *function, unsigned first, unsigned last)
{
	struct vector *vectors = function->messages.vectors;
	bool some = false;

	for (unsigned i = first; i <= last; i++)
		if (vector_attached(function, &vectors[i]) && message_masked(function, i))
			mask(function, &vectors[i]);
	route(function, first, last);
	for (unsigned i = first; i <= last; i++) {
		if (!waits(function, &vectors[i]) || stale(function, &vectors[i]))
			continue;
		if (vector_open(function, &vectors[i]) < 0)
			continue;
		unmask(function, &vectors[i]);
		some |= vector_attached(function, &vectors[i]);
	}
	if (!some)
		return;
	trigger_add(function, first, last);
	for (unsigned i = first; i <= last && function->messages.pending; i++)
		if (vector_attached(function, &vectors[i]) && pending_clear(function, i))
			vector_signal(&vectors[i]);
	pending_show(function);
}

void vectors_off(struct lend_function *function)
{
	struct messages *messages = &function->messages;

	take_back(function, ROWS_MESSAGES);
	for (unsigned i = 0; i < messages->count; i++)
		messages->vectors[i].loop = messages->vectors[i].current = false;
	messages->grown = 0;
	messages->limit = function->device->info.vectors[messages->irq];
	pending_forget(function);
}
