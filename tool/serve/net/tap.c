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
#include <sys/uio.h>
#include <unistd.h>

#include "tool/serve/net/backend.h"
#include "tool/serve/net/tun.h"
#include "tool/tool.h"

/* Since Linux 6.2. */
enum { F_USO4 = 0x20, F_USO6 = 0x40, F_USO = F_USO4 | F_USO6 };

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

/*
 * The kernel cuts UDP of both families or of none. A guest that takes one of them gets none:
 * a feature of the guest is what it may be given, not what it must be.
 */
static unsigned offload_flags(uint64_t features)
{
	unsigned flags = 0;

	for (size_t i = 0; i < sizeof(offloads) / sizeof(offloads[0]); i++)
		if (features & NET_BIT(offloads[i].feature))
			flags |= offloads[i].flag;
	return (flags & F_USO) == F_USO ? flags : flags & ~(unsigned)F_USO;
}

/* It is one setting of the tap, not of a queue. A setting that fails would leave that of the guest before. */
static int offload(struct net_backend *tap, uint64_t features)
{
	int ret = tun_set_offload(tap->fds[0], offload_flags(features));

	if (ret)
		tun_set_offload(tap->fds[0], 0);
	return ret;
}

/* The kernel refuses to do again what is done, so only what changes is asked for. */
static int use(struct net_backend *tap, unsigned pairs)
{
	while (tap->used != pairs) {
		const bool more = tap->used < pairs;
		int ret = tun_use_queue(tap->fds[more ? tap->used : tap->used - 1], more);

		if (ret)
			return ret;
		tap->used = more ? tap->used + 1 : tap->used - 1;
	}
	return 0;
}

static void end(struct net_backend *tap)
{
	for (unsigned pair = 0; pair < tap->pairs; pair++)
		close(tap->fds[pair]);
}

void net_tap_fill(struct net_backend *out, const int *fds, unsigned pairs, bool header)
{
	*out = (struct net_backend){.pairs = pairs,
				    .used = pairs,
				    .header = header,
				    .receive = receive,
				    .send = transmit,
				    .end = end};
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
	int mtu;
	bool up;

	if (tap->header && !tun_set_offload(tap->fds[0], TUN_F_CSUM | TUN_F_UFO))
		tap->offers |= NET_BIT(VIRTIO_NET_F_GUEST_UFO) | NET_BIT(VIRTIO_NET_F_HOST_UFO);
	if (tap->header && !tun_set_offload(tap->fds[0], TUN_F_CSUM | F_USO))
		tap->offers |=
			NET_BIT(NET_F_GUEST_USO4) | NET_BIT(NET_F_GUEST_USO6) | NET_BIT(NET_F_HOST_USO);
	if (tap->header)
		tun_set_offload(tap->fds[0], 0);
	snprintf(tap->name, sizeof(tap->name), "tap %s", name);
	if (!tun_get_mtu(name, &mtu) && mtu >= 68 && mtu <= UINT16_MAX)
		tap->mtu = (uint16_t)mtu;
	/* It may come up later. */
	if (!tun_is_up(name, &up) && !up)
		tool_say("tap %s is down, and carries no frame until it is up: ip link set %s up", name,
			 name);
}

static int set_header(int fd)
{
	int ret = tun_set_header(fd, NET_HEADER);

	return ret ? ret : tun_set_little_endian(fd);
}

/* A queue of a tap: its descriptor or a negative errno. */
static int open_queue(const char *name, short flags)
{
	int ret, fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	ret = tun_attach(fd, name, (short)(flags | IFF_TAP | IFF_NO_PI | IFF_VNET_HDR));
	ret = ret ? ret : set_header(fd);
	if (!ret)
		return fd;
	close(fd);
	return ret;
}

/* How this user makes the tap: root needs no owner of it. */
static const char *cure(char *out, size_t size, const char *name)
{
	int used = snprintf(out, size, "ip tuntap add dev %s mode tap multi_queue", name);

	if (geteuid())
		snprintf(out + used, size - (size_t)used, " user %u", geteuid());
	return out;
}

static int explain(const char *name, int ret, struct lend_error *error)
{
	char words[128];

	cure(words, sizeof(words), name);
	switch (ret) {
	case -EBUSY:
		return tool_fail(error, ret,
				 "tap %s is in use: end the process that uses it, or make another tap", name);
	case -EPERM:
		return tool_fail(error, ret,
				 "tap %s belongs to another user: make it anew as root: ip link del %s; %s",
				 name, name, words);
	case -EINVAL:
		return tool_fail(error, -ENODEV,
				 "%s is a network interface, but no tap: give the name of one that is made "
				 "with: ip tuntap add dev NAME mode tap multi_queue",
				 name);
	case -EACCES:
		return tool_fail(
			error, ret,
			"tap %s: this user may not open /dev/net/tun: let all users open it, as most "
			"hosts do: chmod 0666 /dev/net/tun",
			name);
	case -ENOENT:
	case -ENXIO:
	case -ENODEV:
		return tool_fail(error, ret,
				 "/dev/net/tun cannot be opened: load the module tun: modprobe tun");
	default:
		return tool_fail(error, ret, "tap %s cannot be opened: %s", name, strerror(-ret));
	}
}

/* The rules of the kernel for the name of an interface. */
static bool is_name(const char *name)
{
	const size_t length = strlen(name);

	return length && length < IFNAMSIZ && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
	       length == strcspn(name, "/: \t\n\v\f\r");
}

int net_tap_check_name(const char *name, struct lend_error *error)
{
	if (!is_name(name))
		return tool_fail(error, -EINVAL,
				 "--tap '%.40s': the name of a network interface is expected: 1 to %d "
				 "characters without blanks, '/' and ':'",
				 name, IFNAMSIZ - 1);
	return 0;
}

int net_tap_open(struct net_backend *out, const char *name, struct lend_error *error)
{
	char words[128];
	int fds[NET_PAIRS];

	/* The kernel would make a tap that does not exist, and nothing would be connected to it. */
	if (!if_nametoindex(name))
		return tool_fail(error, -ENODEV, "there is no network interface %s: make it as root with: %s",
				 name, cure(words, sizeof(words), name));
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

/* What keeps a descriptor from being the card's: 0, or -EINVAL with a sentence. */
static int check_tap(int fd, char name[IFNAMSIZ], short *flags, struct lend_error *error)
{
	if (tun_ask(fd, name, flags))
		return tool_fail(error, -EINVAL, "descriptor %d is no tap: open /dev/net/tun or /dev/tapN",
				 fd);
	if (!(*flags & IFF_TAP) || !(*flags & IFF_NO_PI))
		return tool_fail(error, -EINVAL,
				 "descriptor %d has to be that of a tap with IFF_TAP and IFF_NO_PI", fd);
	if (*flags & IFF_VNET_HDR && set_header(fd))
		return tool_fail(error, -EINVAL, "descriptor %d takes no header of %d bytes", fd, NET_HEADER);
	return 0;
}

int net_tap_take(struct net_backend *out, int fd, struct lend_error *error)
{
	char name[IFNAMSIZ];
	short flags;
	int ret = check_tap(fd, name, &flags, error);

	if (ret) {
		close(fd);
		return ret;
	}
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	net_tap_fill(out, &fd, 1, flags & IFF_VNET_HDR);
	ask_kernel(out, name);
	return 0;
}
