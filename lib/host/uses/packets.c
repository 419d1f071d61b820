/* SPDX-License-Identifier: MIT */
/*
 * Sockets that send and receive an interface's frames themselves (AF_PACKET): a
 * process then uses the interface without an address. Left out are those that are on
 * all interfaces: the ones that are bound to none, and the ones that only listen for
 * neighbours (LLDP).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/host/uses/ways.h"

/* net/packet: socket, references, type, protocol, interface, running, memory, user, inode. */
static int add_socket(void *opaque, char *line)
{
	enum { LLDP = 0x88cc };
	struct lend_survey *survey = opaque;
	struct interface *interface;
	struct packet *packet;
	unsigned long inode;
	unsigned protocol;
	long index;

	if (sscanf(line, "%*s %*s %*s %x %ld %*s %*s %*s %lu", &protocol, &index, &inode) != 3 ||
	    protocol == LLDP)
		return 0;
	interface = interface_at(survey, index);
	if (!interface)
		return 0;
	packet = survey_row(survey, &survey->packets, &survey->packet_count, sizeof(*survey->packets));
	if (packet) {
		packet->inode = inode;
		packet->interface = interface;
	}
	return 0;
}

void packets_read(struct lend_survey *survey)
{
	if (survey->interface_count)
		look_lines(survey, context_proc(survey->context), "net/packet", add_socket, survey);
}

/* The number in "socket:[123]"; 0: it is no socket. */
static unsigned long inode_of(const char *target)
{
	static const char prefix[] = "socket:[";

	return strncmp(target, prefix, strlen(prefix)) ? 0 : strtoul(target + strlen(prefix), NULL, 10);
}

bool packets_has(const struct lend_survey *survey, const char *target)
{
	unsigned long inode = survey->packet_count ? inode_of(target) : 0;

	for (size_t i = 0; inode && i < survey->packet_count; i++)
		if (survey->packets[i].inode == inode && !survey->packets[i].has_process)
			return true;
	return false;
}

void packets_opened(struct lend_survey *survey, const char *target, const struct opened *by)
{
	unsigned long inode = inode_of(target);

	for (size_t i = 0; i < survey->packet_count; i++) {
		struct packet *packet = &survey->packets[i];

		if (packet->inode != inode || packet->has_process)
			continue;
		packet->has_process = true;
		survey_holder(survey, packet->interface->device, by, packet->interface->name);
	}
}

/* Sockets whose process could not be looked at. */
void survey_packets(struct lend_survey *survey)
{
	for (size_t i = 0; i < survey->packet_count; i++)
		if (!survey->packets[i].has_process)
			survey_use(survey, survey->packets[i].interface->device, LEND_USE_OPEN,
				   "a process takes the frames of %s itself",
				   survey->packets[i].interface->name);
}
