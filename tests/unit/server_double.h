/* SPDX-License-Identifier: MIT */
/*
 * The server's side of vfio-user without a client, for the devices that stand on it:
 * guest memory is the array of virtio_driver.h, config space is bytes. A test that
 * includes this defines all of the library's functions that a device calls.
 */
#ifndef TESTS_UNIT_SERVER_DOUBLE_H
#define TESTS_UNIT_SERVER_DOUBLE_H

#include <errno.h>
#include <string.h>

#include "lend/server.h"
#include "tests/unit/virtio_driver.h"

static struct {
	uint32_t border;                 /* pieces end at multiples of it; 0: none does */
	uint64_t remote_from, remote_to; /* reached by messages alone */
	uint64_t readonly_from, readonly_to;
	unsigned lookups, copies;
	int irq_mode;
	bool line;
	unsigned signals[16];
	uint8_t config[256];
	unsigned capability;     /* where the caller's last one is */
	void (*meanwhile)(void); /* what the guest does while a copy is waited for, once */
	void (*step)(void);      /* called before each copy */
} server;

static bool server_has(uint64_t address, uint64_t length, unsigned access)
{
	if (!length || address + length < address || address < GUEST_BASE ||
	    address + length > GUEST_BASE + GUEST_SIZE)
		return false;
	return !(access & LEND_ACCESS_WRITE) || address + length <= server.readonly_from ||
	       address >= server.readonly_to;
}

int lend_server_memory(struct lend_server *it, lend_iova_t iova, uint64_t length, unsigned access,
		       struct iovec *out, unsigned max)
{
	unsigned count = 0;

	(void)it;
	server.lookups++;
	if (!server_has(iova, length, access))
		return -EFAULT;
	if (iova < server.remote_to && iova + length > server.remote_from)
		return -EREMOTE;
	while (length) {
		uint64_t here = length;

		if (server.border && server.border - iova % server.border < here)
			here = server.border - iova % server.border;
		if (count == max)
			return -E2BIG;
		out[count++] = (struct iovec){.iov_base = driver_at(iova), .iov_len = here};
		iova += here;
		length -= here;
	}
	return (int)count;
}

static void server_waits(void)
{
	void (*meanwhile)(void) = server.meanwhile;

	server.meanwhile = NULL;
	if (server.step)
		server.step();
	if (meanwhile)
		meanwhile();
}

int lend_server_read_memory(struct lend_server *it, lend_iova_t iova, void *data, uint64_t length)
{
	(void)it;
	server.copies++;
	server_waits();
	if (!server_has(iova, length, LEND_ACCESS_READ))
		return -EFAULT;
	memcpy(data, driver_at(iova), length);
	return 0;
}

int lend_server_write_memory(struct lend_server *it, lend_iova_t iova, const void *data, uint64_t length)
{
	(void)it;
	server.copies++;
	server_waits();
	if (!server_has(iova, length, LEND_ACCESS_WRITE))
		return -EFAULT;
	memcpy(driver_at(iova), data, length);
	return 0;
}

int lend_server_irq_mode(const struct lend_server *it)
{
	(void)it;
	return server.irq_mode;
}

void lend_server_signal(struct lend_server *it, unsigned vector)
{
	(void)it;
	server.signals[vector]++;
}

void lend_server_line(struct lend_server *it, bool up)
{
	(void)it;
	server.line = up;
}

int lend_server_config_read(const struct lend_server *it, unsigned offset, void *data, unsigned length)
{
	(void)it;
	if (offset + length > sizeof(server.config))
		return -EINVAL;
	memcpy(data, server.config + offset, length);
	return 0;
}

int lend_server_config_set(struct lend_server *it, unsigned offset, const void *data, unsigned length)
{
	(void)it;
	if (offset + length > sizeof(server.config))
		return -EINVAL;
	memcpy(server.config + offset, data, length);
	return 0;
}

unsigned lend_server_capability(const struct lend_server *it, unsigned index)
{
	(void)it;
	(void)index;
	return server.capability;
}

#endif
