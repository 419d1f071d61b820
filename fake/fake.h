/* SPDX-License-Identifier: MIT */
/* Between the files of the fake device. It knows liblend's public headers alone. */
#ifndef FAKE_FAKE_H
#define FAKE_FAKE_H

#include <pthread.h>

#include "lend/fake.h"

enum { FAKE_CONFIG = 4096, FAKE_VECTORS = 2048, FAKE_MAPS = 1024 };

struct lend_fake {
	pthread_mutex_t lock; /* guards all below, but the bytes */
	uint8_t config[FAKE_CONFIG];
	struct {
		uint64_t size;
		bool io;
		int fd; /* of its bytes */
		uint8_t *bytes;
	} bars[LEND_DEVICE_BARS];
	unsigned capabilities; /* end of the last one */
	unsigned vectors[LEND_IRQ_COUNT];
	int fds[LEND_IRQ_COUNT][FAKE_VECTORS]; /* that are signalled; -1: none */
	bool masked;                           /* the line */
	int unmask_fd;                         /* that unmasks the line; -1: none */
	struct lend_domain_map maps[FAKE_MAPS];
	unsigned map_count;
	bool dead;
	unsigned calls, fail_at; /* 0: none fails */
	int fail_code;
	unsigned resets, left;
};

extern const struct lend_transport_ops fake_device_ops;
extern const struct lend_domain_ops fake_dma_ops;

/** Counts a call that can fail: 0, or what it is to return. Takes the lock. */
int fake_call(struct lend_fake *fake);

#endif
