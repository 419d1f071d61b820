/* SPDX-License-Identifier: MIT */
/*
 * Where a network card's frames go to and come from: a tap of the kernel, or a process
 * of the user. None of its calls blocks.
 */
#ifndef TOOL_SERVE_NET_BACKEND_H
#define TOOL_SERVE_NET_BACKEND_H

#include <sys/types.h>
#include <sys/uio.h>

#include "lend/types.h"

enum {
	NET_PAIRS = 2,     /* pairs of queues, at most */
	NET_HEADER = 12,   /* struct virtio_net_hdr_v1 */
	NET_FRAME = 65600, /* a frame of 64 KiB with Ethernet's header, a tag, and NET_HEADER */
	NET_PIECES = 512,  /* of a frame, at most */
};

struct net_backend {
	char name[64];      /* for messages, and for the card's address */
	unsigned pairs;     /* how many queues it has */
	unsigned used;      /* a tap's: by how many of them frames come */
	int fds[NET_PAIRS]; /* of each: readable when a frame is there, writable when there is room */
	bool header;        /* a frame has a NET_HEADER in front, in both directions */
	uint64_t offers;    /* the features of virtio-net that it makes possible */
	uint16_t mtu;       /* 0: not known */
	bool renewed;       /* another process makes it anew when it starts */

	/**
	 * Takes a frame: its bytes, or more than there is room for if it was cut. -EAGAIN:
	 * there is none; another negative errno: the backend is gone.
	 */
	ssize_t (*receive)(struct net_backend *backend, unsigned pair, const struct iovec *iov,
			   unsigned count);
	/**
	 * Sends a frame: 0, also if it is dropped; 1: it is taken, and slot `flush` has to
	 * send the rest of it when there is room; -EAGAIN: there is no room.
	 */
	int (*send)(struct net_backend *backend, unsigned pair, const struct iovec *iov, unsigned count);
	/** Sends what is left: 0, or -EAGAIN. NULL: nothing ever is. */
	int (*flush)(struct net_backend *backend);
	/**
	 * What the guest can receive from now on, of VIRTIO_NET_F_GUEST_*. 0, or a negative errno:
	 * then it gets whole frames alone. NULL: it never gets anything else.
	 */
	int (*offload)(struct net_backend *backend, uint64_t features);
	/** Frames come by the first `pairs` queues from now on: 0 or a negative errno. NULL: there is one. */
	int (*use)(struct net_backend *backend, unsigned pairs);
	void (*end)(struct net_backend *backend);
};

/** Features that the headers of older kernels do not name (virtio 1.2 and later, 5.1.3). */
enum { NET_F_GUEST_USO4 = 54, NET_F_GUEST_USO6 = 55, NET_F_HOST_USO = 56 };

#define NET_BIT(feature) (UINT64_C(1) << (feature))

/** Whether a network interface can have this name: 0 or -EINVAL. */
int net_tap_check_name(const char *name, struct lend_error *error);

/** A tap that exists, by its name: with two queues if it is made for several. */
int net_tap_open(struct net_backend *out, const char *name, struct lend_error *error);

/** A descriptor of a tap, which is the backend's then, also on failure. */
int net_tap_take(struct net_backend *out, int fd, struct lend_error *error);

/** Descriptors that carry a frame each read and write. Only slots `offload` and `use` need a tap. */
void net_tap_fill(struct net_backend *out, const int *fds, unsigned pairs, bool header);

/** passt, which is started and ends with us: a network for a user without privilege. */
int net_user_open(struct net_backend **out, struct lend_error *error);

/**
 * What comes of the lines that passt wrote, which are changed: 0 after those that matter were
 * printed if it started, else -EIO, with a sentence that says why it did not and what to do.
 */
int net_passt_said(char *words, bool started, struct lend_error *error);

/** The protocol of passt on a stream socket, which is the backend's then. NULL: no memory. */
struct net_backend *net_user_take(int fd);

#endif
