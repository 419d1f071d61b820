/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tool/serve/net/tun.h"

static void set_name(struct ifreq *request, const char *name)
{
	strncpy(request->ifr_name, name, sizeof(request->ifr_name) - 1);
}

int tun_attach(int fd, const char *name, short flags)
{
	struct ifreq request = {.ifr_flags = flags};

	set_name(&request, name);
	return ioctl(fd, TUNSETIFF, &request) ? -errno : 0;
}

int tun_ask(int fd, char name[IFNAMSIZ], short *flags)
{
	struct ifreq request = {0};

	if (ioctl(fd, TUNGETIFF, &request))
		return -errno;
	memcpy(name, request.ifr_name, IFNAMSIZ);
	name[IFNAMSIZ - 1] = '\0';
	*flags = request.ifr_flags;
	return 0;
}

int tun_set_header(int fd, int size)
{
	return ioctl(fd, TUNSETVNETHDRSZ, &size) ? -errno : 0;
}

int tun_set_little_endian(int fd)
{
	int on = 1;

	return ioctl(fd, TUNSETVNETLE, &on) ? -errno : 0;
}

int tun_set_offload(int fd, unsigned flags)
{
	return ioctl(fd, TUNSETOFFLOAD, (unsigned long)flags) ? -errno : 0;
}

int tun_use_queue(int fd, bool on)
{
	struct ifreq request = {.ifr_flags = on ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE};

	return ioctl(fd, TUNSETQUEUE, &request) ? -errno : 0;
}

/* Asks by a socket, of any kind, what interface `request` names. */
static int ask_interface(unsigned long what, struct ifreq *request, const char *name)
{
	int ret, fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	set_name(request, name);
	ret = ioctl(fd, what, request) ? -errno : 0;
	close(fd);
	return ret;
}

int tun_get_mtu(const char *name, int *mtu)
{
	struct ifreq request = {0};
	int ret = ask_interface(SIOCGIFMTU, &request, name);

	*mtu = request.ifr_mtu;
	return ret;
}

int tun_is_up(const char *name, bool *up)
{
	struct ifreq request = {0};
	int ret = ask_interface(SIOCGIFFLAGS, &request, name);

	*up = request.ifr_flags & IFF_UP;
	return ret;
}

static const uint32_t late[] = {TUNSETOFFLOAD, TUNSETQUEUE};

size_t tun_late_ioctls(const uint32_t **out)
{
	*out = late;
	return sizeof(late) / sizeof(*late);
}
