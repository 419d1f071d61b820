/* SPDX-License-Identifier: MIT */
/*
 * A network card of virtio (virtio 1.2, 5.1). One thread: net_work() does a bounded part
 * of what there is to do, whenever net_fd() is readable.
 */
#ifndef TOOL_SERVE_NET_NET_H
#define TOOL_SERVE_NET_NET_H

#include "tool/serve/net/backend.h"
#include "tool/serve/net/mac.h"
#include "tool/serve/virtio/device.h"
#include "tool/serve/virtio/pieces.h"

enum {
	NET_QUEUES = 2 * NET_PAIRS + 1,
	NET_TURN = 64,   /* frames of a queue before others have their turn */
	NET_WINDOW = 64, /* chains of receive buffers that wait for a frame */
};

/**
 * Receive buffers that were popped. A frame takes the first ones; the rest waits for the
 * next frame, so that a chain is walked once, however many a large frame could need.
 */
struct net_window {
	struct vq_chain chains[NET_WINDOW];
	struct iovec iov[NET_PIECES];
	lend_iova_t iova[NET_PIECES];
	unsigned first, count;        /* of chains */
	unsigned first_piece, pieces; /* of iov and iova */
	uint64_t bytes;
	unsigned remote; /* chains with pieces that are reached by messages alone */
};

/** What the driver set by commands, as the next process needs it (vdevice_keep()). */
struct net_kept {
	uint8_t mac[NET_MAC];
	uint16_t pairs;
	uint64_t offloads; /* of VIRTIO_NET_F_GUEST_* */
};

struct net {
	struct vdevice device;
	struct net_backend *backend;
	uint8_t mac[NET_MAC];
	struct net_kept kept; /* what the driver set by commands */
	int epoll;
	unsigned pairs; /* that the driver uses */
	bool gone;      /* the backend is */
	bool ends;      /* and the next process makes another one: this one has to end */
	struct {
		struct net_window window;
		bool want_in, want_out; /* what is waited for */
		uint32_t polled;        /* the events that epoll has; 0 and !watched: none */
		bool watched;
	} pair[NET_PAIRS];
	/* A frame on its way, and room for one that cannot be read or written in place. */
	struct iovec io[NET_PIECES + 1];
	lend_iova_t iova[NET_PIECES];
	uint8_t bounce[NET_FRAME];
};

/** `backend` must outlive it. Fills net->device, and describes it. Returns 0 or a negative errno. */
int net_start(struct net *net, struct net_backend *backend, const uint8_t mac[NET_MAC],
	      LEND_PRINTF(1, 2) void (*say)(const char *format, ...), struct lend_server_device *out);
void net_end(struct net *net);

int net_fd(const struct net *net);
void net_work(struct net *net);

/** A turn of a queue. `pair` has both. */
void net_receive(struct net *net, unsigned pair);
void net_transmit(struct net *net, unsigned pair);
void net_control(struct net *net, unsigned queue);

/** Popped receive buffers go back to the queue; or are forgotten with it. */
void net_window_return(struct net *net, unsigned pair);
void net_window_forget(struct net *net, unsigned pair);

/** Keeps net->kept for the next process. */
void net_keep(struct net *net);

/** The driver uses that many pairs from now on: 0, or a negative errno of the backend. */
int net_use_pairs(struct net *net, unsigned pairs);
/**
 * The backend does not work any more: the link is down; or, if the next process makes
 * another backend and goes on, this one ends.
 */
void net_lose_backend(struct net *net, int error);
/** A queue's next turn comes when others had theirs. */
void net_again(struct net *net, unsigned queue);

/** What commands of the driver set. False: it cannot be. */
bool net_set_address(struct net *net, const uint8_t mac[NET_MAC]);
bool net_set_pairs(struct net *net, unsigned pairs);
bool net_set_offloads(struct net *net, uint64_t features);

/** Skips the first `bytes` of pieces, which are changed. */
void net_skip(struct iovec **iov, unsigned *count, size_t bytes);

/** Sets of features that contradict themselves are refused. */
bool net_accepts(void *opaque, uint64_t features);
/** The features that the card has with a backend. */
uint64_t net_offers(const struct net_backend *backend);

#endif
