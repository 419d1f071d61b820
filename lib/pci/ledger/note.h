/* SPDX-License-Identifier: MIT */
/* Writing into the rows. Only files of lib/pci/ledger may include this. */
#ifndef LIB_PCI_LEDGER_NOTE_H
#define LIB_PCI_LEDGER_NOTE_H

#include <errno.h>

#include "lib/pci/ledger/ledger.h"

/** Whether a thing of the row may be handed out: 0, or -ENODEV. */
static inline int may_go_out(const struct lend_function *function, enum out row)
{
	enum life life = function->ledger.life;

	/* Notices tell of the device and not of the guest, so they are given while the function is made. */
	return life == LIFE_ON || (life == LIFE_NEW && row <= OUT_NOTICE_WATCH) ? 0 : -ENODEV;
}

/** Notes that a thing is out, or back, if the other side's answer `ret` is 0. Both return `ret`. */
static inline int note_out(struct lend_function *function, enum out row, unsigned number, int ret)
{
	uint64_t *word = &function->ledger.bits[row][number / 64], bit = UINT64_C(1) << number % 64;

	if (!ret && !(*word & bit)) {
		function->ledger.count[row]++;
		__atomic_store_n(word, *word | bit, __ATOMIC_RELEASE);
	}
	return ret;
}

static inline int note_back(struct lend_function *function, enum out row, unsigned number, int ret)
{
	uint64_t *word = &function->ledger.bits[row][number / 64], bit = UINT64_C(1) << number % 64;

	if (!ret && *word & bit) {
		function->ledger.count[row]--;
		__atomic_store_n(word, *word & ~bit, __ATOMIC_RELEASE);
	}
	return ret;
}

#endif
