/* SPDX-License-Identifier: MIT */
/* The fake monitor: changes of BARs and routes are staged until commit; eventfds are delivered by
 * world_run(). */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "lib/pci/function.h"
#include "tests/unit/fake_private.h"

static void fake_bar_begin(void *host, void *peer)
{
	struct world *world = host;

	(void)peer;
	fake_record(world, "begin");
	if (world->bar_open)
		fake_violation(world, "bar_begin twice");
	world->bar_open = true;
	memcpy(world->next_bars, world->bars, sizeof(world->bars));
}

static int fake_bar_map(void *host, void *peer, const struct lend_bar_map *map)
{
	struct world *world = host;
	struct world_bar *bar = &world->next_bars[map->bar];
	int ret = fake_step(world, "map %u %llx", map->bar, (unsigned long long)map->address);

	(void)peer;
	if (!world->bar_open)
		fake_violation(world, "bar_map outside of begin and commit");
	if (ret < 0)
		return ret;
	*bar = (struct world_bar){true, map->address, map->size, map->direct_count, {{0}}};
	memcpy(bar->direct, map->direct, map->direct_count * sizeof(*map->direct));
	return 0;
}

static int fake_bar_unmap(void *host, void *peer, unsigned bar)
{
	struct world *world = host;
	int ret = fake_step(world, "unmap %u", bar);

	(void)peer;
	if (!world->bar_open)
		fake_violation(world, "bar_unmap outside of begin and commit");
	if (!world->next_bars[bar].placed)
		fake_violation(world, "BAR %u unmapped twice", bar);
	if (!ret && world->fail_bar_unmap && world->fail_bar_unmap--)
		ret = -EIO;
	if (!ret)
		world->next_bars[bar].placed = false;
	return ret;
}

static int fake_bar_commit(void *host, void *peer)
{
	struct world *world = host;
	int ret = fake_step(world, "commit");

	(void)peer;
	if (!world->bar_open)
		fake_violation(world, "bar_commit without begin");
	world->bar_open = false;
	if (!ret && world->fail_bar_commit && world->fail_bar_commit--)
		ret = -ENOSPC;
	if (ret)
		return ret;
	memcpy(world->bars, world->next_bars, sizeof(world->bars));
	return (int)world->hidden_bars;
}

static void fake_msi_begin(void *host, void *peer)
{
	struct world *world = host;

	(void)peer;
	fake_record(world, "msi_begin");
	if (world->msi_open)
		fake_violation(world, "msi_begin twice");
	world->msi_open = true;
}

static int fake_msi_set(void *host, void *peer, unsigned vector, uint64_t address, uint32_t data)
{
	struct world *world = host;
	struct world_route *route = &world->routes[vector];
	int ret = fake_step(world, "msi_set %x %llx %x", vector, (unsigned long long)address, data);

	(void)peer;
	if (!world->msi_open)
		fake_violation(world, "msi_set outside of begin and commit");
	if (ret < 0)
		return ret;
	route->set = true;
	if (vector >= world->route_end)
		world->route_end = vector + 1;
	route->next_address = address;
	route->next_data = data;
	return 0;
}

static void fake_msi_free(void *host, void *peer, unsigned vector)
{
	struct world *world = host;
	struct world_route *route = &world->routes[vector];

	(void)peer;
	fake_record(world, "msi_free %x", vector);
	if (route->attached >= 0)
		fake_violation(world, "route %u freed while attached", vector);
	if (!route->set)
		fake_violation(world, "route %u freed twice", vector);
	route->set = route->committed = false;
}

static int fake_msi_commit(void *host, void *peer)
{
	struct world *world = host;
	int ret = fake_step(world, "msi_commit");

	(void)peer;
	if (!world->msi_open)
		fake_violation(world, "msi_commit without begin");
	world->msi_open = false;
	for (unsigned i = 0; i < world->route_end && !ret; i++) {
		struct world_route *route = &world->routes[i];

		if (!route->set)
			continue;
		route->committed = true;
		route->address = route->next_address;
		route->data = route->next_data;
	}
	return ret;
}

static bool drain(int fd)
{
	uint64_t count;

	return read(fd, &count, sizeof(count)) == sizeof(count);
}

static int fake_msi_attach(void *host, void *peer, unsigned vector, int eventfd)
{
	struct world *world = host;
	struct world_route *route = &world->routes[vector];
	int ret = fake_step(world, "attach %x", vector);

	(void)peer;
	if (!route->committed)
		fake_violation(world, "vector %u attached without a committed route", vector);
	if (route->attached >= 0)
		fake_violation(world, "vector %u attached twice", vector);
	if (ret < 0 || world->refuse_attach)
		return ret < 0 ? ret : -ENOSPC;
	route->attached = eventfd;
	/* As KVM does: what is counted already is delivered. */
	route->delivered += drain(eventfd);
	return 0;
}

static int fake_msi_detach(void *host, void *peer, unsigned vector, int eventfd)
{
	struct world *world = host;
	struct world_route *route = &world->routes[vector];
	int ret = fake_step(world, "detach %x", vector);

	(void)peer;
	if (route->attached != eventfd)
		fake_violation(world, "vector %u detached but not attached", vector);
	if (ret || (world->fail_detaches && world->fail_detaches--))
		return -EIO;
	/* What came before is delivered first. */
	if (route->attached >= 0)
		route->delivered += drain(eventfd);
	route->attached = -1;
	return 0;
}

static int fake_msi_signal(void *host, void *peer, unsigned vector)
{
	struct world *world = host;
	int ret = fake_step(world, "signal %x", vector);

	(void)peer;
	if (!world->routes[vector].committed)
		fake_violation(world, "vector %u signalled without a committed route", vector);
	if (!ret)
		world->routes[vector].delivered++;
	return ret;
}

static int fake_watch(void *host, int fd, lend_watch_fn fn, void *opaque)
{
	struct world *world = host;
	int ret = fake_step(world, "watch");

	for (unsigned i = 0; i < world->watch_count; i++)
		if (world->watches[i].fd == fd)
			fake_violation(world, "descriptor %d watched twice", fd);
	if (!ret)
		world->watches[world->watch_count++] = (struct world_watch){fd, fn, opaque};
	return ret;
}

static int fake_unwatch(void *host, int fd)
{
	struct world *world = host;

	fake_record(world, "unwatch");
	for (unsigned i = 0; i < world->watch_count; i++) {
		if (world->watches[i].fd != fd)
			continue;
		world->watches[i] = world->watches[--world->watch_count];
		return 0;
	}
	fake_violation(world, "descriptor %d was not watched", fd);
	return -ENOENT;
}

static void fake_settle(void *host)
{
	struct world *world = host;

	if (world->function && pthread_mutex_trylock(&world->function->lock))
		fake_violation(world, "settle with the function's lock held");
	else if (world->function)
		pthread_mutex_unlock(&world->function->lock);
}

static int fake_line_set(void *host, void *peer, unsigned pin, bool raised)
{
	struct world *world = host;
	int ret = fake_step(world, "line %u %d", pin, raised);

	(void)peer;
	if (world->line.raised == raised)
		fake_violation(world, "the line is set twice to %d", raised);
	if (!ret)
		world->line.raised = raised;
	return ret;
}

static int fake_line_attach(void *host, void *peer, unsigned pin, int eventfd, int resamplefd)
{
	struct world *world = host;
	int ret = fake_step(world, "line_attach %u", pin);

	(void)peer;
	if (world->no_bypass)
		return -EBUSY;
	if (!world->intx_masked)
		fake_violation(world, "attached while the device can signal");
	if (!ret) {
		world->line.attached = eventfd;
		world->line.resample = resamplefd;
	}
	return ret;
}

static int fake_line_detach(void *host, void *peer, unsigned pin, int eventfd)
{
	struct world *world = host;
	int ret = fake_step(world, "line_detach %u", pin);

	(void)peer;
	if (world->line.attached != eventfd)
		fake_violation(world, "a line is detached that is not attached");
	if (ret)
		return ret;
	world->line.attached = world->line.resample = -1;
	return 0;
}

static int fake_timer(void *host, void *peer, uint64_t nanoseconds, lend_watch_fn fn, void *opaque)
{
	struct world *world = host;

	(void)peer;
	fake_record(world, "timer %llx", (unsigned long long)(nanoseconds / 1000000));
	if (!nanoseconds != !fn || !world->function)
		fake_violation(world, "a timer that is neither set nor cancelled");
	world->timer.nanoseconds = nanoseconds;
	world->timer.fn = fn;
	world->timer.opaque = opaque;
	return 0;
}

static int fake_vfio_add(void *host, int fd)
{
	return fake_step(host, "vfio_add %d", fd);
}

static int fake_vfio_del(void *host, int fd)
{
	fake_record(host, "vfio_del %d", fd);
	return 0;
}

static void fake_event(void *host, void *peer, enum lend_event event, const char *text)
{
	struct world *world = host;

	(void)peer, (void)text;
	fake_record(world, "event %d", (int)event);
	world->events++;
}

static int fake_vga_map(void *host, void *peer, bool memory, bool ports)
{
	struct world *world = host;
	int ret = fake_step(world, "vga %d %d", memory, ports);

	(void)peer;
	if (!ret && world->vga_maps_failing && world->vga_maps_failing--)
		ret = -EBUSY;
	if (!ret) {
		world->vga_memory = memory;
		world->vga_ports = ports;
	}
	return ret;
}

static int fake_ioeventfd_add(void *host, void *peer, const struct lend_ioeventfd *what)
{
	struct world *world = host;
	int ret = fake_step(world, "ioevent_add %u %llx %x %llx", what->bar, (unsigned long long)what->offset,
			    what->length, (unsigned long long)what->data);

	(void)peer;
	if (!world->bars[what->bar].placed)
		fake_violation(world, "an ioeventfd in BAR %u, which is nowhere", what->bar);
	if (world->no_host_ioeventfd_here)
		return -EOPNOTSUPP;
	if (!ret)
		world->ioeventfds[world->ioeventfd_count++] = *what;
	return ret;
}

static int fake_ioeventfd_remove(void *host, void *peer, const struct lend_ioeventfd *what)
{
	struct world *world = host;

	(void)peer;
	fake_record(world, "ioevent_remove %u %llx", what->bar, (unsigned long long)what->offset);
	if (!world->bars[what->bar].placed)
		fake_violation(world, "BAR %u went before its ioeventfd", what->bar);
	for (unsigned i = 0; i < world->ioeventfd_count; i++) {
		if (world->ioeventfds[i].fd != what->fd)
			continue;
		world->ioeventfds[i] = world->ioeventfds[--world->ioeventfd_count];
		return 0;
	}
	fake_violation(world, "an ioeventfd is removed that was not added");
	return -ENOENT;
}

const struct lend_host_ops fake_host = {
	.size = sizeof(fake_host),
	.bar_begin = fake_bar_begin,
	.bar_map = fake_bar_map,
	.bar_unmap = fake_bar_unmap,
	.bar_commit = fake_bar_commit,
	.msi_begin = fake_msi_begin,
	.msi_set = fake_msi_set,
	.msi_free = fake_msi_free,
	.msi_commit = fake_msi_commit,
	.msi_attach = fake_msi_attach,
	.msi_detach = fake_msi_detach,
	.watch = fake_watch,
	.unwatch = fake_unwatch,
	.settle = fake_settle,
	.line_set = fake_line_set,
	.line_attach = fake_line_attach,
	.line_detach = fake_line_detach,
	.timer = fake_timer,
	.vfio_add = fake_vfio_add,
	.vfio_del = fake_vfio_del,
	.event = fake_event,
	.msi_signal = fake_msi_signal,
	.vga_map = fake_vga_map,
	.ioeventfd_add = fake_ioeventfd_add,
	.ioeventfd_remove = fake_ioeventfd_remove,
};

bool world_interrupt(struct world *world, unsigned vector)
{
	uint64_t one = 1;

	if (world->irq_fds[vector] < 0)
		return false;
	return write(world->irq_fds[vector], &one, sizeof(one)) == sizeof(one);
}

bool world_raise(struct world *world)
{
	uint64_t one = 1;

	if (world->intx_masked || world->intx_fd < 0)
		return false;
	world->intx_masked = true;
	return write(world->intx_fd, &one, sizeof(one)) == sizeof(one);
}

void world_eoi(struct world *world)
{
	/* KVM signals the resample eventfd, and VFIO takes that as unmask. */
	if (world->line.resample >= 0 && world->line.resample == world->intx_unmask_fd)
		world->intx_masked = false;
}

bool world_timer(struct world *world)
{
	if (!world->timer.nanoseconds)
		return false;
	world->timer.nanoseconds = 0;
	world->timer.fn(world->timer.opaque);
	return true;
}

void world_run(struct world *world)
{
	if (world->line.attached >= 0)
		world->line.delivered += drain(world->line.attached);
	for (unsigned i = 0; i < world->route_end; i++)
		if (world->routes[i].attached >= 0)
			world->routes[i].delivered += drain(world->routes[i].attached);
	for (unsigned i = 0; i < world->watch_count; i++) {
		struct pollfd fd = {.fd = world->watches[i].fd, .events = POLLIN};

		if (poll(&fd, 1, 0) == 1)
			world->watches[i].fn(world->watches[i].opaque);
	}
}
