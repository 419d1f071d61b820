/* SPDX-License-Identifier: MIT */
/*
 * What uses the network interfaces of each device. Those of other network
 * namespaces are not in this one's sysfs: namespaces.c counts them.
 */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/host/uses/ways.h"

/* An interface that sends through another one, by number. */
struct tunnel {
	long below;
	char name[32];
};

struct walk {
	struct tunnel *tunnels;
	size_t tunnel_count;
	struct lend_survey *survey;
	struct device *device;
	const char *name; /* of the interface */
	const char *dir;
	char *routes, *inet6, *routes6; /* procfs' tables; may be NULL */
	struct ifaddrs *addresses;      /* of this computer, where it is the one that is looked at */
};

/* proc(5), net/route: interface, destination, gateway, flags, ..., mask, in hexadecimal, network order. */
static void find_routes(struct walk *walk, bool has_address)
{
	const char *line = walk->routes;
	char name[32], text[INET_ADDRSTRLEN];
	unsigned destination, mask;

	for (; line && *line; line += strcspn(line, "\n"), line += *line == '\n') {
		if (sscanf(line, "%31s %x %*x %*x %*d %*d %*d %x", name, &destination, &mask) != 3 ||
		    strcmp(name, walk->name) != 0)
			continue;
		if (!destination && !mask) {
			survey_use(walk->survey, walk->device, LEND_USE_ROUTE,
				   "the default route goes through %s", name);
			survey_cure(walk->device, "ip address flush dev", name);
		} else if (!has_address &&
			   inet_ntop(AF_INET, &(struct in_addr){destination}, text, sizeof(text))) {
			survey_use(walk->survey, walk->device, LEND_USE_ADDRESS, "%s has a route to %s/%d",
				   name, text, __builtin_popcount(mask));
			survey_cure(walk->device, "ip address flush dev", name);
			has_address = true;
		}
	}
}

/* if_inet6: address, index, prefix length, scope, flags, interface. Link-local ones come by themselves. */
static bool find_inet6(struct walk *walk)
{
	bool found = false;
	enum { SCOPE_LINK = 0x20 };
	const char *line = walk->inet6;
	char digits[36], name[32], text[INET6_ADDRSTRLEN];
	unsigned prefix, scope;
	struct in6_addr address;

	for (; line && *line; line += strcspn(line, "\n"), line += *line == '\n') {
		if (sscanf(line, "%32s %*x %x %x %*x %31s", digits, &prefix, &scope, name) != 4 ||
		    strcmp(name, walk->name) != 0 || scope == SCOPE_LINK || strlen(digits) != 32)
			continue;
		for (int i = 0; i < 16; i++)
			sscanf(digits + 2 * i, "%2hhx", &address.s6_addr[i]);
		if (!inet_ntop(AF_INET6, &address, text, sizeof(text)))
			continue;
		survey_use(walk->survey, walk->device, LEND_USE_ADDRESS, "%s has the address %s/%u", name,
			   text, prefix);
		survey_cure(walk->device, "ip address flush dev", name);
		found = true;
	}
	return found;
}

/*
 * ipv6_route: destination, its length, source, its length, gateway, metric, two
 * counters, flags, interface; of all tables. Each interface that is up has
 * routes for its link and for multicast.
 */
static void find_routes6(struct walk *walk, bool has_address)
{
	enum { REJECT = 0x0200, ANYCAST = 0x00100000 };
	const unsigned local = 0x80000000;
	const char *line = walk->routes6;
	char digits[36], name[32], text[INET6_ADDRSTRLEN];
	unsigned prefix, flags;
	struct in6_addr to;

	for (; line && *line; line += strcspn(line, "\n"), line += *line == '\n') {
		if (sscanf(line, "%32s %x %*s %*x %*s %*x %*x %*x %x %31s", digits, &prefix, &flags, name) !=
			    4 ||
		    strcmp(name, walk->name) != 0 || strlen(digits) != 32 ||
		    flags & (local | REJECT | ANYCAST))
			continue;
		for (int i = 0; i < 16; i++)
			sscanf(digits + 2 * i, "%2hhx", &to.s6_addr[i]);
		if (IN6_IS_ADDR_LINKLOCAL(&to) || IN6_IS_ADDR_MULTICAST(&to) ||
		    !inet_ntop(AF_INET6, &to, text, sizeof(text)))
			continue;
		if (!prefix)
			survey_use(walk->survey, walk->device, LEND_USE_ROUTE,
				   "the default route of IPv6 goes through %s", name);
		else if (!has_address)
			survey_use(walk->survey, walk->device, LEND_USE_ADDRESS, "%s has a route to %s/%u",
				   name, text, prefix);
		else
			continue;
		survey_cure(walk->device, "ip -6 route flush dev", name);
		has_address |= prefix != 0;
	}
}

static void find_tunnel(struct walk *walk)
{
	long index;

	if (!walk->tunnel_count || sysfs_number(walk->dir, "ifindex", &index))
		return;
	for (size_t i = 0; i < walk->tunnel_count; i++) {
		if (walk->tunnels[i].below != index)
			continue;
		survey_use(walk->survey, walk->device, LEND_USE_TUNNEL, "%s carries the tunnel %s",
			   walk->name, walk->tunnels[i].name);
		survey_cure(walk->device, "ip link delete", walk->tunnels[i].name);
	}
}

/* Procfs lists no IPv4 addresses by interface: asked of the kernel, and else told by routes. */
static bool find_inet(struct walk *walk)
{
	char text[INET_ADDRSTRLEN];
	bool found = false;

	for (const struct ifaddrs *at = walk->addresses; at; at = at->ifa_next) {
		const struct sockaddr_in *address = (const void *)at->ifa_addr;

		if (!address || address->sin_family != AF_INET || strcmp(at->ifa_name, walk->name) != 0 ||
		    !inet_ntop(AF_INET, &address->sin_addr, text, sizeof(text)))
			continue;
		survey_use(walk->survey, walk->device, LEND_USE_ADDRESS, "%s has the address %s", walk->name,
			   text);
		survey_cure(walk->device, "ip address flush dev", walk->name);
		found = true;
	}
	return found;
}

static int find_upper(void *opaque, const char *name)
{
	struct walk *walk = opaque;

	if (strncmp(name, "upper_", 6) != 0)
		return 0;
	survey_use(walk->survey, walk->device, LEND_USE_BRIDGED, "%s is below %s", walk->name, name + 6);
	survey_cure(walk->device, "ip link delete", name + 6);
	return 0;
}

static void find_master(struct walk *walk)
{
	char master[32], path[PATH_MAX], target[PATH_MAX];
	const char *what = "belongs to";

	if (sysfs_link(walk->dir, "master", master, sizeof(master))) {
		sysfs_each(walk->dir, find_upper, walk);
		return;
	}
	if (!sysfs_path(path, "%s/class/net/%s", context_sysfs(walk->survey->context), master)) {
		if (sysfs_read(path, "bridge/bridge_id", target, sizeof(target)) >= 0)
			what = "is a port of the bridge";
		else if (sysfs_read(path, "bonding/mode", target, sizeof(target)) >= 0)
			what = "is in the bond";
	}
	survey_use(walk->survey, walk->device, LEND_USE_BRIDGED, "%s %s %s", walk->name, what, master);
	survey_cure(walk->device, "ip link set nomaster dev", walk->name);
}

/*
 * Of tunnels that look like Ethernet the number may be one of another namespace
 * (veth), and there is a link where it is not (vxlan, macvlan): those are left out.
 */
static int add_tunnel(void *opaque, const char *name)
{
	enum { ETHERNET = 1, LOOPBACK = 772 };
	struct walk *walk = opaque;
	char path[PATH_MAX], target[PATH_MAX];
	long type, below, own;
	struct tunnel *tunnel;

	if (sysfs_path(path, "%s/class/net", context_sysfs(walk->survey->context)) ||
	    sysfs_target(path, name, target) < 0 || !strstr(target, "/virtual/net/") ||
	    sysfs_path(path, "%s/class/net/%s", context_sysfs(walk->survey->context), name) ||
	    sysfs_number(path, "type", &type) || type == ETHERNET || type == LOOPBACK ||
	    sysfs_number(path, "iflink", &below) || sysfs_number(path, "ifindex", &own) || below <= 0 ||
	    below == own)
		return 0;
	tunnel = survey_row(walk->survey, &walk->tunnels, &walk->tunnel_count, sizeof(*walk->tunnels));
	if (tunnel) {
		tunnel->below = below;
		snprintf(tunnel->name, sizeof(tunnel->name), "%.31s", name);
	}
	return 0;
}

static int add_interface(void *opaque, const char *name)
{
	struct walk *walk = opaque;
	char path[PATH_MAX], target[PATH_MAX];
	struct lend_bdf owner;

	if (sysfs_path(path, "%s/class/net", context_sysfs(walk->survey->context)) ||
	    sysfs_target(path, name, target) < 0 || !sysfs_owner(target, &owner))
		return 0;
	walk->device = survey_device(walk->survey, &owner);
	if (!walk->device || sysfs_path(path, "%s/class/net/%s", context_sysfs(walk->survey->context), name))
		return 0;
	walk->name = name;
	walk->dir = path;
	survey_interface(walk->device, name);
	find_master(walk);
	find_tunnel(walk);
	find_routes6(walk, find_inet6(walk));
	find_routes(walk, find_inet(walk));
	return 0;
}

void survey_network(struct lend_survey *survey)
{
	const char *proc = context_proc(survey->context);
	char path[PATH_MAX];
	struct walk walk = {.survey = survey,
			    .routes = sysfs_load(proc, "net/route", NULL),
			    .inet6 = sysfs_load(proc, "net/if_inet6", NULL),
			    .routes6 = sysfs_load(proc, "net/ipv6_route", NULL)};

	if (strcmp(proc, "/proc") != 0 || getifaddrs(&walk.addresses))
		walk.addresses = NULL;
	if (!sysfs_path(path, "%s/class/net", context_sysfs(survey->context))) {
		sysfs_each(path, add_tunnel, &walk);
		sysfs_each(path, add_interface, &walk);
	}
	if (walk.addresses)
		freeifaddrs(walk.addresses);
	free(walk.routes);
	free(walk.inet6);
	free(walk.routes6);
	free(walk.tunnels);
}
