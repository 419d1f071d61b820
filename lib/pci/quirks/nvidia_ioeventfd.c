/* SPDX-License-Identifier: MIT */
/*
 * Learned writes. Each interrupt of an NVIDIA GPU is acknowledged by a write that
 * traps, and that is always the same. When a write came ten times in a row, it is
 * handed over: the hypervisor signals an eventfd for it, and VFIO writes to the
 * device (or the monitor's loop, if VFIO cannot). Only acknowledgements are
 * learned. All other bytes of the mirror are config space: a write that does not
 * come to us would be missing there.
 *
 * So that no acknowledgement is lost, the reader of the eventfd is set up before
 * the hypervisor signals it, and removed after; what is then still counted is
 * written by us.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/le.h"
#include "lib/pci/ledger/ledger.h"
#include "lib/pci/ledger/lock.h"
#include "lib/pci/quirks/quirks.h"

void ack_rings(struct lend_function *function, unsigned number)
{
	if (is_out(function, OUT_ACK_WATCH, number))
		ack_write_out(function, number);
}

static int hand_over(struct lend_function *function, unsigned number)
{
	struct ioeventfd *learned = learned_at(&function->quirks, number);
	int ret;

	if (learned->fd < 0)
		learned->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (learned->fd < 0)
		return -errno;
	ret = give_ack(function, number);
	if (ret < 0)
		return ret;
	ret = give_ioeventfd(function, number);
	if (ret < 0)
		take_ack(function, number);
	return ret;
}

/* A number of the mirror that neither the hypervisor nor a reader has; -1: there is none. */
static int free_number(const struct lend_function *function, unsigned mirror)
{
	for (unsigned i = mirror * LEARN_MAX; i < (mirror + 1) * LEARN_MAX; i++)
		if (!is_out(function, OUT_IOEVENTFD, i) && !is_out(function, OUT_ACK, i) &&
		    !is_out(function, OUT_ACK_WATCH, i))
			return (int)i;
	return -1;
}

/* Counts a write. Whether it is the tenth of the same in a row. */
static bool tenth(struct learning *learning, uint64_t offset, uint64_t data, unsigned length)
{
	bool same = learning->hits && learning->offset == offset && learning->data == data &&
		    learning->length == length;

	learning->offset = offset;
	learning->data = data;
	learning->length = length;
	learning->hits = same ? learning->hits + 1 : 1;
	if (learning->hits < LEARN_HITS)
		return false;
	learning->hits = 0;
	return true;
}

void learn_write(struct lend_function *function, unsigned number, unsigned bar, uint64_t offset,
		 const uint8_t *bytes, unsigned length)
{
	struct learning *learning = &function->quirks.learning[number];
	uint64_t data = le_load(bytes, length);
	struct ioeventfd *learned;
	int ret, next = -1;

	if (function->quirk_options.no_ioeventfd)
		return;
	function_lock(function);
	if (!learning->given_up && is_out(function, OUT_BAR, bar) && tenth(learning, offset, data, length))
		next = free_number(function, number);
	if (next >= 0) {
		learned = learned_at(&function->quirks, (unsigned)next);
		learned->bar = bar;
		learned->offset = offset;
		learned->data = data;
		learned->length = length;
		learned->match = true;
		ret = hand_over(function, (unsigned)next);
		learning->given_up = ret < 0;
		if (ret < 0)
			function_log(function, LEND_LOG_INFO,
				     "acknowledgements of interrupts go on trapping: %s", strerror(-ret));
	}
	function_unlock(function);
}

void learned_init(struct lend_function *function)
{
	for (unsigned i = 0; i < LEARN_MIRRORS * LEARN_MAX; i++)
		learned_at(&function->quirks, i)->fd = -1;
}

void learned_destroy(struct lend_function *function)
{
	for (unsigned i = 0; i < LEARN_MIRRORS * LEARN_MAX; i++)
		if (learned_at(&function->quirks, i)->fd >= 0)
			close(learned_at(&function->quirks, i)->fd);
}
