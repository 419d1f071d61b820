/* SPDX-License-Identifier: MIT */
/*
 * Triggers: the eventfds by which VFIO signals vectors (spec 4.6 and 4.7). A
 * vector's trigger stays set until the mode goes off.
 *
 * Some kernels cannot add vectors while MSI-X is on (noresize). There a vector
 * above all earlier ones turns MSI-X off and on again. The device's signals in
 * between are lost, so each vector that had a trigger is signalled once: a
 * message too many is harmless, one too few is not.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/pci/interrupts/messages.h"
#include "lib/pci/ledger/ledger.h"

static void say(struct lend_function *function, unsigned first, int code)
{
	function_log(function, LEND_LOG_WARNING, "the kernel gives no interrupt vector %u: %s", first,
		     strerror(-code));
}

void trigger_start(struct lend_function *function)
{
	int none = -1, ret;

	ret = give_triggers(function, 0, 1, &none);
	if (ret)
		say(function, 0, ret < 0 ? ret : -ENOSPC);
	function->messages.grown = ret ? 0 : 1;
}

int trigger_all(struct lend_function *function)
{
	struct messages *messages = &function->messages;
	int fds[MSI_MAX], ret;

	for (unsigned i = 0; i < messages->count; i++)
		fds[i] = messages->vectors[i].fd;
	ret = give_triggers(function, 0, messages->count, fds);
	/* VFIO has fewer and has changed nothing: it is asked for these (spec 4b). */
	if (ret > 0 && (unsigned)ret < messages->count) {
		function_log(function, LEND_LOG_WARNING, "the kernel gives %d interrupt vectors of %u", ret,
			     messages->count);
		messages->count = (unsigned)ret;
		ret = give_triggers(function, 0, messages->count, fds);
	}
	if (ret)
		return ret < 0 ? ret : -ENOSPC;
	return (int)messages->count;
}

static bool is_new(const struct lend_function *function, unsigned i)
{
	const struct messages *messages = &function->messages;

	return i < messages->limit && vector_attached(function, &messages->vectors[i]) &&
	       !is_out(function, OUT_TRIGGER, i);
}

/* The vectors that have a trigger, a bit each. */
struct live {
	uint64_t bits[LEDGER_WORDS];
};

static struct live live_now(const struct lend_function *function)
{
	struct live live;

	memcpy(live.bits, function->ledger.bits[OUT_TRIGGER], sizeof(live.bits));
	return live;
}

static bool is_live(const struct live *live, unsigned i)
{
	return live->bits[i / 64] >> i % 64 & 1;
}

/*
 * Sets the triggers of vectors [start, start + *count) that are attached, or live
 * already; the others get none. If VFIO grants fewer vectors, `*count` becomes
 * that number, and higher vectors get none from now on. 0 or negative errno.
 */
static int set_block(struct lend_function *function, const struct live *live, unsigned start, unsigned *count)
{
	struct messages *messages = &function->messages;
	int *fds = malloc(*count * sizeof(*fds)), ret;

	if (!fds)
		return -ENOMEM;
	for (unsigned i = 0; i < *count; i++) {
		const struct vector *vector = &messages->vectors[start + i];

		fds[i] = vector_attached(function, vector) || is_live(live, start + i) ? vector->fd : -1;
	}
	ret = give_triggers(function, start, *count, fds);
	if (ret > 0 && (unsigned)ret < *count) {
		function_log(function, LEND_LOG_WARNING, "the kernel gives %d interrupt vectors of %u", ret,
			     *count);
		*count = (unsigned)ret;
		messages->limit = start + *count;
		ret = give_triggers(function, start, *count, fds);
		ret = ret > 0 ? -ENOSPC : ret;
	}
	free(fds);
	return ret;
}

/* Sets each run of new vectors by a call of its own, so that those in between are not touched. */
static void add_runs(struct lend_function *function, unsigned first, unsigned last)
{
	struct live live = live_now(function);

	for (unsigned i = first; i <= last; i++) {
		unsigned count = 0;
		int ret;

		while (i + count <= last && is_new(function, i + count))
			count++;
		if (!count)
			continue;
		ret = set_block(function, &live, i, &count);
		if (ret < 0)
			say(function, i, ret);
		i += count;
	}
}

/* Turns MSI-X off if it is on, and then on with vectors 0 to `last`. */
static void grow(struct lend_function *function, const struct live *live, unsigned last)
{
	struct messages *messages = &function->messages;
	unsigned count = last + 1, before = messages->grown;
	int ret;

	ret = is_out(function, OUT_MESSAGES, 0) ? take_messages(function) : 0;
	if (ret < 0) {
		say(function, last, ret);
		return;
	}
	ret = set_block(function, live, 0, &count);
	if (ret < 0 && before) {
		say(function, last, ret);
		count = before;
		messages->limit = before;
		ret = set_block(function, live, 0, &count);
	}
	if (ret < 0)
		say(function, 0, ret);
	messages->grown = ret < 0 ? 0 : count;
}

void trigger_add(struct lend_function *function, unsigned first, unsigned last)
{
	struct messages *messages = &function->messages;
	struct live live;
	unsigned highest = 0, count = 0;
	int ret;

	for (unsigned i = first; i <= last; i++) {
		if (!is_new(function, i))
			continue;
		highest = i;
		count++;
	}
	if (!count)
		return;
	live = live_now(function);
	if (!function->device->info.msix_noresize && (how_many_out(function, OUT_TRIGGER) || first == last)) {
		add_runs(function, first, last);
	} else if (!function->device->info.msix_noresize) {
		count = highest + 1;
		ret = set_block(function, &live, 0, &count);
		if (ret < 0)
			say(function, 0, ret);
	} else if (highest < messages->grown) {
		add_runs(function, first, last);
	} else {
		grow(function, &live, highest);
		for (unsigned i = 0; i < messages->count; i++)
			if (is_live(&live, i))
				vector_signal(&messages->vectors[i]);
	}
}
