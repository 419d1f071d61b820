/* SPDX-License-Identifier: MIT */
/*
 * VFIO's side of MSI-X (spec 4.6 and 4.7). A vector, once set, stays set until
 * MSI-X goes off. Where VFIO cannot add vectors while MSI-X is on (noresize),
 * a higher one than before turns all off and on again; what a device signals in
 * between is lost, so each vector that was live is signalled once then: a
 * spurious message is harmless, a lost one is not.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/pci/interrupts/messages.h"

static int set_irqs(struct lend_function *function, unsigned start, unsigned count, const int *fds)
{
	struct lend_device *device = function->device;
	struct backend_irqs irqs = {
		.index = function->messages.irq, .start = start, .count = count, .fds = fds};

	return device->ops->set_irqs(device->transport, &irqs);
}

static void say(struct lend_function *function, unsigned first, int code)
{
	function_log(function, LEND_LOG_WARNING, "the kernel gives no interrupt vector %u: %s", first,
		     strerror(-code));
}

void trigger_start(struct lend_function *function)
{
	int none = -1, ret;

	ret = set_irqs(function, 0, 1, &none);
	if (ret)
		say(function, 0, ret < 0 ? ret : -ENOSPC);
	else
		function->messages.started = true;
	function->messages.grown = ret ? 0 : 1;
}

void trigger_off(struct lend_function *function)
{
	struct messages *messages = &function->messages;
	int ret = messages->started ? set_irqs(function, 0, 0, NULL) : 0;

	if (ret < 0)
		function_log(function, LEND_LOG_WARNING, "cannot turn its message interrupts off: %s",
			     strerror(-ret));
	for (unsigned i = 0; i < messages->room; i++)
		messages->vectors[i].live = false;
	messages->started = ret < 0; /* and is turned off again when the function is stopped */
	messages->grown = messages->live = 0;
	messages->limit = function->device->info.vectors[function->messages.irq];
}

int trigger_all(struct lend_function *function)
{
	struct messages *messages = &function->messages;
	int fds[MSI_MAX], ret;

	for (unsigned i = 0; i < messages->count; i++)
		fds[i] = messages->vectors[i].fd;
	ret = set_irqs(function, 0, messages->count, fds);
	/* Fewer are to be had: all of these, then (spec 4b). */
	if (ret > 0 && (unsigned)ret < messages->count) {
		context_log(function->context, LEND_LOG_WARNING,
			    "%s: the kernel gives %d interrupt vectors of %u", function->name, ret,
			    messages->count);
		messages->count = (unsigned)ret;
		ret = set_irqs(function, 0, messages->count, fds);
	}
	if (ret)
		return ret < 0 ? ret : -ENOSPC;
	messages->started = true;
	messages->live = messages->count;
	for (unsigned i = 0; i < messages->count; i++)
		messages->vectors[i].live = true;
	return (int)messages->count;
}

static bool is_new(const struct messages *messages, unsigned i)
{
	return messages->vectors[i].attached && !messages->vectors[i].live && i < messages->limit;
}

/*
 * Sets [start, start + count): those that are live or attached to their
 * eventfds, the rest to none. Returns what VFIO does, with fewer vectors if it
 * grants fewer: then `*count` is how many, and later ones stay without.
 */
static int set_block(struct lend_function *function, unsigned start, unsigned *count)
{
	struct messages *messages = &function->messages;
	int *fds = malloc(*count * sizeof(*fds)), ret;

	if (!fds)
		return -ENOMEM;
	for (unsigned i = 0; i < *count; i++) {
		const struct vector *vector = &messages->vectors[start + i];

		fds[i] = vector->live || vector->attached ? vector->fd : -1;
	}
	ret = set_irqs(function, start, *count, fds);
	if (ret > 0 && (unsigned)ret < *count) {
		function_log(function, LEND_LOG_WARNING, "the kernel gives %d interrupt vectors of %u", ret,
			     *count);
		*count = (unsigned)ret;
		messages->limit = start + *count;
		ret = set_irqs(function, start, *count, fds);
		ret = ret > 0 ? -ENOSPC : ret;
	}
	free(fds);
	if (ret < 0)
		return ret;
	messages->started = true;
	for (unsigned i = start; i < start + *count; i++) {
		messages->live += messages->vectors[i].attached && !messages->vectors[i].live;
		messages->vectors[i].live |= messages->vectors[i].attached;
	}
	return 0;
}

/* Sets each run of new vectors in a call, so that those between them are not touched. */
static void add_runs(struct lend_function *function, unsigned first, unsigned last)
{
	struct messages *messages = &function->messages;

	for (unsigned i = first; i <= last; i++) {
		unsigned count = 0;
		int ret;

		while (i + count <= last && is_new(messages, i + count))
			count++;
		if (!count)
			continue;
		ret = set_block(function, i, &count);
		if (ret < 0)
			say(function, i, ret);
		i += count;
	}
}

/* Turns MSI-X off, if it is on, and on again with vectors 0 to `last`. */
static void grow(struct lend_function *function, unsigned last)
{
	struct messages *messages = &function->messages;
	unsigned count = last + 1, before = messages->grown;
	int ret;

	if (messages->started) {
		ret = set_irqs(function, 0, 0, NULL);
		if (ret < 0) {
			say(function, last, ret);
			return;
		}
		messages->started = false;
	}
	ret = set_block(function, 0, &count);
	if (ret < 0 && before) {
		say(function, last, ret);
		count = before;
		messages->limit = before;
		ret = set_block(function, 0, &count);
	}
	if (ret < 0)
		say(function, 0, ret);
	messages->grown = ret < 0 ? 0 : count;
}

void trigger_add(struct lend_function *function, unsigned first, unsigned last)
{
	struct messages *messages = &function->messages;
	bool was_live[VECTORS_MAX];
	unsigned highest = 0, count = 0;
	int ret;

	for (unsigned i = first; i <= last; i++) {
		if (!is_new(messages, i))
			continue;
		highest = i;
		count++;
	}
	if (!count)
		return;
	if (!function->device->info.msix_noresize && (messages->live || first == last)) {
		add_runs(function, first, last);
	} else if (!function->device->info.msix_noresize) {
		count = highest + 1;
		ret = set_block(function, 0, &count);
		if (ret < 0)
			say(function, 0, ret);
	} else if (highest < messages->grown) {
		add_runs(function, first, last);
	} else {
		for (unsigned i = 0; i < messages->count; i++)
			was_live[i] = messages->vectors[i].live;
		grow(function, highest);
		for (unsigned i = 0; i < messages->count; i++)
			if (was_live[i])
				vector_signal(&messages->vectors[i]);
	}
}
