/* SPDX-License-Identifier: MIT */
/* lend_function_vectors(): what interrupts, by which way, and how often the loop saw it. */
#include "lib/pci/interrupts/messages.h"
#include "lib/pci/ledger/ledger.h"
#include "lib/pci/ledger/lock.h"
#include "lib/sized.h"

struct rows {
	struct lend_vector_count *at;
	size_t max, stride, count;
};

static void add(struct rows *rows, unsigned irq, unsigned vector, bool bypass, uint64_t slow)
{
	const struct lend_vector_count row = {irq, vector, bypass, slow};

	if (rows->count < rows->max)
		sized_give_row(rows->at, rows->stride, rows->count, &row, sizeof(row));
	rows->count++;
}

size_t lend_function_vectors(struct lend_function *function, struct lend_vector_count *out, size_t max,
			     size_t stride)
{
	const struct messages *messages = &function->messages;
	struct rows rows = {.at = out, .max = max, .stride = stride};

	function_lock(function);
	if (function->mode == MODE_INTX || function->intx.slow)
		add(&rows, LEND_IRQ_INTX, 0, is_out(function, OUT_LINE_IRQFD, 0), function->intx.slow);
	for (unsigned i = 0; i < messages->room; i++) {
		const struct vector *vector = &messages->vectors[i];

		if (vector_attached(function, vector) || vector->slow)
			add(&rows, messages->irq, i, is_out(function, OUT_IRQFD, i), vector->slow);
	}
	function_unlock(function);
	return rows.count;
}
