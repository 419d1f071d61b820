/* SPDX-License-Identifier: MIT */
/* The one monitor of a test of devices behind a socket, its setup and its teardown. */
#ifndef TESTS_UNIT_USER_STAGE_H
#define TESTS_UNIT_USER_STAGE_H

#include "tests/unit/cmocka.h"
#include "tests/unit/user_peer.h"

static struct user_monitor monitor;

static inline int setup(void **state)
{
	(void)state;
	user_monitor_init(&monitor);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	user_monitor_close(&monitor);
	return 0;
}

/** Opens the device, or fails the test with the sentence. */
static inline void open_device(void)
{
	int ret = user_monitor_open(&monitor);

	if (ret)
		fail_msg("%d: %s", ret, monitor.error.text);
}

/** And makes the function. */
static inline void open_function(void)
{
	open_device();
	user_monitor_function(&monitor);
}

#endif
