/* SPDX-License-Identifier: MIT */
/* Host operations for the slots that a monitor leaves out: they return -EOPNOTSUPP. */
#include <errno.h>

#include "lib/ops.h"
#include "lib/sized.h"

static void no_begin(void *host, void *peer)
{
	(void)host, (void)peer;
}

static int no_bar_map(void *host, void *peer, const struct lend_bar_map *map)
{
	(void)host, (void)peer, (void)map;
	return -EOPNOTSUPP;
}

static int no_bar_unmap(void *host, void *peer, unsigned bar)
{
	(void)host, (void)peer, (void)bar;
	return -EOPNOTSUPP;
}

static int no_commit(void *host, void *peer)
{
	(void)host, (void)peer;
	return -EOPNOTSUPP;
}

static int no_msi_set(void *host, void *peer, unsigned vector, uint64_t address, uint32_t data)
{
	(void)host, (void)peer, (void)vector, (void)address, (void)data;
	return -EOPNOTSUPP;
}

static void no_msi_free(void *host, void *peer, unsigned vector)
{
	(void)host, (void)peer, (void)vector;
}

static int no_msi_attach(void *host, void *peer, unsigned vector, int eventfd)
{
	(void)host, (void)peer, (void)vector, (void)eventfd;
	return -EOPNOTSUPP;
}

static int no_msi_signal(void *host, void *peer, unsigned vector)
{
	(void)host, (void)peer, (void)vector;
	return -EOPNOTSUPP;
}

static int no_watch(void *host, int fd, lend_watch_fn fn, void *opaque)
{
	(void)host, (void)fd, (void)fn, (void)opaque;
	return -EOPNOTSUPP;
}

static int no_fd(void *host, int fd)
{
	(void)host, (void)fd;
	return -EOPNOTSUPP;
}

static int no_line_set(void *host, void *peer, unsigned pin, bool raised)
{
	(void)host, (void)peer, (void)pin, (void)raised;
	return -EOPNOTSUPP;
}

static int no_line_attach(void *host, void *peer, unsigned pin, int eventfd, int resamplefd)
{
	(void)host, (void)peer, (void)pin, (void)eventfd, (void)resamplefd;
	return -EOPNOTSUPP;
}

static int no_line_detach(void *host, void *peer, unsigned pin, int eventfd)
{
	(void)host, (void)peer, (void)pin, (void)eventfd;
	return -EOPNOTSUPP;
}

static int no_timer(void *host, void *peer, uint64_t nanoseconds, lend_watch_fn fn, void *opaque)
{
	(void)host, (void)peer, (void)nanoseconds, (void)fn, (void)opaque;
	return -EOPNOTSUPP;
}

static void no_settle(void *host)
{
	(void)host;
}

static void no_event(void *host, void *peer, enum lend_event event, const char *text)
{
	(void)host, (void)peer, (void)event, (void)text;
}

static int no_vga_map(void *host, void *peer, bool memory, bool ports)
{
	(void)host, (void)peer, (void)memory, (void)ports;
	return -EOPNOTSUPP;
}

static int no_ioeventfd(void *host, void *peer, const struct lend_ioeventfd *what)
{
	(void)host, (void)peer, (void)what;
	return -EOPNOTSUPP;
}

static const struct lend_host_ops absent = {
	.size = sizeof(absent),
	.bar_begin = no_begin,
	.bar_map = no_bar_map,
	.bar_unmap = no_bar_unmap,
	.bar_commit = no_commit,
	.msi_begin = no_begin,
	.msi_set = no_msi_set,
	.msi_free = no_msi_free,
	.msi_commit = no_commit,
	.msi_attach = no_msi_attach,
	.msi_detach = no_msi_attach,
	.watch = no_watch,
	.unwatch = no_fd,
	.settle = no_settle,
	.line_set = no_line_set,
	.line_attach = no_line_attach,
	.line_detach = no_line_detach,
	.timer = no_timer,
	.vfio_add = no_fd,
	.vfio_del = no_fd,
	.event = no_event,
	.msi_signal = no_msi_signal,
	.vga_map = no_vga_map,
	.ioeventfd_add = no_ioeventfd,
	.ioeventfd_remove = no_ioeventfd,
};

int ops_fill(struct lend_host_ops *out, const struct lend_host_ops *given)
{
	struct lend_host_ops have;
	int ret = sized_take(&have, sizeof(have), given, sizeof(have.size) + 1);

	if (ret < 0)
		return ret;
	*out = absent;
#define TAKE(slot)                                                                                           \
	if (have.slot)                                                                                       \
		out->slot = have.slot;
	TAKE(bar_begin)
	TAKE(bar_map)
	TAKE(bar_unmap)
	TAKE(bar_commit)
	TAKE(msi_begin)
	TAKE(msi_set)
	TAKE(msi_free)
	TAKE(msi_commit)
	TAKE(msi_attach)
	TAKE(msi_detach)
	TAKE(watch)
	TAKE(unwatch)
	TAKE(settle)
	TAKE(line_set)
	TAKE(line_attach)
	TAKE(line_detach)
	TAKE(timer)
	TAKE(vfio_add)
	TAKE(vfio_del)
	TAKE(event)
	TAKE(msi_signal)
	TAKE(vga_map)
	TAKE(ioeventfd_add)
	TAKE(ioeventfd_remove)
#undef TAKE
	return 0;
}
