/* SPDX-License-Identifier: MIT */
/* Changes of the interrupt mode (mode.h). */
#include "lib/pci/interrupts/intx.h"
#include "lib/pci/interrupts/messages.h"
#include "lib/pci/interrupts/mode.h"
#include "lib/pci/ledger/ledger.h"

static void leave(struct lend_function *function)
{
	if (function->mode == MODE_INTX)
		intx_off(function);
	else if (function->mode != MODE_NONE)
		vectors_off(function);
	function->mode = MODE_NONE;
	pending_show(function);
	function->messages.count = 0;
}

void mode_enter(struct lend_function *function, enum mode mode)
{
	if (life_of(function) != LIFE_ON || (mode == MODE_INTX && !function->intx.pin))
		mode = MODE_NONE;
	if (mode == function->mode)
		return;
	leave(function);
	/*
	 * Messages may still be on in VFIO, if turning them off failed (a line of log
	 * told of it). VFIO turns nothing else on before they are off, so that is tried
	 * once more, by the index that they were turned on with.
	 */
	if (mode != MODE_NONE && is_out(function, OUT_MESSAGES, 0)) {
		take_back(function, ROW(OUT_MESSAGES));
		if (is_out(function, OUT_MESSAGES, 0))
			mode = MODE_NONE;
	}
	/* Signals that came while message interrupts were off are dropped. */
	function->messages.count = function->messages.room;
	if (function->messages.count)
		pending_collect(function, 0, function->messages.count - 1);
	function->messages.count = 0;
	function->mode = mode;
	if (mode == MODE_MSI || mode == MODE_MSIX) {
		function->messages.irq = mode == MODE_MSI ? LEND_IRQ_MSI : LEND_IRQ_MSIX;
		function->messages.limit = function->device->info.vectors[function->messages.irq];
	}
	if (mode == MODE_MSIX)
		function->messages.count = function->msix.count;
	if (mode == MODE_INTX && intx_on(function) < 0)
		function->mode = MODE_NONE;
}
