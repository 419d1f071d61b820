/* SPDX-License-Identifier: MIT */
/*
 * An interrupt of an NVIDIA GPU costs a trapped write, its acknowledgement,
 * always the same. What was written ten times in a row is handed over: the
 * hypervisor signals an eventfd for it, and VFIO (or, where it cannot, the
 * monitor's loop) writes to the device. Only acknowledgements are learned: all
 * other bytes of the mirror are config space, where a write that goes past us
 * would be lost on our side.
 *
 * The reader is there before the signaller, and goes after it; what is counted
 * in between is written by hand, so that no acknowledgement is lost.
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
	struct learned *learned = learned_at(&function->quirks, number);
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

/* A number of the mirror's that is free: neither the hypervisor nor a reader has it; -1: none. */
static int free_number(const struct lend_function *function, unsigned mirror)
{
	for (unsigned i = mirror * LEARN_MAX; i < (mirror + 1) * LEARN_MAX; i++)
		if (!is_out(function, OUT_IOEVENTFD, i) && !is_out(function, OUT_ACK, i) &&
		    !is_out(function, OUT_ACK_WATCH, i))
			return (int)i;
	return -1;
}

/* Whether this is the write that makes it ten. */
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
	struct learned *learned;
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
