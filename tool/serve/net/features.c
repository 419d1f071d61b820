/* SPDX-License-Identifier: MIT */
/* The features of a network card, and which of them need others (virtio 1.2, 5.1.3.1). */
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#include "tool/serve/net/net.h"

static const struct {
	uint64_t features, need; /* any of `features` needs one of `need` */
} needs[] = {
	{NET_BIT(VIRTIO_NET_F_GUEST_TSO4) | NET_BIT(VIRTIO_NET_F_GUEST_TSO6) |
		 NET_BIT(VIRTIO_NET_F_GUEST_UFO) | NET_BIT(NET_F_GUEST_USO4) | NET_BIT(NET_F_GUEST_USO6),
	 NET_BIT(VIRTIO_NET_F_GUEST_CSUM)},
	{NET_BIT(VIRTIO_NET_F_GUEST_ECN),
	 NET_BIT(VIRTIO_NET_F_GUEST_TSO4) | NET_BIT(VIRTIO_NET_F_GUEST_TSO6)},
	{NET_BIT(VIRTIO_NET_F_HOST_TSO4) | NET_BIT(VIRTIO_NET_F_HOST_TSO6) | NET_BIT(VIRTIO_NET_F_HOST_UFO) |
		 NET_BIT(NET_F_HOST_USO),
	 NET_BIT(VIRTIO_NET_F_CSUM)},
	{NET_BIT(VIRTIO_NET_F_HOST_ECN), NET_BIT(VIRTIO_NET_F_HOST_TSO4) | NET_BIT(VIRTIO_NET_F_HOST_TSO6)},
	{NET_BIT(VIRTIO_NET_F_CTRL_RX) | NET_BIT(VIRTIO_NET_F_CTRL_MAC_ADDR) | NET_BIT(VIRTIO_NET_F_MQ) |
		 NET_BIT(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS),
	 NET_BIT(VIRTIO_NET_F_CTRL_VQ)},
};

uint64_t net_offers(const struct net_backend *backend)
{
	return NET_BIT(VIRTIO_F_VERSION_1) | NET_BIT(VIRTIO_F_ACCESS_PLATFORM) |
	       NET_BIT(VIRTIO_F_RING_PACKED) | NET_BIT(VIRTIO_F_RING_RESET) |
	       NET_BIT(VIRTIO_RING_F_INDIRECT_DESC) | NET_BIT(VIRTIO_RING_F_EVENT_IDX) |
	       NET_BIT(VIRTIO_NET_F_MAC) | NET_BIT(VIRTIO_NET_F_STATUS) | NET_BIT(VIRTIO_NET_F_MRG_RXBUF) |
	       NET_BIT(VIRTIO_NET_F_CTRL_VQ) | NET_BIT(VIRTIO_NET_F_CTRL_RX) |
	       NET_BIT(VIRTIO_NET_F_CTRL_MAC_ADDR) | backend->offers |
	       (backend->pairs > 1 ? NET_BIT(VIRTIO_NET_F_MQ) : 0) |
	       (backend->mtu ? NET_BIT(VIRTIO_NET_F_MTU) : 0);
}

bool net_accepts(void *opaque, uint64_t features)
{
	(void)opaque;
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++)
		if (features & needs[i].features && !(features & needs[i].need))
			return false;
	return true;
}
