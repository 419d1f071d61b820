/* SPDX-License-Identifier: MIT */
/*
 * Both interrupts are eventfds that the monitor's loop watches. They are turned
 * off before the line interrupt is, and closed when no callback can run.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/pci/life/notify.h"
#include "lib/pci/reset/quiesce.h"

static int set_irq(struct lend_function *function, unsigned index, int fd)
{
	struct lend_device *device = function->device;
	struct backend_irqs irqs = {.index = index, .count = 1, .fds = &fd};

	return device->ops->set_irqs(device->transport, &irqs);
}

/* Stops the function once; whether it was this call. */
static bool end(struct lend_function *function, enum gone how)
{
	bool first;

	pthread_mutex_lock(&function->lock);
	first = function->gone != how;
	/* Off on our side before it is gone: what is gone is not asked any more. */
	if (function->gone == GONE_NOT)
		function_quiet(function);
	if (first)
		__atomic_store_n(&function->gone, how, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&function->lock);
	return first;
}

static bool drain(int fd)
{
	uint64_t count;

	return read(fd, &count, sizeof(count)) == sizeof(count);
}

static void on_error(void *opaque)
{
	struct lend_function *function = opaque;

	if (drain(function->notify[NOTIFY_ERROR]) && !is_gone(function) && end(function, GONE_FAILED))
		function->ops->event(
			function->host, function->peer, LEND_EVENT_ERROR,
			"the device reported an uncorrectable error; it is stopped, and reads all "
			"ones from now on; dmesg has what the error was");
}

/* The kernel asks again and again while it waits. */
static void on_request(void *opaque)
{
	struct lend_function *function = opaque;

	if (drain(function->notify[NOTIFY_REQUEST]) && end(function, GONE_LEAVING))
		function->ops->event(
			function->host, function->peer, LEND_EVENT_REQUEST,
			"the host wants the device back; it is taken from the guest and given up");
}

static const struct {
	unsigned index;
	lend_watch_fn fn;
	const char *what;
} kinds[NOTIFY_COUNT] = {
	[NOTIFY_ERROR] = {LEND_IRQ_ERR, on_error, "errors"},
	[NOTIFY_REQUEST] = {LEND_IRQ_REQ, on_request, "requests to give it back"},
};

static int start(struct lend_function *function, unsigned kind)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int ret = fd < 0 ? -errno : function->ops->watch(function->host, fd, kinds[kind].fn, function);

	if (ret < 0)
		goto close;
	function->notify[kind] = fd;
	ret = set_irq(function, kinds[kind].index, fd);
	if (ret < 0)
		goto unwatch;
	return 0;

unwatch:
	function->ops->unwatch(function->host, fd);
	function->notify[kind] = -1;
close:
	if (fd >= 0)
		close(fd);
	return ret;
}

void notify_start(struct lend_function *function)
{
	for (unsigned i = 0; i < NOTIFY_COUNT; i++) {
		int ret;

		if (!function->device->info.vectors[kinds[i].index] ||
		    (i == NOTIFY_REQUEST && function->no_request))
			continue;
		ret = start(function, i);
		if (ret < 0)
			context_log(function->context, LEND_LOG_WARNING,
				    "%s: the kernel will not tell of %s: %s", function->name, kinds[i].what,
				    strerror(-ret));
	}
}

void notify_stop(struct lend_function *function)
{
	for (unsigned i = NOTIFY_COUNT; i--;) {
		if (function->notify[i] < 0)
			continue;
		set_irq(function, kinds[i].index, -1);
		function->ops->unwatch(function->host, function->notify[i]);
	}
	function->ops->settle(function->host);
	for (unsigned i = 0; i < NOTIFY_COUNT; i++) {
		if (function->notify[i] >= 0)
			close(function->notify[i]);
		function->notify[i] = -1;
	}
}
