/* SPDX-License-Identifier: MIT */
/* Gives and takes with the monitor and the space on the other side (ledger.h). */
#include <errno.h>

#include "lib/pci/ledger/bell.h"
#include "lib/pci/ledger/note.h"

/* Calls a monitor's operation; all of them begin with the same two arguments. */
#define tell(operation, ...) function->ops->operation(function->host, function->peer, ##__VA_ARGS__)

int give_line(struct lend_function *function)
{
	const struct intx *intx = &function->intx;
	int ret = may_go_out(function, OUT_LINE_IRQFD);

	if (!ret)
		ret = tell(line_attach, intx->pin, intx->fd, intx->resample);
	return note_out(function, OUT_LINE_IRQFD, 0, ret);
}

int take_line(struct lend_function *function)
{
	return note_back(function, OUT_LINE_IRQFD, 0,
			 tell(line_detach, function->intx.pin, function->intx.fd));
}

int give_line_level(struct lend_function *function)
{
	int ret = may_go_out(function, OUT_LINE_LEVEL);

	if (!ret)
		ret = tell(line_set, function->intx.pin, true);
	return note_out(function, OUT_LINE_LEVEL, 0, ret);
}

int take_line_level(struct lend_function *function)
{
	return note_back(function, OUT_LINE_LEVEL, 0, tell(line_set, function->intx.pin, false));
}

int give_timer(struct lend_function *function, uint64_t nanoseconds)
{
	int ret = may_go_out(function, OUT_TIMER);

	if (!ret)
		ret = tell(timer, nanoseconds, bell_rings, bell_hand_out(function, BELL_TIMER));
	return note_out(function, OUT_TIMER, 0, ret);
}

int take_timer(struct lend_function *function)
{
	bell_silence(function, BELL_TIMER);
	return note_back(function, OUT_TIMER, 0, tell(timer, 0, NULL, NULL));
}

struct watched {
	unsigned bell;
	int fd;
};

static struct watched watched(struct lend_function *function, enum out row, unsigned number)
{
	unsigned bell = row == OUT_VECTOR_WATCH ? BELL_VECTOR + number
			: row == OUT_LINE_WATCH ? (unsigned)BELL_LINE
			: row == OUT_ACK_WATCH  ? BELL_ACK + number
						: BELL_NOTICE + number;

	return (struct watched){bell, bell_fd(function, bell)};
}

int give_watch(struct lend_function *function, enum out row, unsigned number)
{
	struct watched what = watched(function, row, number);
	int ret = may_go_out(function, row);

	if (!ret)
		ret = function->ops->watch(function->host, what.fd, bell_rings,
					   bell_hand_out(function, what.bell));
	return note_out(function, row, number, ret);
}

int take_watch(struct lend_function *function, enum out row, unsigned number)
{
	struct watched what = watched(function, row, number);
	int ret = function->ops->unwatch(function->host, what.fd);

	/* While it is still watched, callbacks must go on draining the eventfd, or they would never end. */
	if (!ret)
		bell_silence(function, what.bell);
	return note_back(function, row, number, ret);
}

int give_irqfd(struct lend_function *function, unsigned vector)
{
	int ret = may_go_out(function, OUT_IRQFD);

	if (!ret)
		ret = tell(msi_attach, vector, function->messages.vectors[vector].fd);
	return note_out(function, OUT_IRQFD, vector, ret);
}

int take_irqfd(struct lend_function *function, unsigned vector)
{
	return note_back(function, OUT_IRQFD, vector,
			 tell(msi_detach, vector, function->messages.vectors[vector].fd));
}

void begin_routes(struct lend_function *function)
{
	tell(msi_begin);
}

int give_route(struct lend_function *function, unsigned vector, uint64_t address, uint32_t data)
{
	int ret = may_go_out(function, OUT_ROUTE);

	if (!ret)
		ret = tell(msi_set, vector, address, data);
	return note_out(function, OUT_ROUTE, vector, ret);
}

void take_route(struct lend_function *function, unsigned vector)
{
	tell(msi_free, vector);
	note_back(function, OUT_ROUTE, vector, 0);
}

int commit_routes(struct lend_function *function)
{
	return tell(msi_commit);
}

void begin_places(struct lend_function *function)
{
	function->ledger.coming = function->ledger.going = 0;
	tell(bar_begin);
}

int give_bar(struct lend_function *function, const struct lend_bar_map *map)
{
	int ret = may_go_out(function, OUT_BAR);

	if (!ret)
		ret = tell(bar_map, map);
	if (!ret)
		function->ledger.coming |= 1u << map->bar;
	return ret;
}

int take_bar(struct lend_function *function, unsigned bar)
{
	int ret = tell(bar_unmap, bar);

	if (!ret)
		function->ledger.going |= 1u << bar;
	return ret;
}

int commit_places(struct lend_function *function)
{
	int ret = tell(bar_commit);

	for (unsigned i = 0; i < LEND_BARS && ret >= 0; i++) {
		if (function->ledger.coming & 1u << i) {
			function->bars[i].hidden = ret & 1 << i;
			note_out(function, OUT_BAR, i, 0);
		}
		if (function->ledger.going & 1u << i)
			note_back(function, OUT_BAR, i, 0);
	}
	return ret < 0 ? ret : 0;
}

/* Whether areas of the BAR are still peers at its old place, because the space did not unmap them. */
static bool left_behind(const struct lend_function *function, unsigned bar)
{
	int next = next_out(function, OUT_PEER, OUT_AREA(bar, 0));

	return next >= 0 && next < (int)OUT_AREA(bar + 1, 0) &&
	       function->bars[bar].peers_at != function->bars[bar].address;
}

int give_peer(struct lend_function *function, unsigned bar, unsigned area)
{
	struct bar *of = &function->bars[bar];
	const struct lend_range range = {
		.iova = of->address + of->areas[area].offset,
		.length = of->areas[area].length,
		.va = of->va + of->areas[area].offset,
		.fd = of->files[area],
		.kind = LEND_RANGE_BAR,
	};
	int ret = may_go_out(function, OUT_PEER);

	if (!ret && left_behind(function, bar))
		ret = -EBUSY;
	if (!ret)
		of->peers_at = of->address;
	if (!ret)
		ret = lend_space_map(function->device->space, &range, 1, NULL);
	return note_out(function, OUT_PEER, OUT_AREA(bar, area), ret);
}

int take_peer(struct lend_function *function, unsigned bar, unsigned area)
{
	const struct bar *of = &function->bars[bar];
	int ret = lend_space_unmap(function->device->space, of->peers_at + of->areas[area].offset,
				   of->areas[area].length);

	return note_back(function, OUT_PEER, OUT_AREA(bar, area), ret == -ENOENT ? 0 : ret);
}

static int note_vga(struct lend_function *function, unsigned number, bool out)
{
	return out ? note_out(function, OUT_VGA, number, 0) : note_back(function, OUT_VGA, number, 0);
}

int give_vga(struct lend_function *function, bool memory, bool ports)
{
	int ret = memory || ports ? may_go_out(function, OUT_VGA) : 0;

	if (!ret)
		ret = tell(vga_map, memory, ports);
	if (ret < 0)
		return ret;
	note_vga(function, OUT_VGA_MEMORY, memory);
	return note_vga(function, OUT_VGA_PORTS, ports);
}

static struct lend_ioeventfd to_host(const struct ioeventfd *what)
{
	return (struct lend_ioeventfd){.struct_size = sizeof(struct lend_ioeventfd),
				       .bar = what->bar,
				       .length = what->length,
				       .offset = what->offset,
				       .data = what->data,
				       .fd = what->fd,
				       .any = !what->match};
}

int give_ioeventfd(struct lend_function *function, unsigned number)
{
	const struct lend_ioeventfd what = to_host(ioeventfd_at(function, number));
	int ret = may_go_out(function, OUT_IOEVENTFD);

	if (!ret)
		ret = tell(ioeventfd_add, &what);
	return note_out(function, OUT_IOEVENTFD, number, ret);
}

int take_ioeventfd(struct lend_function *function, unsigned number)
{
	const struct lend_ioeventfd what = to_host(ioeventfd_at(function, number));

	return note_back(function, OUT_IOEVENTFD, number, tell(ioeventfd_remove, &what));
}
