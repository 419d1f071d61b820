/* SPDX-License-Identifier: MIT */
/* Registers of edu, and the pair of them on one interrupt line. */
#ifndef GUEST_EDU_H
#define GUEST_EDU_H

#include "text.h"

enum { EDU_IDS = 0x11e81234 };
enum { LIVE = 4, FACTORIAL = 8, STATUS = 0x20, IRQ_STATUS = 0x24, IRQ_RAISE = 0x60, IRQ_ACK = 0x64 };
enum { DMA_FROM = 0x80, DMA_TO = 0x88, DMA_COUNT = 0x90, DMA_COMMAND = 0x98 };
enum { DMA_START = 1, DMA_TO_MEMORY = 2, DMA_INTERRUPTS = 4, DMA_BUFFER = 0x40000, DMA_STATUS = 0x100 };

/* edu ADDRESS pair ADDRESS ROUNDS */
const char *edu_pair(unsigned address, struct words *words);

#endif
