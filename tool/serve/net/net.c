/* SPDX-License-Identifier: MIT */
/* The network card: its life, and which queue has its turn. */
#include <errno.h>
#include <linux/virtio_net.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "tool/serve/net/net.h"

/* What epoll tells of a doorbell: its queue and this; of a backend's queue: the pair. */
enum { BELL = 0x100, OWN_BELL = 0x200, QUEUE_MAX = 256 };

static void watch(struct net *net, unsigned pair)
{
	const uint32_t events =
		(net->pair[pair].want_in ? EPOLLIN : 0u) | (net->pair[pair].want_out ? EPOLLOUT : 0u);
	/* A queue of a tap that is not in use is in error all the time, and so is a backend that is gone. */
	const bool wanted = events && pair < net->pairs && !net->gone;
	struct epoll_event event = {.events = events, .data.u32 = pair};
	const int fd = net->backend->fds[pair];

	if (wanted == net->pair[pair].watched && (!wanted || events == net->pair[pair].polled))
		return;
	if (!wanted)
		epoll_ctl(net->epoll, EPOLL_CTL_DEL, fd, NULL);
	else
		epoll_ctl(net->epoll, net->pair[pair].watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
	net->pair[pair].watched = wanted;
	net->pair[pair].polled = events;
}

static void watch_all(struct net *net)
{
	for (unsigned pair = 0; pair < net->backend->pairs; pair++)
		watch(net, pair);
}

int net_use_pairs(struct net *net, unsigned pairs)
{
	int ret = net->backend->use ? net->backend->use(net->backend, pairs) : 0;

	if (ret)
		return ret;
	net->pairs = pairs;
	for (unsigned pair = 0; pair < pairs; pair++) {
		net_again(net, 2 * pair);
		net_again(net, 2 * pair + 1);
	}
	return 0;
}

void net_lose_backend(struct net *net, int error)
{
	static const uint8_t down[2];

	if (net->gone)
		return;
	net->gone = true;
	if (net->device.state && net->backend->renewed) {
		net->ends = true;
		net->device.say("net: %s does not answer any more: %s: the server ends, so that the next one "
				"starts it again",
				net->backend->name, strerror(-error));
		return;
	}
	net->device.say("net: %s does not answer any more: %s: the link of the guest's network card is down, "
			"until lend serve is started anew",
			net->backend->name, strerror(-error));
	vdevice_set_config(&net->device, offsetof(struct virtio_net_config, status), down, sizeof(down));
}

void net_again(struct net *net, unsigned queue)
{
	vdevice_ring(&net->device, queue);
}

static void start(void *opaque)
{
	struct net *net = opaque;

	/* What fails here are the calls of a tap that was removed: reading it says so. */
	if (net->backend->offload)
		net->backend->offload(net->backend, net->device.features);
	if (net_use_pairs(net, 1))
		net->pairs = 1;
	net->kept = (struct net_kept){.pairs = 1, .offloads = net->device.features};
	memcpy(net->kept.mac, net->mac, NET_MAC);
	net_keep(net);
}

void net_keep(struct net *net)
{
	vdevice_keep(&net->device, &net->kept, sizeof(net->kept));
}

/* The file is not trusted: each value is checked as in a command. */
static void resume(void *opaque)
{
	struct net *net = opaque;
	struct net_kept kept;

	memcpy(&kept, net->device.own, sizeof(kept));
	net_set_address(net, kept.mac);
	net_set_pairs(net, kept.pairs);
	if (kept.offloads != net->kept.offloads)
		net_set_offloads(net, kept.offloads);
}

static void stop(void *opaque)
{
	struct net *net = opaque;

	for (unsigned pair = 0; pair < net->backend->pairs; pair++) {
		net_window_forget(net, pair);
		net->pair[pair].want_in = net->pair[pair].want_out = false;
	}
	watch_all(net);
	memcpy(net->device.config, net->mac, NET_MAC);
}

static void let_go(void *opaque)
{
	struct net *net = opaque;

	for (unsigned pair = 0; pair < net->backend->pairs; pair++)
		net_window_return(net, pair);
}

static const struct vdevice_kind kind = {
	.name = "net",
	.device = 0x1041,
	.class_code = 0x020000,
	.accepts = net_accepts,
	.start = start,
	.stop = stop,
	.let_go = let_go,
	.resume = resume,
};

/* The number of pairs that the driver knows of decides which queue is for control (5.1.2). */
static unsigned control_queue(const struct net *net)
{
	return net->device.features & NET_BIT(VIRTIO_NET_F_MQ) ? 2 * net->backend->pairs : 2;
}

/* The backend's descriptor stays ready: a queue that does not work must not be waited for. */
static void wait_no_more(struct net *net, unsigned queue)
{
	const unsigned pair = queue / 2;

	if (pair >= net->backend->pairs)
		return;
	if (queue % 2)
		net->pair[pair].want_out = false;
	else
		net->pair[pair].want_in = false;
}

static void turn(struct net *net, unsigned queue)
{
	const unsigned pair = queue / 2;

	if (!vdevice_queue(&net->device, queue)) {
		wait_no_more(net, queue); /* a doorbell rings when it is enabled again */
		return;
	}
	if (queue == control_queue(net))
		net_control(net, queue);
	else if (pair < net->pairs && queue % 2)
		net_transmit(net, pair);
	else if (pair < net->pairs)
		net_receive(net, pair);
}

/* The queues that have something to do: a set of bits. */
static uint32_t due(struct net *net)
{
	struct epoll_event events[NET_QUEUES + 1 + NET_PAIRS];
	int count = epoll_wait(net->epoll, events, NET_QUEUES + 1 + NET_PAIRS, 0);
	uint32_t queues = 0;

	for (int i = 0; i < count; i++) {
		const uint32_t which = events[i].data.u32;

		if (which & OWN_BELL) {
			queues |= vdevice_take_rings(&net->device);
			continue;
		}
		if (which & BELL) {
			queues |= 1u << (which & 0xff);
			continue;
		}
		if (events[i].events & ~(uint32_t)EPOLLOUT)
			queues |= 1u << 2 * which;
		if (events[i].events & EPOLLOUT)
			queues |= 1u << (2 * which + 1);
	}
	return queues;
}

void net_work(struct net *net)
{
	const uint32_t queues = due(net);

	for (unsigned queue = 0; queue < net->device.queue_count; queue++) {
		if (!(queues & 1u << queue))
			continue;
		if (vdevice_begin_turn(&net->device)) {
			turn(net, queue);
			vdevice_end_turn(&net->device);
		} else if (queue / 2 < net->backend->pairs) { /* a doorbell rings when it may run */
			net->pair[queue / 2].want_in = net->pair[queue / 2].want_out = false;
		}
	}
	watch_all(net);
}

int net_fd(const struct net *net)
{
	return net->epoll;
}

static int watch_bells(struct net *net)
{
	struct epoll_event own = {.events = EPOLLIN, .data.u32 = OWN_BELL};

	if (epoll_ctl(net->epoll, EPOLL_CTL_ADD, net->device.bell, &own))
		return -errno;
	for (unsigned i = 0; i < net->device.queue_count; i++) {
		struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u32 = BELL | i};

		if (epoll_ctl(net->epoll, EPOLL_CTL_ADD, net->device.doorbells[i], &event))
			return -errno;
	}
	return 0;
}

int net_start(struct net *net, struct net_backend *backend, const uint8_t mac[NET_MAC],
	      void (*say)(const char *format, ...), struct lend_server_device *out)
{
	const struct virtio_net_config config = {
		.status = VIRTIO_NET_S_LINK_UP,
		.max_virtqueue_pairs = (uint16_t)backend->pairs,
		.mtu = backend->mtu,
	};
	int ret;

	*net = (struct net){
		.device = {.kind = &kind,
			   .opaque = net,
			   .say = say,
			   .offered = net_offers(backend),
			   .queue_count = 2 * backend->pairs + 1,
			   .queue_max = QUEUE_MAX,
			   .config_length = offsetof(struct virtio_net_config, speed)},
		.backend = backend,
		.pairs = 1,
	};
	memcpy(net->device.config, &config, net->device.config_length);
	memcpy(net->device.config, mac, NET_MAC);
	memcpy(net->mac, mac, NET_MAC);
	memcpy(net->device.identity, mac, NET_MAC);
	net->epoll = epoll_create1(EPOLL_CLOEXEC);
	ret = net->epoll < 0 ? -errno : vdevice_describe(&net->device, out);
	if (ret)
		goto close;
	ret = watch_bells(net);
	if (ret)
		goto end;
	ret = backend->use ? backend->use(backend, 1) : 0;
	if (ret)
		goto end;
	return 0;
end:
	vdevice_end(&net->device);
close:
	if (net->epoll >= 0)
		close(net->epoll);
	return ret;
}

void net_end(struct net *net)
{
	vdevice_end(&net->device);
	close(net->epoll);
}
