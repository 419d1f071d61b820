/* SPDX-License-Identifier: MIT */
/*
 * Commands of the guest (virtio 1.2, 5.1.6.5). Nothing is filtered: a guest sees all that the
 * backend gives.
 */
#include <errno.h>
#include <linux/virtio_net.h>
#include <string.h>

#include "tool/serve/net/net.h"

struct request {
	uint8_t class, command;
	uint8_t data[8]; /* what the commands that do something need of it */
	size_t length;   /* of the data in the chain */
};

static uint64_t value_of(const struct request *request, unsigned length)
{
	uint64_t value = 0;

	memcpy(&value, request->data, length);
	return value;
}

static bool nothing(struct net *net, const struct request *request)
{
	(void)net;
	(void)request;
	return true;
}

bool net_set_address(struct net *net, const uint8_t mac[NET_MAC])
{
	memcpy(net->device.config, mac, NET_MAC);
	memcpy(net->kept.mac, mac, NET_MAC);
	net_keep(net);
	return true;
}

static bool set_address(struct net *net, const struct request *request)
{
	return net_set_address(net, request->data);
}

bool net_set_pairs(struct net *net, unsigned pairs)
{
	if (!pairs || pairs > net->backend->pairs)
		return false;
	for (unsigned pair = pairs; pair < net->backend->pairs; pair++)
		net_window_return(net, pair);
	if (net_use_pairs(net, pairs))
		return false;
	net->kept.pairs = (uint16_t)pairs;
	net_keep(net);
	return true;
}

static bool set_pairs(struct net *net, const struct request *request)
{
	return net_set_pairs(net, (unsigned)value_of(request, 2));
}

bool net_set_offloads(struct net *net, uint64_t features)
{
	if (features & ~net->device.features || !net_accepts(net, features) || !net->backend->offload)
		return false;
	if (net->backend->offload(net->backend, features))
		return false;
	net->kept.offloads = features;
	net_keep(net);
	return true;
}

static bool set_offloads(struct net *net, const struct request *request)
{
	return net_set_offloads(net, value_of(request, 8));
}

static const struct {
	uint8_t class, first, last; /* commands */
	uint8_t feature;
	uint8_t length; /* of the data: at least */
	bool (*act)(struct net *net, const struct request *request);
} commands[] = {
	{VIRTIO_NET_CTRL_RX, 0, VIRTIO_NET_CTRL_RX_NOBCAST, VIRTIO_NET_F_CTRL_RX, 1, nothing},
	{VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, VIRTIO_NET_CTRL_MAC_TABLE_SET,
	 VIRTIO_NET_F_CTRL_RX, 8, nothing},
	{VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, VIRTIO_NET_CTRL_MAC_ADDR_SET,
	 VIRTIO_NET_F_CTRL_MAC_ADDR, NET_MAC, set_address},
	{VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET,
	 VIRTIO_NET_F_MQ, 2, set_pairs},
	{VIRTIO_NET_CTRL_GUEST_OFFLOADS, VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET,
	 VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET, VIRTIO_NET_F_CTRL_GUEST_OFFLOADS, 8, set_offloads},
};

static bool carry_out(struct net *net, const struct request *request)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (commands[i].class == request->class && commands[i].first <= request->command &&
		    request->command <= commands[i].last &&
		    net->device.features & NET_BIT(commands[i].feature) &&
		    request->length >= commands[i].length)
			return commands[i].act(net, request);
	return false;
}

static void one(struct net *net, const struct vq *vq, const struct vq_chain *chain)
{
	const unsigned first = chain->readable;
	const struct vq_pieces in = {vq, net->io, net->iova, first},
			       out = {vq, net->io + first, net->iova + first, chain->writable};
	struct request request = {0};
	uint8_t bytes[2 + sizeof(request.data)] = {0}, answer;

	vq_copy_from(&in, 0, bytes, sizeof(bytes));
	request.class = bytes[0];
	request.command = bytes[1];
	memcpy(request.data, bytes + 2, sizeof(request.data));
	request.length = chain->readable_bytes > 2 ? chain->readable_bytes - 2 : 0;
	answer = carry_out(net, &request) ? VIRTIO_NET_OK : VIRTIO_NET_ERR;
	vq_copy_to(&out, 0, &answer, 1);
}

void net_control(struct net *net, unsigned queue)
{
	const struct vq_room room = {net->io, net->iova, NET_PIECES};
	struct vq *vq = vdevice_queue(&net->device, queue);
	struct vq_chain chain;
	int ret = 1;

	for (unsigned i = 0; i < NET_TURN && ret > 0; i++) {
		ret = vq_pop(vq, &chain, &room);
		if (ret == -ENOBUFS)
			vq_break(vq, "a command has too many pieces");
		else if (!ret)
			ret = vq_listen(vq);
		else if (ret > 0) {
			one(net, vq, &chain);
			vq_use(vq, &chain, chain.writable_bytes ? 1 : 0);
		}
	}
	if (vq->broken) {
		vdevice_broken(&net->device, queue);
		return;
	}
	if (ret > 0)
		net_again(net, queue);
	vdevice_flush(&net->device, queue);
}
