/* SPDX-License-Identifier: MIT */
/*
 * The device for tests. Its first registers are those of QEMU's teaching device, as its
 * documentation (docs/specs/edu) has them, so that a driver of that one drives this one.
 */
#ifndef TOOL_SERVE_TEST_REGISTERS_H
#define TOOL_SERVE_TEST_REGISTERS_H

#include "lend/server.h"

enum {
	TEST_REGISTERS = 0, /* 4 KiB that trap */
	TEST_PORTS = 1,     /* the first 64 bytes of them as I/O ports */
	TEST_MEMORY = 2,    /* 64 KiB behind a 64-bit BAR, half of it can be mapped: DMA goes here */
	TEST_MSIX = 4,
	TEST_WHOLE = 5, /* 4 KiB that can be mapped as a whole */
	TEST_PORTS_SIZE = 64,
	TEST_MEMORY_SIZE = 64 << 10,
	TEST_PAGE = 4096,
	TEST_VECTORS = 8,
	TEST_PENDING = 0x800,
	TEST_ROM_SIZE = 2048,
};

/* Offsets in BAR 0. */
enum test_register {
	TEST_IDENTITY = 0x00,
	TEST_LIVENESS = 0x04, /* reads as what was written, inverted */
	TEST_FACTORIAL = 0x08,
	TEST_STATUS = 0x20, /* TEST_WHEN_DONE; it never computes for long */
	TEST_CAUSES = 0x24, /* of an interrupt: the line is up while it is not 0 */
	TEST_RAISE = 0x60,
	TEST_ACKNOWLEDGE = 0x64,
	TEST_FROM = 0x80, /* this and the next two have 8 bytes */
	TEST_TO = 0x88,
	TEST_COUNT = 0x90,
	TEST_COMMAND = 0x98, /* reads without TEST_START when it is done */
	/* Its own ones. */
	TEST_RESULT = 0xa0, /* of the last command: an errno */
	TEST_VECTOR = 0xa4, /* that an interrupt signals */
	TEST_MODE = 0xa8,   /* of interrupts: 0 the line, 1 MSI, 2 MSI-X, all ones: none */
	TEST_RESETS = 0xac,
	TEST_DOORBELL = 0xc0, /* has an eventfd */
	TEST_RINGS = 0xc4,
	TEST_FAULT = 0xf0,
};

enum {
	TEST_ID = 0x010000ed,
	TEST_WHEN_DONE = 0x80,     /* TEST_STATUS: a factorial raises TEST_CAUSE_DONE */
	TEST_CAUSE_DONE = 1,       /* of a factorial */
	TEST_CAUSE_DMA = 0x100,    /* of DMA */
	TEST_DMA_BUFFER = 0x40000, /* where TEST_MEMORY is for TEST_FROM and TEST_TO */
	/* TEST_COMMAND */
	TEST_START = 1,
	TEST_TO_GUEST = 2,
	TEST_INTERRUPT = 4,
};

/** TEST_FAULT: the low byte; the others are its argument. */
enum test_fault {
	TEST_DIE = 1,
	TEST_DELAY,
	TEST_ERROR,
	TEST_SHORT,
	TEST_SHRINK,
};

struct test {
	struct lend_server *server;
	bool faults, lie;
	int memory, whole, doorbell;
	struct lend_server_doorbell bell;
	uint8_t *bytes; /* of TEST_MEMORY */
	uint8_t *page;  /* of TEST_WHOLE */
	uint8_t rom[TEST_ROM_SIZE];
	uint32_t registers[TEST_PAGE / 4];
	uint32_t resets;
	unsigned fault, argument; /* of the next access */
};

extern const struct lend_server_ops test_ops;

/** Its registers as after power-on. */
void test_power_on(struct test *test);
/** DMA that was started. Called in each round of the loop. */
void test_carry_on(struct test *test);
/** The client's files become shorter; the device goes on with memory of its own. 0 or -errno. */
int test_shrink(struct test *test, uint64_t length);

#endif
