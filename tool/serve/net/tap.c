/* SPDX-License-Identifier: MIT */
/*
 * A tap (Documentation/networking/tuntap.rst): a frame each read and write, with the
 * header of virtio in front, so that the kernel does checksums and segmentation.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tool/serve/net/backend.h"
#include "tool/tool.h"

/* Since Linux 6.2. */
enum { F_USO4 = 0x20, F_USO6 = 0x40 };

/* Which feature of the guest is which of the tap. */
static const struct {
	uint8_t feature, flag;
} offloads[] = {
	{VIRTIO_NET_F_GUEST_CSUM, TUN_F_CSUM},
	{VIRTIO_NET_F_GUEST_TSO4, TUN_F_TSO4},
	{VIRTIO_NET_F_GUEST_TSO6, TUN_F_TSO6},
	{VIRTIO_NET_F_GUEST_ECN, TUN_F_TSO_ECN},
	{VIRTIO_NET_F_GUEST_UFO, TUN_F_UFO},
	{NET_F_GUEST_USO4, F_USO4},
	{NET_F_GUEST_USO6, F_USO6},
};

static ssize_t receive(struct net_backend *tap, unsigned pair, const struct iovec *iov, unsigned count)
{
	ssize_t got = readv(tap->fds[pair], iov, (int)count);

	if (got < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	return got ? got : -ENODEV;
}

static int transmit(struct net_backend *tap, unsigned pair, const struct iovec *iov, unsigned count)
{
	/* Of errors only this one passes: the frame is bad, or the tap is down. */
	return writev(tap->fds[pair], iov, (int)count) < 0 && errno == EAGAIN ? -EAGAIN : 0;
}

static void offload(struct net_backend *tap, uint64_t features)
{
	unsigned long flags = 0;

	for (size_t i = 0; i < sizeof(offloads) / sizeof(offloads[0]); i++)
		if (features & NET_BIT(offloads[i].feature))
			flags |= offloads[i].flag;
	/* It is one setting of the tap, not of a queue. */
	ioctl(tap->fds[0], TUNSETOFFLOAD, flags);
}

static void use(struct net_backend *tap, unsigned pairs)
{
	for (unsigned pair = 1; pair < tap->pairs; pair++) {
		struct ifreq request = {.ifr_flags = pair < pairs ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE};

		ioctl(tap->fds[pair], TUNSETQUEUE, &request);
	}
}

static void end(struct net_backend *tap)
{
	for (unsigned pair = 0; pair < tap->pairs; pair++)
		close(tap->fds[pair]);
}

void net_tap_fill(struct net_backend *out, const int *fds, unsigned pairs, bool header)
{
	*out = (struct net_backend){
		.pairs = pairs, .header = header, .receive = receive, .send = transmit, .end = end};
	memcpy(out->fds, fds, pairs * sizeof(*fds));
	if (pairs > 1)
		out->use = use;
	if (header) {
		out->offload = offload;
		out->offers = NET_BIT(VIRTIO_NET_F_CSUM) | NET_BIT(VIRTIO_NET_F_HOST_TSO4) |
			      NET_BIT(VIRTIO_NET_F_HOST_TSO6) | NET_BIT(VIRTIO_NET_F_HOST_ECN) |
			      NET_BIT(VIRTIO_NET_F_GUEST_CSUM) | NET_BIT(VIRTIO_NET_F_GUEST_TSO4) |
			      NET_BIT(VIRTIO_NET_F_GUEST_TSO6) | NET_BIT(VIRTIO_NET_F_GUEST_ECN) |
			      NET_BIT(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS);
	}
}

/* What not every kernel does, and how large frames are. */
static void ask_kernel(struct net_backend *tap, const char *name)
{
	const unsigned long ufo = TUN_F_CSUM | TUN_F_UFO, uso = TUN_F_CSUM | F_USO4 | F_USO6;
	struct ifreq request = {0};
	int fd;

	if (tap->header && !ioctl(tap->fds[0], TUNSETOFFLOAD, ufo))
		tap->offers |= NET_BIT(VIRTIO_NET_F_GUEST_UFO) | NET_BIT(VIRTIO_NET_F_HOST_UFO);
	if (tap->header && !ioctl(tap->fds[0], TUNSETOFFLOAD, uso))
		tap->offers |=
			NET_BIT(NET_F_GUEST_USO4) | NET_BIT(NET_F_GUEST_USO6) | NET_BIT(NET_F_HOST_USO);
	if (tap->header)
		ioctl(tap->fds[0], TUNSETOFFLOAD, 0UL);
	snprintf(tap->name, sizeof(tap->name), "tap %s", name);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (fd >= 0 && !ioctl(fd, SIOCGIFMTU, &request) && request.ifr_mtu >= 68 &&
	    request.ifr_mtu <= UINT16_MAX)
		tap->mtu = (uint16_t)request.ifr_mtu;
	if (fd >= 0)
		close(fd);
}

static int set_header(int fd)
{
	int size = NET_HEADER, little = 1;

	if (ioctl(fd, TUNSETVNETHDRSZ, &size))
		return -errno;
	/* Its fields are little endian, as those of a modern device are. */
	ioctl(fd, TUNSETVNETLE, &little);
	return 0;
}

/* A queue of a tap: its descriptor or a negative errno. */
static int open_queue(const char *name, short flags)
{
	struct ifreq request = {.ifr_flags = (short)(flags | IFF_TAP | IFF_NO_PI | IFF_VNET_HDR)};
	int ret, fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	ret = ioctl(fd, TUNSETIFF, &request) ? -errno : set_header(fd);
	if (!ret)
		return fd;
	close(fd);
	return ret;
}

static int explain(const char *name, int ret, struct lend_error *error)
{
	switch (ret) {
	case -EBUSY:
		return tool_fail(error, ret,
				 "tap %s is in use: end the process that uses it, or make another tap", name);
	case -EPERM:
		return tool_fail(
			error, ret,
			"tap %s belongs to another user: make it anew with: ip tuntap add dev %s mode tap "
			"multi_queue user USER",
			name, name);
	case -EINVAL:
		return tool_fail(error, ret,
				 "%s is no tap: make one with: ip tuntap add dev NAME mode tap multi_queue",
				 name);
	case -ENOENT:
	case -ENXIO:
		return tool_fail(error, ret,
				 "/dev/net/tun cannot be opened: load the module tun: modprobe tun");
	default:
		return tool_fail(error, ret, "tap %s cannot be opened: %s", name, strerror(-ret));
	}
}

int net_tap_open(struct net_backend *out, const char *name, struct lend_error *error)
{
	int fds[NET_PAIRS];

	/* The kernel would make a tap that does not exist, and nothing would be connected to it. */
	if (strlen(name) >= IFNAMSIZ || !if_nametoindex(name))
		return tool_fail(
			error, -ENODEV,
			"there is no network interface %s: make it with: ip tuntap add dev %s mode tap "
			"multi_queue",
			name, name);
	fds[0] = open_queue(name, IFF_MULTI_QUEUE);
	if (fds[0] == -EINVAL) { /* it was made for one queue */
		fds[0] = open_queue(name, 0);
		fds[1] = -1;
	} else if (fds[0] >= 0) {
		fds[1] = open_queue(name, IFF_MULTI_QUEUE);
	}
	if (fds[0] < 0)
		return explain(name, fds[0], error);
	net_tap_fill(out, fds, fds[1] < 0 ? 1 : 2, true);
	ask_kernel(out, name);
	return 0;
}

int net_tap_take(struct net_backend *out, int fd, struct lend_error *error)
{
	struct ifreq request = {0};
	bool header;

	if (ioctl(fd, TUNGETIFF, &request)) {
		close(fd);
		return tool_fail(error, -EINVAL, "descriptor %d is no tap: open /dev/net/tun or /dev/tapN",
				 fd);
	}
	if (!(request.ifr_flags & IFF_TAP) || !(request.ifr_flags & IFF_NO_PI)) {
		close(fd);
		return tool_fail(error, -EINVAL,
				 "descriptor %d has to be that of a tap with IFF_TAP and IFF_NO_PI", fd);
	}
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	header = request.ifr_flags & IFF_VNET_HDR && !set_header(fd);
	if (request.ifr_flags & IFF_VNET_HDR && !header) {
		close(fd);
		return tool_fail(error, -EINVAL, "descriptor %d takes no header of %d bytes", fd, NET_HEADER);
	}
	net_tap_fill(out, &fd, 1, header);
	ask_kernel(out, request.ifr_name);
	return 0;
}
