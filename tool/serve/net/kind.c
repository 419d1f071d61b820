/* SPDX-License-Identifier: MIT */
/* lend serve net: its options, and the card's address. */
#include <errno.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "tool/serve/net/net.h"
#include "tool/serve/serve.h"

struct card {
	struct net net;
	struct net_backend tap, *backend;
	bool started;
	/* Its options. */
	const char *tap_name, *tap_fd, *mac;
	bool user;
};

static const char *const calls[] = {"readv", "recvfrom", NULL};
static const uint32_t ioctls[] = {TUNSETOFFLOAD, TUNSETQUEUE};

static unsigned net_options(void *state, struct args_option *rows)
{
	struct card *card = state;

	rows[0] = (struct args_option){"tap", 0, NULL, &card->tap_name};
	rows[1] = (struct args_option){"fd-tap", 0, NULL, &card->tap_fd};
	rows[2] = (struct args_option){"user", 0, &card->user, NULL};
	rows[3] = (struct args_option){"mac", 0, NULL, &card->mac};
	return 4;
}

static int read_mac(const char *text, uint8_t mac[NET_MAC], struct lend_error *error)
{
	unsigned bytes[NET_MAC];
	int end = 0;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &bytes[0], &bytes[1], &bytes[2], &bytes[3], &bytes[4],
		   &bytes[5], &end) != NET_MAC ||
	    end != 17 || text[end])
		return tool_fail(error, -EINVAL, "--mac %.40s: an address is six bytes, as 02:00:00:12:34:56",
				 text);
	for (unsigned i = 0; i < NET_MAC; i++)
		mac[i] = (uint8_t)bytes[i];
	if (mac[0] & 1)
		return tool_fail(error, -EINVAL,
				 "--mac %s is the address of a group: the first byte has to be even, as in "
				 "02:00:00:12:34:56",
				 text);
	return 0;
}

static uint64_t hash(uint64_t value, const char *text)
{
	/* FNV-1a. */
	for (; *text; text++)
		value = (value ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
	return value;
}

/*
 * An address of our own that stays: the guest finds its card again after each start. It
 * comes from the computer's identity and the backend's name, so that no two cards in one
 * network have the same.
 */
static void make_mac(const char *name, uint8_t mac[NET_MAC])
{
	char identity[64] = "";
	FILE *file = fopen("/etc/machine-id", "re");
	uint64_t value;

	if (file) {
		if (!fgets(identity, sizeof(identity), file))
			identity[0] = '\0';
		fclose(file);
	}
	value = hash(hash(UINT64_C(0xcbf29ce484222325), identity), name);
	mac[0] = 2;
	for (unsigned i = 1; i < NET_MAC; i++)
		mac[i] = (uint8_t)(value >> 8 * i);
}

static int open_backend(struct card *card, struct lend_error *error)
{
	char *end;
	long fd;
	int ret;

	if (!!card->tap_name + !!card->tap_fd + card->user != 1)
		return tool_fail(
			error, -EINVAL,
			"net: say where its frames go: --tap NAME, --fd-tap N or --user; one of them");
	if (card->user)
		return net_user_open(&card->backend, error);
	if (card->tap_name) {
		ret = net_tap_open(&card->tap, card->tap_name, error);
	} else {
		errno = 0;
		fd = strtol(card->tap_fd, &end, 10);
		if (errno || end == card->tap_fd || *end || fd < 0 || fd > INT32_MAX)
			return tool_fail(error, -EINVAL,
					 "--fd-tap %.40s: the number of a descriptor is expected",
					 card->tap_fd);
		ret = net_tap_take(&card->tap, (int)fd, error);
	}
	if (!ret)
		card->backend = &card->tap;
	return ret;
}

static int net_open(void *state, struct lend_context *context, const struct args *args,
		    struct serve_device *out, struct lend_error *error)
{
	struct card *card = state;
	uint8_t mac[NET_MAC] = {0};
	int ret;

	(void)context;
	if (args->device_count)
		return tool_fail(error, -EINVAL,
				 "net: '%.100s' is no option; lend serve net --help lists them",
				 args->devices[0]);
	if (card->mac) {
		ret = read_mac(card->mac, mac, error);
		if (ret)
			return ret;
	}
	ret = open_backend(card, error);
	if (ret)
		return ret;
	if (!card->mac)
		make_mac(card->backend->name, mac);
	ret = net_start(&card->net, card->backend, mac, tool_say, &out->device);
	if (ret)
		return tool_fail(error, ret, "net: it cannot be started: %s", strerror(-ret));
	card->started = true;
	out->fd = net_fd(&card->net);
	out->calls = calls;
	out->ioctls = ioctls;
	out->ioctl_count = sizeof(ioctls) / sizeof(ioctls[0]);
	return 0;
}

static int net_give_server(void *state, struct lend_server *server, struct lend_error *error)
{
	struct card *card = state;

	(void)error;
	card->net.device.server = server;
	return 0;
}

static int net_turn(void *state)
{
	struct card *card = state;

	net_work(&card->net);
	return 0;
}

static void net_close(void *state)
{
	struct card *card = state;

	if (card->started)
		net_end(&card->net);
	if (card->backend)
		card->backend->end(card->backend);
}

const struct serve_kind serve_net = {
	.name = "net",
	.summary = "a virtio network card, on a tap or in a user's own network",
	.help = "usage: lend serve net --tap NAME|--fd-tap N|--user [--mac M] -s SOCKET\n"
		"\n"
		"A network card of virtio (1.2). Its frames go to a tap, or to passt, which gives a\n"
		"network to a user without privilege.\n"
		"\n"
		"      --tap NAME  a tap that exists; with multi_queue the card has two pairs of queues\n"
		"      --fd-tap N  the descriptor of a tap\n"
		"      --user      starts passt: the package of that name has to be installed\n"
		"      --mac M     the card's address; without it one is made that stays the same\n",
	.state = sizeof(struct card),
	.options = net_options,
	.open = net_open,
	.start = net_give_server,
	.work = net_turn,
	.close = net_close,
};
