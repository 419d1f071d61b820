/* SPDX-License-Identifier: MIT */
/* Frames of the guest (virtio 1.2, 5.1.6.2). */
#include <errno.h>
#include <string.h>

#include "tool/serve/net/net.h"

void net_skip(struct iovec **iov, unsigned *count, size_t bytes)
{
	while (*count && bytes >= (*iov)->iov_len) {
		bytes -= (*iov)->iov_len;
		++*iov;
		--*count;
	}
	if (!*count)
		return;
	(*iov)->iov_base = (uint8_t *)(*iov)->iov_base + bytes;
	(*iov)->iov_len -= bytes;
}

/* A frame without bytes, or with more than a card sends, is lost. */
static int send_frame(struct net *net, unsigned pair, const struct vq *vq, const struct vq_chain *chain)
{
	struct iovec *io = net->io;
	unsigned count = chain->readable;

	if (chain->readable_bytes <= NET_HEADER || chain->readable_bytes > NET_FRAME)
		return 0;
	if (chain->remote) {
		const struct vq_pieces pieces = {vq, io, net->iova, count};

		if (vq_copy_from(&pieces, 0, net->bounce, chain->readable_bytes) < chain->readable_bytes)
			return 0;
		io[0] = (struct iovec){net->bounce, chain->readable_bytes};
		count = 1;
	}
	if (!net->backend->header)
		net_skip(&io, &count, NET_HEADER);
	return net->backend->send(net->backend, pair, io, count);
}

/* One frame: 1; 0: there is none; -EAGAIN: the backend has no room for more; or the queue is broken. */
static int one(struct net *net, unsigned pair, struct vq *vq)
{
	const struct vq_room room = {net->io, net->iova, NET_PIECES};
	struct vq_chain chain;
	int ret = vq_pop(vq, &chain, &room);

	if (ret == -ENOBUFS)
		return vq_break(vq, "a frame has too many pieces");
	if (ret <= 0)
		return ret < 0 ? ret : vq_listen(vq);
	ret = net->gone ? 0 : send_frame(net, pair, vq, &chain);
	if (ret == -EAGAIN) {
		vq_unpop(vq, &chain);
		return ret;
	}
	vq_use(vq, &chain, 0);
	return ret ? -EAGAIN : 1;
}

void net_transmit(struct net *net, unsigned pair)
{
	const unsigned queue = 2 * pair + 1;
	struct vq *vq = vdevice_queue(&net->device, queue);
	int ret = 1;

	if (net->backend->flush && !net->gone)
		ret = net->backend->flush(net->backend) == -EAGAIN ? -EAGAIN : 1;
	vq_ignore(vq);
	for (unsigned i = 0; i < NET_TURN && ret > 0; i++)
		ret = one(net, pair, vq);
	if (vq->broken) {
		vdevice_broken(&net->device, queue);
		return;
	}
	net->pair[pair].want_out = ret == -EAGAIN;
	if (ret > 0)
		net_again(net, queue);
	vdevice_flush(&net->device, queue);
}
