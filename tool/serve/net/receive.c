/* SPDX-License-Identifier: MIT */
/* Frames for the guest (virtio 1.2, 5.1.6.3 and 5.1.6.4). */
#include <errno.h>
#include <linux/virtio_net.h>
#include <stddef.h>
#include <string.h>

#include "tool/serve/net/net.h"

void net_window_forget(struct net *net, unsigned pair)
{
	struct net_window *window = &net->pair[pair].window;

	window->first = window->count = window->first_piece = window->pieces = window->remote = 0;
	window->bytes = 0;
}

void net_window_return(struct net *net, unsigned pair)
{
	struct net_window *window = &net->pair[pair].window;
	struct vq *vq = vdevice_queue(&net->device, 2 * pair);

	while (vq && window->count)
		vq_unpop(vq, &window->chains[window->first + --window->count]);
	net_window_forget(net, pair);
}

/* What is left goes to the front when the end is reached. */
static void make_room(struct net_window *window)
{
	if (!window->first || (window->first + window->count < NET_WINDOW &&
			       window->first_piece + window->pieces < NET_PIECES / 2))
		return;
	memmove(window->chains, window->chains + window->first, window->count * sizeof(window->chains[0]));
	memmove(window->iov, window->iov + window->first_piece, window->pieces * sizeof(window->iov[0]));
	memmove(window->iova, window->iova + window->first_piece, window->pieces * sizeof(window->iova[0]));
	window->first = window->first_piece = 0;
}

/* Pops a chain into the window: as vq_pop(). */
static int add_chain(struct vq *vq, struct net_window *window)
{
	struct vq_chain *chain;
	struct vq_room room;
	unsigned end;
	int ret;

	make_room(window);
	end = window->first_piece + window->pieces;
	chain = &window->chains[window->first + window->count];
	room = (struct vq_room){&window->iov[end], &window->iova[end], NET_PIECES - end};
	ret = vq_pop(vq, chain, &room);
	if (ret == -ENOBUFS && !window->count)
		return vq_break(vq, "a receive buffer has too many pieces");
	if (ret <= 0)
		return ret == -ENOBUFS ? 0 : ret;
	if (chain->readable || chain->writable_bytes < NET_HEADER)
		return vq_break(vq, "a receive buffer cannot be written, or has no room for a header");
	window->count++;
	window->pieces += chain->writable;
	window->bytes += chain->writable_bytes;
	window->remote += chain->remote;
	return 1;
}

/* As many buffers as a frame can need, if there are so many: 0, or -EPROTO. */
static int fill(struct net *net, struct vq *vq, struct net_window *window)
{
	const bool merge = net->device.features & NET_BIT(VIRTIO_NET_F_MRG_RXBUF);
	int ret = 1;

	while (ret > 0 && window->count < NET_WINDOW && (merge ? window->bytes < NET_FRAME : !window->count))
		ret = add_chain(vq, window);
	return ret;
}

/* How many of the window's chains hold `bytes`, each of which is used then. */
static uint16_t use_chains(struct vq *vq, struct net_window *window, uint64_t bytes)
{
	uint16_t used = 0;

	while (bytes && window->count) {
		const struct vq_chain *chain = &window->chains[window->first];
		const uint32_t here = bytes < chain->writable_bytes ? (uint32_t)bytes : chain->writable_bytes;

		vq_use(vq, chain, here);
		bytes -= here;
		window->first++;
		window->count--;
		window->first_piece += chain->writable;
		window->pieces -= chain->writable;
		window->bytes -= chain->writable_bytes;
		window->remote -= chain->remote;
		used++;
	}
	return used;
}

static uint16_t count_chains(const struct net_window *window, uint64_t bytes)
{
	uint16_t count = 0;

	for (uint64_t room = 0; room < bytes && count < window->count; count++)
		room += window->chains[window->first + count].writable_bytes;
	return count;
}

/*
 * Reads a frame into the window's buffers, or into our own if a part of them is out of
 * reach. Returns its bytes with the header, or a negative errno. Behind the buffers is
 * room of ours, so that a frame that is too long is told from one that fits.
 */
static ssize_t read_frame(struct net *net, unsigned pair)
{
	const struct net_window *window = &net->pair[pair].window;
	const size_t header = net->backend->header ? 0 : NET_HEADER;
	struct iovec *io = net->io;
	unsigned count = 0;
	ssize_t got;

	if (!window->remote) {
		count = window->pieces;
		memcpy(io, window->iov + window->first_piece, count * sizeof(*io));
	}
	io[count++] = (struct iovec){net->bounce, sizeof(net->bounce)};
	if (header)
		net_skip(&io, &count, header);
	got = net->backend->receive(net->backend, pair, io, count);
	return got < 0 ? got : got + (ssize_t)header;
}

/* Hands a frame that was read to the driver. */
static void deliver(struct net *net, unsigned pair, size_t bytes)
{
	struct net_window *window = &net->pair[pair].window;
	struct vq *vq = vdevice_queue(&net->device, 2 * pair);
	const struct vq_pieces pieces = {vq, window->iov + window->first_piece,
					 window->iova + window->first_piece, window->pieces};
	struct virtio_net_hdr_v1 header = {.num_buffers = count_chains(window, bytes)};
	const size_t at = offsetof(struct virtio_net_hdr_v1, num_buffers);

	if (window->remote) {
		if (net->backend->header)
			memcpy(net->bounce + at, &header.num_buffers, sizeof(header.num_buffers));
		else
			memcpy(net->bounce, &header, NET_HEADER);
		vq_copy_to(&pieces, 0, net->bounce, bytes);
	} else if (net->backend->header) {
		vq_copy_to(&pieces, at, &header.num_buffers, sizeof(header.num_buffers));
	} else {
		vq_copy_to(&pieces, 0, &header, NET_HEADER);
	}
	use_chains(vq, window, bytes);
	vq_publish(vq);
}

/* One frame: 1; 0 if there is none now, -ENOBUFS if there is no buffer, or another negative errno. */
static int one(struct net *net, unsigned pair, struct vq *vq)
{
	struct net_window *window = &net->pair[pair].window;
	ssize_t got;
	int ret = fill(net, vq, window);

	if (ret < 0)
		return ret;
	if (!window->count)
		return vq_listen(vq) ? 1 : vq->broken ? -EPROTO : -ENOBUFS;
	got = read_frame(net, pair);
	if (got == -EAGAIN)
		return 0;
	/* The backend is not to blame: the client cut the file behind the guest's memory. */
	if (got == -EFAULT && !window->remote)
		return vq_break(vq, "a receive buffer is not in guest memory");
	if (got < 0) {
		net_lose_backend(net, (int)got);
		return 0;
	}
	/* A frame without buffers that are large enough is lost, as on any card. */
	if ((size_t)got > NET_HEADER && (size_t)got <= window->bytes)
		deliver(net, pair, (size_t)got);
	return 1;
}

void net_receive(struct net *net, unsigned pair)
{
	struct vq *vq = vdevice_queue(&net->device, 2 * pair);
	int ret = 1;

	if (net->gone)
		return;
	vq_ignore(vq);
	for (unsigned i = 0; i < NET_TURN && ret > 0; i++)
		ret = one(net, pair, vq);
	if (vq->broken) {
		vdevice_broken(&net->device, 2 * pair);
		return;
	}
	net->pair[pair].want_in = ret != -ENOBUFS;
	if (ret > 0) /* the backend may hold frames that its descriptor does not tell of */
		net_again(net, 2 * pair);
	vdevice_flush(&net->device, 2 * pair);
}
