/* SPDX-License-Identifier: MIT */
/* See doorbells.h. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/pci/ledger/ledger.h"

/* The longest write that a doorbell can take. */
static uint64_t reach(const struct backend_doorbell *doorbell)
{
	return doorbell->length ? doorbell->length : 8;
}

static void keep_fd(struct doorbells *doorbells, int fd)
{
	for (unsigned i = 0; i < doorbells->fd_count; i++)
		if (doorbells->fds[i] == fd)
			return;
	doorbells->fds[doorbells->fd_count++] = fd;
}

/* There may be more descriptors, since what a window touches is left out. */
static unsigned room_in(const struct doorbells *doorbells)
{
	unsigned most = doorbells->fd_count > doorbells->count ? doorbells->fd_count : doorbells->count;

	return DOORBELLS_MAX - most;
}

/* What a window answers, or makes trap, does not go past it. */
static void add(struct lend_function *function, unsigned bar, const struct backend_doorbell *doorbell)
{
	struct doorbells *doorbells = &function->doorbells;

	keep_fd(doorbells, doorbell->fd);
	if (windows_touch(function, bar, doorbell->offset, reach(doorbell)))
		return;
	doorbells->at[doorbells->count++] = (struct ioeventfd){
		.fd = doorbell->fd,
		.bar = bar,
		.length = doorbell->length,
		.offset = doorbell->offset,
		.data = doorbell->data,
		.match = doorbell->match,
	};
}

int doorbells_read(struct lend_function *function)
{
	const struct lend_device *device = function->device;
	struct backend_doorbell found[DOORBELLS_MAX];

	for (unsigned i = 0; i < LEND_DEVICE_BARS && !function->quirk_options.no_ioeventfd; i++) {
		int count = device->regions[i].size ? device->ops->doorbells(device->transport, i, found,
									     room_in(&function->doorbells))
						    : 0;

		for (int j = 0; j < count; j++)
			add(function, i, &found[j]);
		if (count < 0)
			return count;
	}
	return 0;
}

void doorbells_sync(struct lend_function *function)
{
	struct doorbells *doorbells = &function->doorbells;

	for (unsigned i = 0; i < doorbells->count && life_of(function) == LIFE_ON; i++) {
		const struct ioeventfd *doorbell = &doorbells->at[i];
		int ret;

		if (is_out(function, OUT_IOEVENTFD, OUT_DOORBELL + i) ||
		    !is_out(function, OUT_BAR, doorbell->bar) || function->bars[doorbell->bar].hidden)
			continue;
		ret = give_ioeventfd(function, OUT_DOORBELL + i);
		if (ret < 0 && !doorbells->said)
			function_log(function, LEND_LOG_INFO,
				     "writes to its doorbell in BAR %u at 0x%llx go on trapping: %s",
				     doorbell->bar, (unsigned long long)doorbell->offset, strerror(-ret));
		doorbells->said |= ret < 0;
	}
}

int doorbells_again(struct lend_function *function)
{
	int ret;

	for (unsigned i = 0; i < function->doorbells.count; i++) {
		ret = is_out(function, OUT_IOEVENTFD, OUT_DOORBELL + i)
			      ? take_ioeventfd(function, OUT_DOORBELL + i)
			      : 0;
		if (ret < 0)
			return ret;
	}
	doorbells_destroy(function);
	ret = doorbells_read(function);
	doorbells_sync(function);
	return ret;
}

void doorbells_destroy(struct lend_function *function)
{
	for (unsigned i = 0; i < function->doorbells.fd_count; i++)
		close(function->doorbells.fds[i]);
	function->doorbells.count = function->doorbells.fd_count = 0;
}
