/* SPDX-License-Identifier: MIT */
/*
 * Vectors going between masked and unmasked. A route is committed before its
 * eventfd is attached, and the eventfd detached before its route is freed: a
 * host's kernel was brought down by the other order (exam.md, AVIC).
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/pci/interrupts/messages.h"

/* A vector that the hypervisor does not take: each of its signals becomes a message here. */
static void deliver(struct lend_function *function, struct vector *vector)
{
	uint64_t count;
	int ret;

	if (read(vector->fd, &count, sizeof(count)) != sizeof(count))
		return;
	vector->slow += count;
	__atomic_fetch_add(&function->counters.slow_interrupts, count, __ATOMIC_RELAXED);
	ret = function->ops->msi_signal(function->host, function->peer, vector->number);
	if (ret < 0)
		function_log(function, LEND_LOG_WARNING, "cannot deliver interrupt vector %u: %s",
			     vector->number, strerror(-ret));
}

/*
 * The monitor's loop: the eventfd of a vector that is masked, or that goes
 * through the loop, can be read. Called without the lock.
 */
static void event(void *opaque)
{
	struct vector *vector = opaque;
	struct lend_function *function = vector->function;

	pthread_mutex_lock(&function->lock);
	if (vector->attached && vector->loop)
		deliver(function, vector);
	pending_collect(function, vector->number, vector->number); /* nothing, if it is attached by now */
	pending_show(function);
	pthread_mutex_unlock(&function->lock);
}

static void unwatch(struct lend_function *function, struct vector *vector)
{
	if (vector->watched)
		function->ops->unwatch(function->host, vector->fd);
	vector->watched = false;
}

void vector_signal(const struct vector *vector)
{
	uint64_t one = 1;

	/* It can fail in one case alone: the counter is full, so that it is readable anyway. */
	if (write(vector->fd, &one, sizeof(one)) < 0)
		return;
}

void vector_watch(struct lend_function *function, struct vector *vector)
{
	/* Without a watch its interrupts are still found when it is unmasked or the PBA is read. */
	if (!vector->watched)
		vector->watched = !function->ops->watch(function->host, vector->fd, event, vector);
}

static void detach(struct lend_function *function, struct vector *vector)
{
	int ret = 0;

	if (vector->loop)
		unwatch(function, vector);
	else
		ret = function->ops->msi_detach(function->host, function->peer, vector->number, vector->fd);

	if (ret < 0)
		function_log(function, LEND_LOG_WARNING, "cannot detach interrupt vector %u: %s",
			     vector->number, strerror(-ret));
	vector->attached = vector->loop = false;
}

static bool may_bypass(const struct lend_function *function)
{
	return function->mode == MODE_MSI ? !function->no_msi_bypass : !function->no_msix_bypass;
}

/* To the hypervisor; where that must not be or fails, to our loop. */
static int attach(struct lend_function *function, struct vector *vector)
{
	int ret = -EOPNOTSUPP;

	if (may_bypass(function)) {
		ret = function->ops->msi_attach(function->host, function->peer, vector->number, vector->fd);
		if (ret < 0)
			function_log(function, LEND_LOG_WARNING,
				     "cannot attach interrupt vector %u: %s; it goes through the monitor, "
				     "which is slow",
				     vector->number, strerror(-ret));
	}
	if (ret < 0) {
		ret = function->ops->watch(function->host, vector->fd, event, vector);
		vector->watched = vector->loop = !ret;
	}
	vector->attached = !ret;
	return ret;
}

static void mask(struct lend_function *function, struct vector *vector)
{
	detach(function, vector);
	vector_watch(function, vector);
}

/* Whether there is no route with the message that the guest has written. */
static bool stale(const struct lend_function *function, const struct vector *vector)
{
	uint64_t address;
	uint32_t data;

	message_read(function, vector->number, &address, &data);
	return !vector->current || vector->address != address || vector->data != data;
}

static bool waits(const struct lend_function *function, const struct vector *vector)
{
	return !vector->attached && !message_masked(function, vector->number);
}

/*
 * MSI-X takes a new message at the next unmask (spec 4.4); MSI, which a guest
 * may have no way to mask, at once.
 */
static bool needs_route(const struct lend_function *function, const struct vector *vector)
{
	return stale(function, vector) &&
	       (waits(function, vector) || (function->mode == MODE_MSI && vector->attached));
}

static int set_route(struct lend_function *function, struct vector *vector)
{
	int ret;

	message_read(function, vector->number, &vector->address, &vector->data);
	vector->current = false;
	ret = function->ops->msi_set(function->host, function->peer, vector->number, vector->address,
				     vector->data);
	if (ret < 0)
		function_log(function, LEND_LOG_WARNING, "no route for interrupt vector %u: %s",
			     vector->number, strerror(-ret));
	else
		vector->routed = true;
	return ret;
}

/* The routes of all vectors that are to be attached, in one update. */
static void route(struct lend_function *function, unsigned first, unsigned last)
{
	struct vector *vectors = function->messages.vectors;
	uint8_t set[VECTORS_MAX / 8] = {0};
	bool begun = false;
	int ret;

	for (unsigned i = first; i <= last; i++) {
		if (!needs_route(function, &vectors[i]))
			continue;
		if (!begun)
			function->ops->msi_begin(function->host, function->peer);
		begun = true;
		if (!set_route(function, &vectors[i]))
			set[i / 8] |= (uint8_t)(1u << i % 8);
	}
	if (!begun)
		return;
	ret = function->ops->msi_commit(function->host, function->peer);
	if (ret < 0)
		function_log(function, LEND_LOG_WARNING, "the interrupt routes cannot be changed: %s",
			     strerror(-ret));
	for (unsigned i = first; i <= last && !ret; i++)
		if (set[i / 8] & 1u << i % 8)
			vectors[i].current = true;
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
 * What came while the vector was masked is taken before it is attached and
 * signalled after, so that it is delivered once: attaching an eventfd delivers
 * what is counted in it.
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
		if (vectors[i].attached && message_masked(function, i))
			mask(function, &vectors[i]);
	route(function, first, last);
	for (unsigned i = first; i <= last; i++) {
		if (!waits(function, &vectors[i]) || stale(function, &vectors[i]))
			continue;
		if (vector_open(function, &vectors[i]) < 0)
			continue;
		unmask(function, &vectors[i]);
		some |= vectors[i].attached;
	}
	if (!some)
		return;
	trigger_add(function, first, last);
	for (unsigned i = first; i <= last; i++)
		if (vectors[i].attached && pending_clear(function, i))
			vector_signal(&vectors[i]);
	pending_show(function);
}

void vectors_off(struct lend_function *function)
{
	struct messages *messages = &function->messages;
	bool begun = false;

	for (unsigned i = 0; i < messages->count; i++) {
		if (messages->vectors[i].attached)
			detach(function, &messages->vectors[i]);
		else
			unwatch(function, &messages->vectors[i]);
	}
	trigger_off(function);
	for (unsigned i = 0; i < messages->count; i++) {
		if (!messages->vectors[i].routed)
			continue;
		if (!begun)
			function->ops->msi_begin(function->host, function->peer);
		begun = true;
		function->ops->msi_free(function->host, function->peer, i);
		messages->vectors[i].routed = messages->vectors[i].current = false;
	}
	if (begun)
		function->ops->msi_commit(function->host, function->peer);
	pending_forget(function);
}
