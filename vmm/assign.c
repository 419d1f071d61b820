/* SPDX-License-Identifier: MIT */
/*
 * liblend's host operations, with this machine: the table of all of them, and
 * those of interrupts, the timer and the loop. BARs are in bars.c, the legacy
 * VGA ranges in vga.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "vmm/kvm.h"
#include "vmm/machine.h"

enum { VECTORS_STEP = 64 };

static void msi_begin(void *host, void *peer)
{
	struct assigned *assigned = peer;
	struct vmm *vmm = host;

	routes_begin(&vmm->routes);
	for (unsigned i = 0; i < assigned->vectors; i++)
		assigned->routes[i].next = assigned->routes[i].now;
}

static int make_room(struct assigned *assigned, unsigned vector)
{
	unsigned count = (vector / VECTORS_STEP + 1) * VECTORS_STEP;
	struct vector_route *routes;

	if (vector >= VECTORS_MAX)
		return -EINVAL;
	if (vector < assigned->vectors)
		return 0;
	routes = realloc(assigned->routes, count * sizeof(*routes));
	if (!routes)
		return -ENOMEM;
	memset(routes + assigned->vectors, 0, (count - assigned->vectors) * sizeof(*routes));
	assigned->routes = routes;
	assigned->vectors = count;
	return 0;
}

static int msi_set(void *host, void *peer, unsigned vector, uint64_t address, uint32_t data)
{
	struct assigned *assigned = peer;
	struct vmm *vmm = host;
	int ret = make_room(assigned, vector), gsi;

	if (ret)
		return ret;
	gsi = assigned->routes[vector].next;
	if (gsi) {
		routes_set(&vmm->routes, (unsigned)gsi, address, data);
		return 0;
	}
	gsi = routes_add(&vmm->routes, address, data);
	if (gsi < 0)
		return gsi;
	assigned->routes[vector].next = (int16_t)gsi;
	return 0;
}

static void msi_free(void *host, void *peer, unsigned vector)
{
	struct assigned *assigned = peer;
	struct vmm *vmm = host;

	if (vector >= assigned->vectors || !assigned->routes[vector].next)
		return;
	routes_drop(&vmm->routes, (unsigned)assigned->routes[vector].next);
	assigned->routes[vector].next = 0;
}

static int msi_commit(void *host, void *peer)
{
	struct assigned *assigned = peer;
	struct vmm *vmm = host;
	int ret = routes_commit(&vmm->routes);

	for (unsigned i = 0; i < assigned->vectors && !ret; i++)
		assigned->routes[i].now = assigned->routes[i].next;
	return ret;
}

static int irqfd(struct vmm *vmm, const struct assigned *assigned, unsigned vector, int eventfd,
		 uint32_t flags)
{
	if (vector >= assigned->vectors || !assigned->routes[vector].now)
		return -ENOENT;
	return hv_irqfd(vmm->vm, (unsigned)assigned->routes[vector].now, eventfd, flags);
}

static int msi_attach(void *host, void *peer, unsigned vector, int eventfd)
{
	mark_device(peer, MARK_INTERRUPT);
	return irqfd(host, peer, vector, eventfd, 0);
}

static int msi_detach(void *host, void *peer, unsigned vector, int eventfd)
{
	return irqfd(host, peer, vector, eventfd, KVM_IRQFD_FLAG_DEASSIGN);
}

/* A GSI whose route is a message has no level: raising it sends the message. */
static int msi_signal(void *host, void *peer, unsigned vector)
{
	struct assigned *assigned = peer;
	struct vmm *vmm = host;

	if (vector >= assigned->vectors || !assigned->routes[vector].now)
		return -ENOENT;
	return hv_irq_line(vmm->vm, (unsigned)assigned->routes[vector].now, 1);
}

static int set_line(void *host, void *peer, unsigned pin, bool raised)
{
	struct assigned *assigned = peer;
	struct vmm *vmm = host;
	int ret;

	/*
	 * A device that the guest does not see yet has no line. The level is taken back where it
	 * was raised.
	 */
	if (raised == !!assigned->raised_gsi || !assigned->slot)
		return 0;
	if (raised)
		assigned->raised_gsi = line_gsi(assigned->slot, pin);
	ret = line_set(&vmm->lines, assigned->raised_gsi, raised);
	if (!raised)
		assigned->raised_gsi = 0;
	return ret;
}

static int attach_line(void *host, void *peer, unsigned pin, int eventfd, int resamplefd)
{
	struct assigned *assigned = peer;
	struct vmm *vmm = host;

	/* Until the guest sees the device, its line goes through the loop: plug_moves.c attaches it then. */
	if (!assigned->slot)
		return -ENODEV;
	mark_device(assigned, MARK_INTERRUPT);
	return hv_irqfd_resample(vmm->vm, line_gsi(assigned->slot, pin), eventfd, resamplefd);
}

static int detach_line(void *host, void *peer, unsigned pin, int eventfd)
{
	struct assigned *assigned = peer;
	struct vmm *vmm = host;

	return hv_irqfd(vmm->vm, line_gsi(assigned->slot, pin), eventfd, KVM_IRQFD_FLAG_DEASSIGN);
}

static int set_timer(void *host, void *peer, uint64_t nanoseconds, lend_watch_fn fn, void *opaque)
{
	struct assigned *assigned = peer;
	const struct itimerspec when = {.it_value = {.tv_sec = (time_t)(nanoseconds / 1000000000),
						     .tv_nsec = (long)(nanoseconds % 1000000000)}};

	(void)host;
	/* A cancel leaves both as they are, because on_timer() may have read the timer already. */
	if (fn) {
		__atomic_store_n(&assigned->timer_opaque, opaque, __ATOMIC_RELAXED);
		__atomic_store_n(&assigned->timer_fn, fn, __ATOMIC_RELEASE);
	}
	return timerfd_settime(assigned->timer, 0, &when, NULL) ? -errno : 0;
}

static void on_timer(void *opaque)
{
	struct assigned *assigned = opaque;
	lend_watch_fn fn = __atomic_load_n(&assigned->timer_fn, __ATOMIC_ACQUIRE);
	uint64_t count;

	if (read(assigned->timer, &count, sizeof(count)) == sizeof(count) && fn)
		fn(__atomic_load_n(&assigned->timer_opaque, __ATOMIC_RELAXED));
}

static int watch(void *host, int fd, lend_watch_fn fn, void *opaque)
{
	return loop_add(&((struct vmm *)host)->loop, fd, EPOLLIN, fn, opaque);
}

static int unwatch(void *host, int fd)
{
	return loop_forget(&((struct vmm *)host)->loop, fd);
}

static void settle(void *host)
{
	loop_settle(&((struct vmm *)host)->loop);
}

static int vfio_add(void *host, int fd)
{
	int vfio = ((struct vmm *)host)->vfio;

	return vfio < 0 ? 0 : hv_vfio_file(vfio, fd, 1); /* without it: build.c has logged why */
}

static int vfio_del(void *host, int fd)
{
	int vfio = ((struct vmm *)host)->vfio;

	return vfio < 0 ? 0 : hv_vfio_file(vfio, fd, 0);
}

static void event(void *host, void *peer, enum lend_event kind, const char *text)
{
	static const enum lend_log_level levels[] = {
		[LEND_EVENT_DEAD] = LEND_LOG_ERROR,
		[LEND_EVENT_RESET] = LEND_LOG_INFO,
		[LEND_EVENT_LOST] = LEND_LOG_WARNING,
	};
	struct assigned *assigned = peer;
	struct vmm *vmm = host;

	switch (kind) {
	case LEND_EVENT_REQUEST:
		__atomic_store_n(&assigned->leaving, true, __ATOMIC_RELEASE);
		vmm_wake(vmm);
		return;
	case LEND_EVENT_ERROR:
	case LEND_EVENT_REPORTED:
		errors_note(assigned, kind, text);
		return;
	default:
		vmm_log(vmm, levels[kind], "%s: %s", assigned->name, text);
	}
	if (kind == LEND_EVENT_LOST && vmm->config.lost)
		vmm->config.lost(vmm->config.opaque, assigned->index);
}

const struct lend_host_ops assign_ops = {
	.size = sizeof(assign_ops),
	.bar_begin = assigned_bar_begin,
	.bar_map = assigned_bar_map,
	.bar_unmap = assigned_bar_unmap,
	.bar_commit = assigned_bar_commit,
	.msi_begin = msi_begin,
	.msi_set = msi_set,
	.msi_free = msi_free,
	.msi_commit = msi_commit,
	.msi_attach = msi_attach,
	.msi_detach = msi_detach,
	.watch = watch,
	.unwatch = unwatch,
	.settle = settle,
	.line_set = set_line,
	.line_attach = attach_line,
	.line_detach = detach_line,
	.timer = set_timer,
	.vfio_add = vfio_add,
	.vfio_del = vfio_del,
	.event = event,
	.msi_signal = msi_signal,
	.vga_map = assigned_vga,
	.ioeventfd_add = assigned_ioeventfd_add,
	.ioeventfd_remove = assigned_ioeventfd_remove,
};

static int init(struct assigned *assigned)
{
	for (unsigned i = 0; i < LEND_BARS; i++) {
		assigned->bars[i].owner = assigned;
		assigned->bars[i].index = i;
	}
	assigned->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (assigned->timer < 0)
		return -errno;
	return loop_add(&assigned->vmm->loop, assigned->timer, EPOLLIN, on_timer, assigned);
}

int assigned_new(struct vmm *vmm, unsigned index, const struct vmm_device_config *config,
		 struct assigned **out)
{
	struct assigned *assigned = calloc(1, sizeof(*assigned));
	int ret;

	*out = NULL;
	if (!assigned)
		return -ENOMEM;
	assigned->vmm = vmm;
	assigned->index = index;
	assigned->config = *config;
	ret = init(assigned);
	if (ret)
		assigned_free(assigned);
	else
		*out = assigned;
	return ret;
}

void assigned_free(struct assigned *assigned)
{
	if (!assigned)
		return;
	if (assigned->timer >= 0) {
		loop_remove(&assigned->vmm->loop, assigned->timer);
		close(assigned->timer);
	}
	free(assigned->routes);
	free(assigned);
}
