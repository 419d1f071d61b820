/* SPDX-License-Identifier: MIT */
/*
 * A tap: what is asked of the kernel, which is a double here. Of Linux 6.12 were measured:
 * segmentation of UDP is set for both families or refused, each flag needs checksums, a queue
 * that is used already is not used again, and a setting that is refused changes nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/said.h"
#include "tool/serve/net/net.h"
#include "tool/serve/net/tun.h"

static struct {
	unsigned offload;
	bool on[NET_PAIRS];
	int queues[NET_PAIRS];
	int refuses; /* what the next setting fails with */
	short flags; /* of the tap */
	bool is_tap, has_header, is_down;
} kernel;

static struct net_backend tap;

static int refused(void)
{
	const int ret = kernel.refuses;

	kernel.refuses = 0;
	return ret;
}

int tun_attach(int fd, const char *name, short flags)
{
	(void)fd, (void)name, (void)flags;
	return -EINVAL;
}

int tun_ask(int fd, char name[IFNAMSIZ], short *flags)
{
	(void)fd;
	memcpy(name, "tap7", 5);
	*flags = kernel.flags;
	return kernel.is_tap ? 0 : -ENOTTY;
}

int tun_set_header(int fd, int size)
{
	(void)fd;
	return kernel.has_header && size == NET_HEADER ? 0 : -EINVAL;
}

int tun_set_little_endian(int fd)
{
	(void)fd;
	return 0;
}

int tun_set_offload(int fd, unsigned flags)
{
	const unsigned udp = flags & 0x60, tcp = flags & (TUN_F_TSO4 | TUN_F_TSO6);
	int ret = refused();

	assert_int_equal(fd, tap.fds[0]);
	if (ret)
		return ret;
	if ((flags && !(flags & TUN_F_CSUM)) || (udp && udp != 0x60) || (flags & TUN_F_TSO_ECN && !tcp))
		return -EINVAL;
	kernel.offload = flags;
	return 0;
}

int tun_use_queue(int fd, bool on)
{
	const unsigned queue = fd == kernel.queues[1];
	int ret = refused();

	if (ret || kernel.on[queue] == on)
		return ret ? ret : -EINVAL;
	kernel.on[queue] = on;
	return 0;
}

int tun_get_mtu(const char *name, int *mtu)
{
	assert_string_equal(name, "tap7");
	*mtu = 9000;
	return 0;
}

int tun_is_up(const char *name, bool *up)
{
	assert_string_equal(name, "tap7");
	*up = !kernel.is_down;
	return 0;
}

static int begin(void **state)
{
	(void)state;
	memset(&kernel, 0, sizeof(kernel));
	for (unsigned i = 0; i < NET_PAIRS; i++) {
		kernel.queues[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
		kernel.on[i] = true;
	}
	net_tap_fill(&tap, kernel.queues, NET_PAIRS, true);
	return 0;
}

static int end(void **state)
{
	(void)state;
	for (unsigned i = 0; i < tap.pairs; i++)
		close(tap.fds[i]);
	return 0;
}

/* Whatever set of features a driver may choose, the tap is set, to no more than that. */
static void each_set_of_features(void **state)
{
	static const unsigned features[] = {VIRTIO_NET_F_GUEST_CSUM, VIRTIO_NET_F_GUEST_TSO4,
					    VIRTIO_NET_F_GUEST_TSO6, VIRTIO_NET_F_GUEST_ECN,
					    VIRTIO_NET_F_GUEST_UFO,  NET_F_GUEST_USO4,
					    NET_F_GUEST_USO6};
	static const unsigned flags[] = {TUN_F_CSUM, TUN_F_TSO4, TUN_F_TSO6, TUN_F_TSO_ECN,
					 TUN_F_UFO,  0x20,       0x40};
	unsigned sets = 0;

	(void)state;
	for (unsigned set = 0; set < 1u << 7; set++) {
		uint64_t chosen = 0;
		unsigned allowed = 0;

		for (unsigned i = 0; i < 7; i++)
			if (set & 1u << i) {
				chosen |= NET_BIT(features[i]);
				allowed |= flags[i];
			}
		if (!net_accepts(NULL, chosen))
			continue;
		sets++;
		kernel.offload = 0x7f;
		assert_int_equal(tap.offload(&tap, chosen), 0);
		assert_int_equal(kernel.offload & ~allowed, 0);
		if ((allowed & 0x60) == 0x60 || !(allowed & 0x60))
			assert_int_equal(kernel.offload, allowed);
	}
	assert_int_equal(sets, 57);
}

/* What the guest before could receive is not what this one gets. */
static void a_setting_that_fails(void **state)
{
	(void)state;
	kernel.offload = TUN_F_CSUM | TUN_F_TSO4;
	kernel.refuses = -ENOMEM;
	assert_int_equal(tap.offload(&tap, NET_BIT(VIRTIO_NET_F_GUEST_CSUM)), -ENOMEM);
	assert_int_equal(kernel.offload, 0);
}

static void queues_come_and_go(void **state)
{
	(void)state;
	assert_int_equal(tap.use(&tap, 2), 0);
	for (unsigned i = 0; i < 2; i++) { /* nothing is asked for twice */
		assert_int_equal(tap.use(&tap, 1), 0);
		assert_true(kernel.on[0] && !kernel.on[1]);
	}
	kernel.refuses = -E2BIG;
	assert_int_equal(tap.use(&tap, 2), -E2BIG);
	assert_int_equal(tap.use(&tap, 1), 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(tap.use(&tap, 2), 0);
		assert_true(kernel.on[0] && kernel.on[1]);
	}
}

static void descriptors(void **state)
{
	static const struct {
		bool is_tap, has_header;
		short flags;
		const char *sentence;
	} rows[] = {
		{true, true, IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, NULL},
		{true, false, IFF_TAP | IFF_NO_PI, NULL},
		{false, false, 0, "is no tap"},
		{true, false, IFF_TUN | IFF_NO_PI, "with IFF_TAP and IFF_NO_PI"},
		{true, false, IFF_TAP, "with IFF_TAP and IFF_NO_PI"},
		{true, false, IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, "no header of 12 bytes"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct lend_error error = {""};
		int fd;

		end(state);
		begin(state);
		kernel.is_tap = rows[i].is_tap;
		kernel.has_header = rows[i].has_header;
		kernel.flags = rows[i].flags;
		fd = dup(tap.fds[0]);
		end(state);
		tap = (struct net_backend){.fds = {fd}};
		if (rows[i].sentence) {
			assert_int_equal(net_tap_take(&tap, fd, &error), -EINVAL);
			assert_non_null(strstr(error.text, rows[i].sentence));
			assert_int_equal(fcntl(fd, F_GETFD), -1);
			continue;
		}
		assert_int_equal(net_tap_take(&tap, fd, &error), 0);
		assert_int_equal(tap.header, rows[i].has_header);
		assert_int_equal(!!(tap.offers & NET_BIT(NET_F_GUEST_USO4)), rows[i].has_header);
		assert_int_equal(tap.mtu, 9000);
		assert_string_equal(tap.name, "tap tap7");
		assert_int_equal(kernel.offload, 0);
	}
}

/* A tap that is down would carry nothing, without a word. */
static void a_tap_that_is_down(void **state)
{
	struct lend_error error;

	(void)state;
	kernel.is_tap = true;
	kernel.flags = IFF_TAP | IFF_NO_PI;
	for (unsigned down = 0; down < 2; down++) {
		int fd = dup(kernel.queues[0]);
		struct said said;

		kernel.is_down = down;
		end(state);
		tap = (struct net_backend){0};
		said_begin(&said);
		assert_int_equal(net_tap_take(&tap, fd, &error), 0);
		said_end(&said);
		if (down)
			assert_non_null(strstr(said.text, "ip link set tap7 up"));
		else
			assert_string_equal(said.text, "");
		kernel.queues[0] = fd;
	}
}

/* Names that no interface can have are a wrong command line; others have a cure. */
static void names(void **state)
{
	static const char *const bad[] = {
		"", "a234567890123456", "a/b", "../x", ".", "..", "a b", "a:1", "a\n", "a\tb"};
	struct net_backend other;
	struct lend_error error;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(net_tap_check_name(bad[i], &error), -EINVAL);
		assert_non_null(strstr(error.text, "1 to 15 characters"));
	}
	assert_int_equal(net_tap_check_name("a23456789.12345", &error), 0);
	assert_int_equal(net_tap_open(&other, "lend-is-nowhere", &error), -ENODEV);
	assert_non_null(strstr(error.text, "ip tuntap add dev lend-is-nowhere mode tap multi_queue"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(each_set_of_features), CASE(a_setting_that_fails), CASE(queues_come_and_go),
		CASE(descriptors),          CASE(a_tap_that_is_down),   CASE(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
