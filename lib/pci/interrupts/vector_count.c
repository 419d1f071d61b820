/* SPDX-License-Identifier: MIT */
/* What interrupts, by which path, and how often our loop saw it. */
#include "lib/pci/function.h"
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

	pthread_mutex_lock(&function->lock);
	if (function->mode == MODE_INTX || function->intx.slow)
		add(&rows, LEND_IRQ_INTX, 0, function->mode == MODE_INTX && function->intx.bypass,
		    function->intx.slow);
	for (unsigned i = 0; i < messages->room; i++) {
		const struct vector *vector = &messages->vectors[i];

		if (vector->attached || vector->slow)
			add(&rows, messages->irq, i, vector->attached && !vector->loop, vector->slow);
	}
	pthread_mutex_unlock(&function->lock);
	return rows.count;
}
