/* SPDX-License-Identifier: MIT */
/*
 * A client of a server that keeps its memory to itself: a thread answers the server's
 * DMA messages, on the main socket or on the second one, and reads registers meanwhile.
 */
#ifndef TESTS_UNIT_DMA_CLIENT_H
#define TESTS_UNIT_DMA_CLIENT_H

#include <pthread.h>

#include "tests/unit/server_stage.h"

enum { DMA_BASE = 0x10000, DMA_SIZE = 0x400000, DMA_SLOW_MS = 20 };

/* How a client answers. */
enum manner { HONEST, REFUSE, SILENT, SHORT, WRONG_ADDRESS, WITHOUT_DATA, WITH_FDS, GONE, SLOW };

struct dma_client {
	pthread_t thread;
	int main, dma; /* the same without a second socket */
	enum manner manner;
	unsigned registers; /* how many registers it reads, one after the other */
	uint8_t *memory;
	/* What it saw. */
	unsigned answered, replies, commands;
	uint64_t largest;
	bool bad;
	int stop[2];
	int finished; /* eventfd: it has read all registers */
};

/**
 * The stage's client tells its version, asks for a second socket (`twin`), and shows
 * DMA_SIZE bytes at DMA_BASE, in three maps; the first page can only be read.
 */
void dma_client_begin(struct server_stage *stage, struct dma_client *client, bool twin, enum manner manner);
/** It answers from here on, and reads as many registers. */
void dma_client_start(struct dma_client *client, unsigned registers);
/** Ends its thread. The test fails if it was asked for what it does not have. */
void dma_client_end(struct dma_client *client);

#endif
