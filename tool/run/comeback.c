/* SPDX-License-Identifier: MIT */
/* See comeback.h. */
#include <unistd.h>

#include "tool/run/comeback.h"
#include "tool/run/control.h"
#include "tool/run/socket.h"

/* A server that listens takes its client at once; the keeper has others to serve. */
enum { EVERY_MS = 1000, CONNECT_MS = 20 };

/* A server that comes and goes again and again is tried no more often than one that does not come. */
static uint64_t first_try(uint64_t tried, uint64_t now)
{
	return tried && now < tried + EVERY_MS ? tried + EVERY_MS : now;
}

void comeback_lost(struct comeback *comeback, unsigned device, uint64_t now)
{
	if (device >= comeback->count || !comeback->devices[device].reconnect_s)
		return;
	if (!comeback->at[device].until) {
		comeback->at[device].until = now + comeback->devices[device].reconnect_s * UINT64_C(1000);
		comeback->at[device].next = first_try(comeback->at[device].tried, now);
	} else if (comeback->at[device].next == UINT64_MAX) {
		comeback->at[device].next = now + EVERY_MS;
	}
}

void comeback_found(struct comeback *comeback, unsigned device)
{
	if (device < comeback->count)
		comeback->at[device].until = 0;
}

int comeback_wait(const struct comeback *comeback, uint64_t now)
{
	uint64_t first = UINT64_MAX;

	for (unsigned i = 0; i < comeback->count; i++)
		if (comeback->at[i].until && comeback->at[i].next < first)
			first = comeback->at[i].next;
	if (first == UINT64_MAX)
		return -1;
	return first > now ? (int)(first - now) : 0;
}

static void try_one(struct comeback *comeback, unsigned device, uint64_t now, int control)
{
	/* At the last try it may have taken the connection, and done nothing else. */
	bool over = now >= comeback->at[device].until + EVERY_MS;
	int fd = over ? -1 : socket_connect(comeback->devices[device].socket, CONNECT_MS, NULL);

	comeback->at[device].tried = now;
	comeback->at[device].next = now + EVERY_MS;
	if (fd >= 0) {
		if (!control_send_server(control, device, fd))
			comeback->at[device].next = UINT64_MAX;
		close(fd);
	} else if (now >= comeback->at[device].until) {
		comeback->at[device].until = 0;
		control_send_device(control, CONTROL_NONE, device);
	}
}

void comeback_tick(struct comeback *comeback, uint64_t now, int control)
{
	for (unsigned i = 0; i < comeback->count && control >= 0; i++)
		if (comeback->at[i].until && comeback->at[i].next <= now)
			try_one(comeback, i, now, control);
}
