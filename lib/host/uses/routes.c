/* SPDX-License-Identifier: MIT */
/*
 * Addresses and routes of the devices' interfaces, in one pass over each table of
 * procfs. For IPv4 procfs lists the main table alone: links.c asks the kernel for all.
 * There may be thousands of them, so only a few are told.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "lib/host/uses/ways.h"

enum { TOLD_MAX = 8 };

void address_found(struct lend_survey *survey, struct interface *interface, const char *text)
{
	if (interface->told++ >= TOLD_MAX)
		return;
	survey_use(survey, interface->device, LEND_USE_ADDRESS, "%s has the address %s", interface->name,
		   text);
	survey_cure(interface->device, "ip address flush dev", interface->name);
}

static bool parse_address(const char *digits, struct in6_addr *out)
{
	for (int i = 0; i < 16; i++)
		if (sscanf(digits + 2 * i, "%2hhx", &out->s6_addr[i]) != 1)
			return false;
	return strlen(digits) == 32;
}

/* if_inet6: address, index, prefix length, scope, flags, interface. Link-local addresses are no use. */
static int add_inet6(void *opaque, char *line)
{
	enum { SCOPE_LINK = 0x20 };
	struct lend_survey *survey = opaque;
	char digits[36], name[32], text[INET6_ADDRSTRLEN], whole[INET6_ADDRSTRLEN + 16];
	struct interface *interface;
	struct in6_addr address;
	unsigned prefix, scope;

	if (sscanf(line, "%32s %*x %x %x %*x %31s", digits, &prefix, &scope, name) != 4 ||
	    scope == SCOPE_LINK || !parse_address(digits, &address) ||
	    !inet_ntop(AF_INET6, &address, text, sizeof(text)))
		return 0;
	interface = interface_named(survey, name);
	if (!interface)
		return 0;
	snprintf(whole, sizeof(whole), "%s/%u", text, prefix);
	address_found(survey, interface, whole);
	interface->has_inet6 = true;
	return 0;
}

void route_found(struct lend_survey *survey, struct interface *interface, const struct route *route)
{
	bool inet6 = route->family == AF_INET6;
	bool *has_default = inet6 ? &interface->has_default6 : &interface->has_default;
	bool *has_route = inet6 ? &interface->has_inet6 : &interface->has_inet;
	char text[INET6_ADDRSTRLEN];

	if (route->prefix ? *has_route : *has_default)
		return;
	if (!route->prefix)
		survey_use(survey, interface->device, LEND_USE_ROUTE, "the default route%s goes through %s",
			   inet6 ? " of IPv6" : "", interface->name);
	else if (inet_ntop(route->family, route->to, text, sizeof(text)))
		survey_use(survey, interface->device, LEND_USE_ADDRESS, "%s has a route to %s/%u",
			   interface->name, text, route->prefix);
	else
		return;
	*(route->prefix ? has_route : has_default) = true;
	if (inet6)
		survey_cure(interface->device, "ip -6 route flush dev", interface->name);
	else
		survey_cure(interface->device, "ip address flush dev", interface->name);
}

/*
 * ipv6_route: destination, its length, source, its length, gateway, metric, two
 * counters, flags, interface; of all tables. Each interface that is up has
 * routes for its link and for multicast.
 */
static int add_route6(void *opaque, char *line)
{
	enum { REJECT = 0x0200, ANYCAST = 0x00100000 };
	const unsigned local = 0x80000000;
	char digits[36], name[32];
	struct interface *interface;
	unsigned prefix, flags;
	struct in6_addr to;

	if (sscanf(line, "%32s %x %*s %*x %*s %*x %*x %*x %x %31s", digits, &prefix, &flags, name) != 4 ||
	    flags & (local | REJECT | ANYCAST) || !parse_address(digits, &to) || IN6_IS_ADDR_LINKLOCAL(&to) ||
	    IN6_IS_ADDR_MULTICAST(&to))
		return 0;
	interface = interface_named(opaque, name);
	if (interface)
		route_found(opaque, interface, &(struct route){AF_INET6, prefix, &to});
	return 0;
}

/* Procfs does not list IPv4 addresses by interface: the kernel is asked; else the routes tell. */
static void add_inet(struct lend_survey *survey)
{
	struct ifaddrs *addresses;
	char text[INET_ADDRSTRLEN];

	if (strcmp(context_proc(survey->context), "/proc") != 0 ||
	    look_failed(survey, "the addresses of the kernel", NULL, getifaddrs(&addresses) ? -errno : 0))
		return;
	for (const struct ifaddrs *at = addresses; at; at = at->ifa_next) {
		const struct sockaddr_in *address = (const void *)at->ifa_addr;
		struct interface *interface = interface_named(survey, at->ifa_name);

		if (!interface || !address || address->sin_family != AF_INET ||
		    !inet_ntop(AF_INET, &address->sin_addr, text, sizeof(text)))
			continue;
		address_found(survey, interface, text);
		interface->has_inet = true;
	}
	freeifaddrs(addresses);
}

/* proc(5), net/route: interface, destination, gateway, flags, ..., mask, in hexadecimal, network order. */
static int add_route(void *opaque, char *line)
{
	struct interface *interface;
	char name[32];
	unsigned to, mask;

	if (sscanf(line, "%31s %x %*x %*x %*d %*d %*d %x", name, &to, &mask) != 3)
		return 0;
	interface = interface_named(opaque, name);
	if (interface)
		route_found(opaque, interface,
			    &(struct route){AF_INET, (unsigned)__builtin_popcount(mask), &to});
	return 0;
}

void survey_routes(struct lend_survey *survey)
{
	const char *proc = context_proc(survey->context);

	look_lines(survey, proc, "net/if_inet6", add_inet6, survey);
	look_lines(survey, proc, "net/ipv6_route", add_route6, survey);
	add_inet(survey);
	look_lines(survey, proc, "net/route", add_route, survey);
}
