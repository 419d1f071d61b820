/* SPDX-License-Identifier: MIT */
/*
 * liblend's host operations, with this machine: the one place that sees both
 * sides. A BAR is a range of a bus, and on top of it memory slots for the parts
 * that need no trap: where a slot cannot be had the access traps, and works.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "vmm/kvm.h"
#include "vmm/machine.h"

static uint64_t bar_read(void *opaque, uint64_t offset, unsigned length)
{
	struct assigned_bar *bar = opaque;

	return lend_function_bar_read(bar->owner->function, bar->index, offset, length);
}

static void bar_write(void *opaque, uint64_t offset, unsigned length, uint64_t value)
{
	struct assigned_bar *bar = opaque;

	lend_function_bar_write(bar->owner->function, bar->index, offset, length, value);
}

static const struct bus_ops bar_ops = {.read = bar_read, .write = bar_write};

static void bar_begin(void *host, void *peer)
{
	struct assigned *assigned = peer;

	(void)host;
	for (unsigned i = 0; i < BAR_COUNT; i++)
		assigned->bars[i].add = assigned->bars[i].remove = assigned->bars[i].stays = false;
}

static int bar_map(void *host, void *peer, const struct lend_bar_map *map)
{
	struct assigned *assigned = peer;
	struct assigned_bar *bar;

	(void)host;
	if (map->bar >= BAR_COUNT || map->direct_count > BAR_SLOTS)
		return -EINVAL;
	bar = &assigned->bars[map->bar];
	bar->stays = bar->bus && bar->map.io == map->io && bar->map.address == map->address &&
		     bar->map.size == map->size;
	bar->map = *map;
	memcpy(bar->direct, map->direct, map->direct_count * sizeof(bar->direct[0]));
	bar->map.direct = bar->direct;
	bar->remove = bar->add = true;
	return 0;
}

static int bar_unmap(void *host, void *peer, unsigned index)
{
	struct assigned *assigned = peer;

	(void)host;
	if (index >= BAR_COUNT)
		return -EINVAL;
	assigned->bars[index].remove = true;
	assigned->bars[index].add = assigned->bars[index].stays = false;
	return 0;
}

static void remove_slots(struct vmm *vmm, struct assigned_bar *bar)
{
	while (bar->slot_count)
		slots_remove(&vmm->slots, bar->slots[--bar->slot_count]);
	subpages_remove(&vmm->subpages, &vmm->slots, bar);
}

static void remove_bar(struct vmm *vmm, struct assigned_bar *bar)
{
	remove_slots(vmm, bar);
	if (bar->bus)
		bus_remove(bar->bus, bar, 0);
	bar->bus = NULL;
}

/* RAM and the interrupt controllers win; what a guest puts on top of them does not answer. */
static bool is_taken(struct vmm *vmm, const struct lend_bar_map *map)
{
	if (map->io)
		return map->address + map->size > 0x10000;
	if (memory_overlaps(&vmm->memory, gpa(map->address), map->size))
		return true;
	return map->address < ADDR_4GIB && map->address + map->size > ADDR_IOAPIC;
}

static void add_slots(struct vmm *vmm, struct assigned_bar *bar)
{
	for (size_t i = 0; i < bar->map.direct_count; i++) {
		const struct lend_bar_direct *direct = &bar->direct[i];
		int slot;

		if (bar->map.size < direct->length) { /* smaller than a page; where it cannot be it traps */
			subpages_add(&vmm->subpages, &vmm->slots, bar->bus, bar, bar->map.address,
				     bar->map.size, direct->va);
			continue;
		}
		slot = slots_add(&vmm->slots, gpa(bar->map.address + direct->offset), direct->length,
				 direct->va);

		if (slot >= 0)
			bar->slots[bar->slot_count++] = slot;
		else if (vmm_may_log(vmm))
			vmm_log(vmm, LEND_LOG_WARNING,
				"%s: BAR %u traps at %#llx, KVM takes no memory slot for it: %s",
				bar->owner->name, bar->index, (unsigned long long)bar->map.address,
				strerror(-slot));
	}
}

static void add_bar(struct vmm *vmm, struct assigned_bar *bar)
{
	struct bus *bus = bar->map.io ? &vmm->port_bus : &vmm->memory_bus;
	struct bus_range range = {
		.start = bar->map.address, .length = bar->map.size, .ops = &bar_ops, .opaque = bar};

	if (is_taken(vmm, &bar->map) || bus_add(bus, &range))
		return; /* where something else answers already */
	bar->bus = bus;
	if (bar->map.io)
		return;
	subpages_evict(&vmm->subpages, &vmm->slots, bar, bar->map.address, bar->map.size);
	add_slots(vmm, bar);
}

/* Other parts of it are direct now: its range stays, so that what another processor does meanwhile traps. */
static void refresh_bar(struct vmm *vmm, struct assigned_bar *bar)
{
	remove_slots(vmm, bar);
	if (!bar->map.io)
		add_slots(vmm, bar);
}

/* First all that goes, then all that comes: nobody answers in between, never the wrong one. */
static int bar_commit(void *host, void *peer)
{
	struct assigned *assigned = peer;

	for (unsigned i = 0; i < BAR_COUNT; i++)
		if (assigned->bars[i].remove && !assigned->bars[i].stays)
			remove_bar(host, &assigned->bars[i]);
	for (unsigned i = 0; i < BAR_COUNT; i++) {
		struct assigned_bar *bar = &assigned->bars[i];

		if (bar->add && bar->stays)
			refresh_bar(host, bar);
		else if (bar->add)
			add_bar(host, bar);
	}
	bar_begin(host, peer);
	return 0;
}

static void msi_begin(void *host, void *peer)
{
	struct assigned *assigned = peer;
	struct vmm *vmm = host;

	routes_begin(&vmm->routes);
	memcpy(assigned->gsi_next, assigned->gsi, sizeof(assigned->gsi));
}

static int msi_set(void *host, void *peer, unsigned vector, uint64_t address, uint32_t data)
{
	struct assigned *assigned = peer;
	struct vmm *vmm = host;
	int gsi;

	if (vector >= VECTORS_MAX)
		return -EINVAL;
	gsi = assigned->gsi_next[vector];
	if (gsi >= 0) {
		routes_set(&vmm->routes, (unsigned)gsi, address, data);
		return 0;
	}
	gsi = routes_add(&vmm->routes, address, data);
	if (gsi < 0)
		return gsi;
	assigned->gsi_next[vector] = (int16_t)gsi;
	return 0;
}

static void msi_free(void *host, void *peer, unsigned vector)
{
	struct assigned *assigned = peer;
	struct vmm *vmm = host;

	if (vector >= VECTORS_MAX || assigned->gsi_next[vector] < 0)
		return;
	routes_drop(&vmm->routes, (unsigned)assigned->gsi_next[vector]);
	assigned->gsi_next[vector] = -1;
}

static int msi_commit(void *host, void *peer)
{
	struct assigned *assigned = peer;
	struct vmm *vmm = host;
	int ret = routes_commit(&vmm->routes);

	if (!ret)
		memcpy(assigned->gsi, assigned->gsi_next, sizeof(assigned->gsi));
	return ret;
}

static int irqfd(struct vmm *vmm, const struct assigned *assigned, unsigned vector, int eventfd,
		 uint32_t flags)
{
	if (vector >= VECTORS_MAX || assigned->gsi[vector] < 0)
		return -ENOENT;
	return hv_irqfd(vmm->vm, (unsigned)assigned->gsi[vector], eventfd, flags);
}

static int msi_attach(void *host, void *peer, unsigned vector, int eventfd)
{
	return irqfd(host, peer, vector, eventfd, 0);
}

static int msi_detach(void *host, void *peer, unsigned vector, int eventfd)
{
	return irqfd(host, peer, vector, eventfd, KVM_IRQFD_FLAG_DEASSIGN);
}

/* The line level of a GSI that has a message's route has no meaning: raising it sends the message. */
static int msi_signal(void *host, void *peer, unsigned vector)
{
	struct assigned *assigned = peer;
	struct vmm *vmm = host;

	if (vector >= VECTORS_MAX || assigned->gsi[vector] < 0)
		return -ENOENT;
	return hv_irq_line(vmm->vm, (unsigned)assigned->gsi[vector], 1);
}

static int set_line(void *host, void *peer, unsigned pin, bool raised)
{
	struct assigned *assigned = peer;
	struct vmm *vmm = host;

	return line_set(&vmm->lines, line_gsi(assigned->slot, pin), raised);
}

static int attach_line(void *host, void *peer, unsigned pin, int eventfd, int resamplefd)
{
	struct assigned *assigned = peer;
	struct vmm *vmm = host;

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
	/* Cancelled, they stay: a callback that is on its way has seen its timer, and still calls. */
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

	return vfio < 0 ? 0 : hv_vfio_file(vfio, fd, 1); /* said when it could not be made */
}

static int vfio_del(void *host, int fd)
{
	int vfio = ((struct vmm *)host)->vfio;

	return vfio < 0 ? 0 : hv_vfio_file(vfio, fd, 0);
}

static void event(void *host, void *peer, enum lend_event kind, const char *text)
{
	static const enum lend_log_level levels[] = {
		[LEND_EVENT_REQUEST] = LEND_LOG_WARNING,
		[LEND_EVENT_ERROR] = LEND_LOG_ERROR,
		[LEND_EVENT_DEAD] = LEND_LOG_ERROR,
		[LEND_EVENT_RESET] = LEND_LOG_INFO,
	};
	struct assigned *assigned = peer;
	struct vmm *vmm = host;
	char line[256];

	if (kind != LEND_EVENT_ERROR || !assigned->stop_on_error) {
		vmm_log(vmm, levels[kind], "%s: %s", assigned->name, text);
	} else {
		snprintf(line, sizeof(line),
			 "%s: the device reported an uncorrectable error (x-on-error=stop); "
			 "dmesg has what it was",
			 assigned->name);
		vmm_request(vmm, REQUEST_DEVICE, line);
	}
	if (kind == LEND_EVENT_REQUEST) {
		__atomic_store_n(&assigned->leaving, true, __ATOMIC_RELEASE);
		vmm_wake(vmm);
	}
}

const struct lend_host_ops assign_ops = {
	.size = sizeof(assign_ops),
	.bar_begin = bar_begin,
	.bar_map = bar_map,
	.bar_unmap = bar_unmap,
	.bar_commit = bar_commit,
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

int assigned_init(struct assigned *assigned, struct vmm *vmm)
{
	assigned->vmm = vmm;
	for (unsigned i = 0; i < BAR_COUNT; i++) {
		assigned->bars[i].owner = assigned;
		assigned->bars[i].index = i;
	}
	for (unsigned i = 0; i < VECTORS_MAX; i++)
		assigned->gsi[i] = assigned->gsi_next[i] = -1;
	assigned->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (assigned->timer < 0)
		return -errno;
	return loop_add(&vmm->loop, assigned->timer, EPOLLIN, on_timer, assigned);
}

void assigned_free(struct assigned *assigned)
{
	if (assigned->timer <= 0)
		return;
	loop_remove(&assigned->vmm->loop, assigned->timer);
	close(assigned->timer);
}
