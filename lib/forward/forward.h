/* SPDX-License-Identifier: MIT */
/*
 * A device of the host behind a server: what the client asks for is handed to the
 * device as it is. The client has the device's interrupts and maps its BARs itself, so
 * no code runs here while the two work.
 *
 * The function on the device is never a guest's: it is there for its ROM, for stopping
 * and for the reset. Its mode of interrupts stays "none", and no BAR of it has a place.
 * While it is gone (an error, or the host wants the device), the client reads all ones
 * and what it writes is dropped.
 */
#ifndef LIB_FORWARD_FORWARD_H
#define LIB_FORWARD_FORWARD_H

#include "lend/server.h"
#include "lib/context.h"
#include "lib/pci/function.h"

struct forward {
	struct lend_function *function;
	struct lend_device *device;
	struct lend_context *context;
	struct log_bucket bucket;
	bool on[LEND_IRQ_COUNT]; /* indexes that the client has switched on in VFIO */
	bool said_far;           /* that memory behind messages is not reached was said */
};

/* Slots of lend_server_ops. `dev` is a struct forward. */
int forward_read(void *dev, unsigned region, uint64_t offset, void *data, unsigned length);
int forward_write(void *dev, unsigned region, uint64_t offset, const void *data, unsigned length);
int forward_map(void *dev, const struct lend_domain_map *map);
void forward_unmap(void *dev, lend_iova_t iova, uint64_t length);
int forward_set_irqs(void *dev, const struct lend_irqs *irqs);
int forward_reset(void *dev, enum lend_server_why why);
void forward_lost(void *dev);

/** One line of log that a client can cause. */
#define forward_log(forward, level, format, ...)                                                             \
	context_log_limited((forward)->context, &(forward)->bucket, level, "%s: " format,                    \
			    (forward)->device->info.name, ##__VA_ARGS__)

#endif
