/* SPDX-License-Identifier: MIT */
/* lend serve net: its options. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "tool/run/options.h"
#include "tool/serve/net/net.h"
#include "tool/serve/net/tun.h"
#include "tool/serve/serve.h"
#include "tool/serve/virtio/state.h"

struct card {
	struct net net;
	struct net_backend tap, *backend;
	struct vstate *state; /* NULL: none is kept */
	bool started;
	/* Its options. */
	const char *tap_name, *tap_fd, *mac, *state_fd;
	bool user;
	int fd;   /* of tap_fd */
	int kept; /* of state_fd */
	uint8_t address[NET_MAC];
};

static const char *const calls[] = {"readv", "recvfrom", NULL};

static unsigned net_options(void *state, struct args_option *rows)
{
	struct card *card = state;

	rows[0] = (struct args_option){"tap", 0, NULL, &card->tap_name};
	rows[1] = (struct args_option){"fd-tap", 0, NULL, &card->tap_fd};
	rows[2] = (struct args_option){"user", 0, &card->user, NULL};
	rows[3] = (struct args_option){"mac", 0, NULL, &card->mac};
	rows[4] = (struct args_option){"state-fd", 0, NULL, &card->state_fd};
	return 5;
}

static int net_read(void *state, const struct args *args, struct lend_error *error)
{
	struct card *card = state;
	const char *wrong = card->mac ? value_mac(card->mac, card->address) : NULL;
	unsigned fd;

	if (args->device_count)
		return tool_fail(error, -EINVAL,
				 "net: '%.100s' is no option; lend serve net --help lists them",
				 args->devices[0]);
	if (wrong)
		return tool_fail(error, -EINVAL, "--mac %.40s %s", card->mac, wrong);
	if (!!card->tap_name + !!card->tap_fd + card->user != 1)
		return tool_fail(
			error, -EINVAL,
			"net: say where its frames go: --tap NAME, --fd-tap N or --user; one of them");
	if (card->tap_name && net_tap_check_name(card->tap_name, error))
		return -EINVAL;
	if (card->tap_fd && value_number(card->tap_fd, 0, INT_MAX, &fd))
		return tool_fail(error, -EINVAL, "--fd-tap %.40s: the number of a descriptor is expected",
				 card->tap_fd);
	card->fd = card->tap_fd ? (int)fd : -1;
	if (card->state_fd && value_number(card->state_fd, 0, INT_MAX, &fd))
		return tool_fail(error, -EINVAL, "--state-fd %.40s: the number of a descriptor is expected",
				 card->state_fd);
	card->kept = card->state_fd ? (int)fd : -1;
	return 0;
}

static int open_backend(struct card *card, struct lend_error *error)
{
	int ret;

	if (card->user)
		return net_user_open(&card->backend, error);
	ret = card->tap_name ? net_tap_open(&card->tap, card->tap_name, error)
			     : net_tap_take(&card->tap, card->fd, error);
	if (!ret)
		card->backend = &card->tap;
	return ret;
}

static int net_open(void *state, struct lend_context *context, struct serve_device *out,
		    struct lend_error *error)
{
	struct card *card = state;
	int ret = card->state_fd ? vstate_map(card->kept, &card->state, error) : 0;

	(void)context;
	ret = ret ? ret : open_backend(card, error);
	if (ret)
		return ret;
	if (!card->mac)
		net_mac_make(card->backend->name, 0, card->address);
	ret = net_start(&card->net, card->backend, card->address, tool_say, &out->device);
	if (ret)
		return tool_fail(error, ret, "net: it cannot be started: %s", strerror(-ret));
	card->started = true;
	out->fd = net_fd(&card->net);
	out->calls = calls;
	if (!card->user)
		out->ioctl_count = tun_late_ioctls(&out->ioctls);
	return 0;
}

static int net_give_server(void *state, struct lend_server *server, struct lend_error *error)
{
	struct card *card = state;

	(void)error;
	card->net.device.server = server;
	if (card->state)
		vstate_take(&card->net.device, card->state);
	return 0;
}

static int net_turn(void *state)
{
	struct card *card = state;

	net_work(&card->net);
	return card->net.ends ? -ECONNRESET : 0;
}

static void net_close(void *state)
{
	struct card *card = state;

	if (card->started)
		net_end(&card->net);
	if (card->backend)
		card->backend->end(card->backend);
	vstate_unmap(card->state);
}

const struct serve_kind serve_net = {
	.name = "net",
	.summary = "a virtio network card, on a tap or in a user's own network",
	.help = "usage: lend serve net --tap NAME|--fd-tap N|--user [--mac M]\n"
		"                      [--state-fd N] -s SOCKET\n"
		"\n"
		"A network card of virtio (1.2). Its frames go to a tap, or to passt, which gives\n"
		"a network to a user without privilege.\n"
		"\n"
		"      --tap NAME  a tap that exists; with multi_queue for two pairs of queues\n"
		"      --fd-tap N  the descriptor of a tap\n"
		"      --user      starts passt: the package of that name has to be installed\n"
		"      --mac M     the card's address; without it one is made that stays the same\n"
		"      --state-fd N\n"
		"                  keeps in this file in memory what the next server needs to go\n"
		"                  on when this one dies\n",
	.state = sizeof(struct card),
	.options = net_options,
	.read = net_read,
	.open = net_open,
	.start = net_give_server,
	.work = net_turn,
	.close = net_close,
};
