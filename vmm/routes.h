/* SPDX-License-Identifier: MIT */
/*
 * KVM's table of interrupt routes. Every update holds the IOAPIC's 24 pins
 * (GSI 0 to 23), those of the PICs where firmware is, and behind them the message interrupts. Rule: a route
 * is installed before an irqfd is attached to its GSI and removed after it.
 */
#ifndef VMM_ROUTES_H
#define VMM_ROUTES_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum { ROUTES_PINS = 24, ROUTES_MAX = 4096 };

struct route {
	bool used;
	uint64_t address;
	uint32_t data;
};

struct routes {
	pthread_mutex_t lock; /* held from routes_begin() to routes_commit() */
	int vm;
	unsigned limit; /* of GSIs, KVM_CAP_IRQ_ROUTING */
	bool pics; /* the first 16 GSIs are also pins of the two PICs, and GSI 0 is pin 2 of the IOAPIC */
	uint64_t updates; /* tables given to KVM */
	bool changed;
	unsigned end; /* no GSI from here on has ever had a route, and its page takes no memory */
	struct route now[ROUTES_MAX], next[ROUTES_MAX]; /* by GSI; next is what commit installs */
	struct kvm_irq_routing *table;
};

/** `pics`: as a PC is wired, where the timer's pin is not the PIC's. */
int routes_init(struct routes *routes, int vm, unsigned limit, bool pics);
void routes_free(struct routes *routes);

void routes_begin(struct routes *routes);
/** A free GSI with this message, or -ENOSPC. Between begin and commit, as the next two. */
int routes_add(struct routes *routes, uint64_t address, uint32_t data);
void routes_set(struct routes *routes, unsigned gsi, uint64_t address, uint32_t data);
void routes_drop(struct routes *routes, unsigned gsi);
/** Installs all of it, or leaves the table as it was before begin and returns why. */
int routes_commit(struct routes *routes);

#endif
