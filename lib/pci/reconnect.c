/* SPDX-License-Identifier: MIT */
/*
 * The server of a device behind a socket has come back. The guest's function was
 * never stopped: what is out to the monitor stayed out. So the other side alone is
 * made again, by what the ledger says: bytes of BARs under the same addresses,
 * triggers of interrupts, and last the command register. Doorbells are taken back
 * and handed out: their eventfds are the server's, and new ones.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/pci/bars/bar.h"
#include "lib/pci/ledger/ledger.h"
#include "lib/pci/ledger/lock.h"

static int go_on(struct lend_function *function)
{
	int ret = bars_map_again(function);

	if (!ret)
		ret = doorbells_again(function);
	if (!ret)
		ret = irqs_again(function);
	if (!ret)
		ret = user_resume(function->device);
	return ret;
}

int lend_function_reconnect(struct lend_function *function, int fd, struct lend_error *error)
{
	int ret;

	if (is_gone(function)) {
		if (fd >= 0)
			close(fd);
		return error_say(error, -ENODEV, "%s: it has failed, and waits for no server",
				 function->name);
	}
	ret = user_reconnect(function->device, fd, error);
	if (ret < 0 || fd < 0)
		return ret;
	function_lock(function);
	ret = life_of(function) == LIFE_ON ? go_on(function) : 0;
	if (ret < 0) /* half of it is made: nothing of it is used */
		user_lose(function->device, ret);
	function_unlock(function);
	return ret < 0 ? error_say(error, ret, "%s: it cannot go on: %s", function->name, strerror(-ret)) : 0;
}
