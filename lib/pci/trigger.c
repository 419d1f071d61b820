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

#include "lib/pci/msix.h"

static int set_irqs(struct lend_function *function, unsigned start, unsigned count, const int *fds)
{
	struct lend_device *device = function->device;
	struct backend_irqs irqs = {.index = LEND_IRQ_MSIX, .start = start, .count = count, .fds = fds};

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
		function->msix.started = true;
	function->msix.grown = ret ? 0 : 1;
}

void trigger_off(struct lend_function *function)
{
	struct msix *msix = &function->msix;
	int ret = msix->started ? set_irqs(function, 0, 0, NULL) : 0;

	if (ret < 0)
		function_log(function, LEND_LOG_WARNING, "cannot turn MSI-X off: %s", strerror(-ret));
	for (unsigned i = 0; i < msix->count; i++)
		msix->vectors[i].live = false;
	msix->started = ret < 0; /* and is turned off again when the function is stopped */
	msix->grown = msix->live = 0;
	msix->limit = function->device->info.vectors[LEND_IRQ_MSIX];
}

static bool is_new(const struct msix *msix, unsigned i)
{
	return msix->vectors[i].attached && !msix->vectors[i].live && i < msix->limit;
}

/*
 * Sets [start, start + count): those that are live or attached to their
 * eventfds, the rest to none. Returns what VFIO does, with fewer vectors if it
 * grants fewer: then `*count` is how many, and later ones stay without.
 */
static int set_block(struct lend_function *function, unsigned start, unsigned *count)
{
	struct msix *msix = &function->msix;
	int *fds = malloc(*count * sizeof(*fds)), ret;

	if (!fds)
		return -ENOMEM;
	for (unsigned i = 0; i < *count; i++) {
		const struct vector *vector = &msix->vectors[start + i];

		fds[i] = vector->live || vector->attached ? vector->fd : -1;
	}
	ret = set_irqs(function, start, *count, fds);
	if (ret > 0 && (unsigned)ret < *count) {
		function_log(function, LEND_LOG_WARNING, "the kernel gives %d interrupt vectors of %u", ret,
			     *count);
		*count = (unsigned)ret;
		msix->limit = start + *count;
		ret = set_irqs(function, start, *count, fds);
		ret = ret > 0 ? -ENOSPC : ret;
	}
	free(fds);
	if (ret < 0)
		return ret;
	msix->started = true;
	for (unsigned i = start; i < start + *count; i++) {
		msix->live += msix->vectors[i].attached && !msix->vectors[i].live;
		msix->vectors[i].live |= msix->vectors[i].attached;
	}
	return 0;
}

/* Sets each run of new vectors in a call, so that those between them are not touched. */
static void add_runs(struct lend_function *function, unsigned first, unsigned last)
{
	struct msix *msix = &function->msix;

	for (unsigned i = first; i <= last; i++) {
		unsigned count = 0;
		int ret;

		while (i + count <= last && is_new(msix, i + count))
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
	struct msix *msix = &function->msix;
	unsigned count = last + 1, before = msix->grown;
	int ret;

	if (msix->started) {
		ret = set_irqs(function, 0, 0, NULL);
		if (ret < 0) {
			say(function, last, ret);
			return;
		}
		msix->started = false;
	}
	ret = set_block(function, 0, &count);
	if (ret < 0 && before) {
		say(function, last, ret);
		count = before;
		msix->limit = before;
		ret = set_block(function, 0, &count);
	}
	if (ret < 0)
		say(function, 0, ret);
	msix->grown = ret < 0 ? 0 : count;
}

void trigger_add(struct lend_function *function, unsigned first, unsigned last)
{
	struct msix *msix = &function->msix;
	bool was_live[VECTORS_MAX];
	unsigned highest = 0, count = 0;
	int ret;

	for (unsigned i = first; i <= last; i++) {
		if (!is_new(msix, i))
			continue;
		highest = i;
		count++;
	}
	if (!count)
		return;
	if (!function->device->info.msix_noresize && (msix->live || first == last)) {
		add_runs(function, first, last);
	} else if (!function->device->info.msix_noresize) {
		count = highest + 1;
		ret = set_block(function, 0, &count);
		if (ret < 0)
			say(function, 0, ret);
	} else if (highest < msix->grown) {
		add_runs(function, first, last);
	} else {
		for (unsigned i = 0; i < msix->count; i++)
			was_live[i] = msix->vectors[i].live;
		grow(function, highest);
		for (unsigned i = 0; i < msix->count; i++)
			if (was_live[i])
				vector_signal(&msix->vectors[i]);
	}
}
