/* SPDX-License-Identifier: MIT */
/*
 * Interrupts, reset, and the client's end. The client's eventfds go to VFIO as they are.
 * At its end they are turned off first and the bus master next. Its memory goes after
 * that, and then the device is reset for the next client.
 */
#include <errno.h>
#include <string.h>

#include "lend/reset.h"
#include "lib/forward/forward.h"
#include "lib/pci/reset/reset.h"

static int set_irqs(struct forward *forward, const struct backend_irqs *irqs)
{
	return forward->device->ops->set_irqs(forward->device->transport, irqs);
}

/*
 * VFIO gives up the eventfd that unmasks the line when its last copy is closed, and
 * takes no other one before. The server has a copy, so it is given up here.
 */
static void give_up_line_fd(struct forward *forward, const struct backend_irqs *irqs)
{
	const int none = -1;
	const struct backend_irqs off = {irqs->action, irqs->index, 0, 1, &none};

	if (irqs->action != BACKEND_IRQ_TRIGGER && irqs->count == 1 && irqs->fds && irqs->fds[0] >= 0)
		set_irqs(forward, &off);
}

int forward_set_irqs(void *dev, const struct lend_irqs *irqs)
{
	static const enum backend_irq_action actions[] = {
		[LEND_IRQ_TRIGGER] = BACKEND_IRQ_TRIGGER,
		[LEND_IRQ_MASK] = BACKEND_IRQ_MASK,
		[LEND_IRQ_UNMASK] = BACKEND_IRQ_UNMASK,
	};
	const struct backend_irqs what = {actions[irqs->action], irqs->index, irqs->start, irqs->count,
					  irqs->fds};
	struct forward *forward = dev;
	int ret;

	if (!irqs->count && !forward->on[irqs->index])
		return 0; /* VFIO refuses to turn off what is not on */
	if (irqs->count && lend_function_gone(forward->function))
		return -ENODEV;
	reset_is_due(forward->function);
	give_up_line_fd(forward, &what);
	ret = set_irqs(forward, &what);
	if (!ret && irqs->action == LEND_IRQ_TRIGGER && (irqs->fds || !irqs->count))
		forward->on[irqs->index] = irqs->count;
	return ret;
}

static void irqs_off(struct forward *forward)
{
	for (unsigned i = 0; i < LEND_IRQ_COUNT; i++) {
		const struct backend_irqs off = {BACKEND_IRQ_TRIGGER, i, 0, 0, NULL};
		int ret = forward->on[i] ? set_irqs(forward, &off) : 0;

		if (ret < 0)
			forward_log(forward, LEND_LOG_WARNING, "cannot turn interrupts of kind %u off: %s", i,
				    strerror(-ret));
		forward->on[i] = false;
	}
}

void forward_lost(void *dev)
{
	struct forward *forward = dev;

	irqs_off(forward);
	lend_function_quiesce(forward->function);
	forward->said_far = false;
}

int forward_reset(void *dev, enum lend_server_why why)
{
	struct forward *forward = dev;
	struct lend_reset_report report = {0};
	int ret;

	if (lend_function_gone(forward->function) && why == LEND_SERVER_LOST)
		forward_log(forward, LEND_LOG_INFO, "it is reset, and answers again if it is well");
	ret = lend_context_reset(forward->context, &forward->function, 1, &report, sizeof(report));
	if (ret < 0)
		forward_log(forward, LEND_LOG_WARNING, "its reset failed: %s%s%s", strerror(-ret),
			    report.obstacle[0] ? "; " : "", report.obstacle);
	else if (!report.checked)
		forward_log(forward, LEND_LOG_WARNING, "after its reset, %s", report.check);
	return ret;
}
