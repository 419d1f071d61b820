/* SPDX-License-Identifier: MIT */
/* Gives and takes with VFIO on the other side (ledger.h): eventfds that it signals, or that it reads. */
#include <string.h>

#include "lib/le.h"
#include "lib/pci/ledger/bell.h"
#include "lib/pci/ledger/note.h"

static int set_irqs(struct lend_function *function, const struct backend_irqs *irqs)
{
	struct lend_device *device = function->device;

	return device->ops->set_irqs(device->transport, irqs);
}

static int set_line(struct lend_function *function, enum backend_irq_action action, const int *fd)
{
	const struct backend_irqs irqs = {.action = action, .index = LEND_IRQ_INTX, .count = 1, .fds = fd};

	return set_irqs(function, &irqs);
}

int give_line_trigger(struct lend_function *function)
{
	int ret = may_go_out(function, OUT_LINE_TRIGGER);

	if (!ret)
		ret = set_line(function, BACKEND_IRQ_TRIGGER, &function->intx.fd);
	return note_out(function, OUT_LINE_TRIGGER, 0, ret);
}

int take_line_trigger(struct lend_function *function)
{
	const struct backend_irqs off = {.action = BACKEND_IRQ_TRIGGER, .index = LEND_IRQ_INTX};

	int ret = set_irqs(function, &off);

	note_back(function, OUT_LINE_UNMASK, 0, ret); /* VFIO drops it with the trigger */
	return note_back(function, OUT_LINE_TRIGGER, 0, ret);
}

int give_line_unmask(struct lend_function *function)
{
	int ret = may_go_out(function, OUT_LINE_UNMASK);

	if (!ret)
		ret = set_line(function, BACKEND_IRQ_UNMASK, &function->intx.resample);
	return note_out(function, OUT_LINE_UNMASK, 0, ret);
}

int take_line_unmask(struct lend_function *function)
{
	int none = -1;

	return note_back(function, OUT_LINE_UNMASK, 0, set_line(function, BACKEND_IRQ_UNMASK, &none));
}

int line_mask(struct lend_function *function)
{
	return set_line(function, BACKEND_IRQ_MASK, NULL);
}

int line_unmask(struct lend_function *function)
{
	return set_line(function, BACKEND_IRQ_UNMASK, NULL);
}

int give_triggers(struct lend_function *function, unsigned start, unsigned count, const int *fds)
{
	const struct backend_irqs irqs = {
		.index = function->messages.irq, .start = start, .count = count, .fds = fds};
	int ret = may_go_out(function, OUT_MESSAGES);

	if (!ret)
		ret = set_irqs(function, &irqs);
	note_out(function, OUT_MESSAGES, 0, ret);
	for (unsigned i = 0; i < count && !ret; i++)
		if (fds[i] >= 0)
			note_out(function, OUT_TRIGGER, start + i, 0);
	return ret;
}

int take_messages(struct lend_function *function)
{
	const struct backend_irqs off = {.index = function->messages.irq};
	int ret = set_irqs(function, &off);

	for (int n = 0; !ret && (n = next_out(function, OUT_TRIGGER, (unsigned)n)) >= 0;)
		note_back(function, OUT_TRIGGER, (unsigned)n, 0);
	return note_back(function, OUT_MESSAGES, 0, ret);
}

/* The vectors that have a trigger, one by one. */
static int messages_again(struct lend_function *function)
{
	const struct messages *messages = &function->messages;
	int none = -1, ret;
	struct backend_irqs irqs = {.index = messages->irq, .count = 1, .fds = &none};

	if (!is_out(function, OUT_MESSAGES, 0))
		return 0;
	ret = set_irqs(function, &irqs);
	for (int n = 0; !ret && (n = next_out(function, OUT_TRIGGER, (unsigned)n)) >= 0; n++) {
		irqs.start = (unsigned)n;
		irqs.fds = &messages->vectors[n].fd;
		ret = set_irqs(function, &irqs);
	}
	return ret;
}

int irqs_again(struct lend_function *function)
{
	int ret = 0;

	if (is_out(function, OUT_LINE_TRIGGER, 0))
		ret = set_line(function, BACKEND_IRQ_TRIGGER, &function->intx.fd);
	if (!ret && is_out(function, OUT_LINE_UNMASK, 0))
		ret = set_line(function, BACKEND_IRQ_UNMASK, &function->intx.resample);
	return ret ? ret : messages_again(function);
}

static int set_notice(struct lend_function *function, unsigned kind, int fd)
{
	const struct backend_irqs irqs = {
		.index = kind == NOTIFY_ERROR ? LEND_IRQ_ERR : LEND_IRQ_REQ, .count = 1, .fds = &fd};

	return set_irqs(function, &irqs);
}

int give_notice(struct lend_function *function, unsigned kind)
{
	int ret = may_go_out(function, OUT_NOTICE);

	if (!ret)
		ret = set_notice(function, kind, function->notify[kind]);
	return note_out(function, OUT_NOTICE, kind, ret);
}

int take_notice(struct lend_function *function, unsigned kind)
{
	return note_back(function, OUT_NOTICE, kind, set_notice(function, kind, -1));
}

static int set_ioeventfd(struct lend_function *function, const struct ioeventfd *learned, int fd)
{
	struct lend_device *device = function->device;
	const struct backend_ioeventfd what = {.region = learned->bar,
					       .length = learned->length,
					       .offset = learned->offset,
					       .data = learned->data,
					       .fd = fd};

	return device->ops->ioeventfd(device->transport, &what);
}

/* The kernel becomes the reader; if it cannot, or the user forbids it, the monitor's loop. */
int give_ack(struct lend_function *function, unsigned number)
{
	struct ioeventfd *learned = learned_at(&function->quirks, number);
	int ret = may_go_out(function, OUT_ACK);

	if (!ret && !function->quirk_options.no_device_ioeventfd &&
	    !set_ioeventfd(function, learned, learned->fd))
		return note_out(function, OUT_ACK, number, 0);
	return ret ? ret : give_watch(function, OUT_ACK_WATCH, number);
}

void ack_write_out(struct lend_function *function, unsigned number)
{
	const struct ioeventfd *learned = learned_at(&function->quirks, number);
	uint8_t bytes[8];
	int ret;

	if (!bell_take(function, BELL_ACK + number, learned->fd))
		return;
	le_store(bytes, learned->length, learned->data);
	ret = device_write(function->device, learned->bar, learned->offset, bytes, learned->length);
	if (ret < 0)
		function_log(function, LEND_LOG_WARNING,
			     "cannot acknowledge an interrupt in BAR %u at 0x%llx: %s", learned->bar,
			     (unsigned long long)learned->offset, strerror(-ret));
}

void take_ack(struct lend_function *function, unsigned number)
{
	const struct ioeventfd *learned = learned_at(&function->quirks, number);

	if (is_out(function, OUT_ACK, number))
		note_back(function, OUT_ACK, number, set_ioeventfd(function, learned, -1));
	if (is_out(function, OUT_ACK_WATCH, number))
		take_watch(function, OUT_ACK_WATCH, number);
	ack_write_out(function, number);
}
