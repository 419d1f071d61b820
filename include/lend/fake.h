/* SPDX-License-Identifier: MIT */
/*
 * A device for a monitor's own tests, played in memory: config space, BARs that
 * can really be mapped, interrupts, DMA, and failures on order. It stands
 * behind the tables of lend/backend.h, so that all of the library above it is
 * the real one. No VFIO, no privilege and no hypervisor is needed.
 *
 * It is in liblend-fake.a: cc test.c $(pkg-config --cflags --libs lend-fake).
 * One thread plays the device; the library may call it from any.
 */
#ifndef LEND_FAKE_H
#define LEND_FAKE_H

#include "backend.h"

#ifdef __cplusplus
extern "C" {
#endif

struct lend_fake;

/** A device without BARs and capabilities that answers: 1b36:0010, class 010802. NULL: no memory. */
struct lend_fake *lend_fake_new(void);
/** Frees it; its device must be closed. NULL is allowed. */
void lend_fake_free(struct lend_fake *fake);

/* ---- What the device is: before it is opened. ---- */

/** Its config space, 4096 bytes, as the device has it. May be read and written at any time. */
uint8_t *lend_fake_config(struct lend_fake *fake);

/**
 * Gives it BAR `index` (0 to 5) of `size` bytes, a power of two; `type` are the
 * low bits of the register (0 memory, 1 I/O ports, 4 memory of 64 bits, 8
 * prefetchable). -EINVAL: that is no BAR; -errno: no memory.
 */
int lend_fake_bar(struct lend_fake *fake, unsigned index, unsigned type, uint64_t size);

/** The bytes of a memory BAR, shared with what the guest has mapped; NULL: there is none. */
void *lend_fake_bar_bytes(struct lend_fake *fake, unsigned index);

/**
 * Adds a capability of `length` bytes behind the last one, its id and zeros:
 * returns its offset, or -ENOSPC.
 */
int lend_fake_capability(struct lend_fake *fake, uint8_t id, unsigned length);

/** Adds MSI-X with its table at `table` and its pending bits at `pba` of a BAR: its offset, or -errno. */
int lend_fake_msix(struct lend_fake *fake, unsigned vectors, unsigned bar, uint32_t table, uint32_t pba);

/** How many vectors VFIO would offer at an index (LEND_IRQ_INTX and following); lend_fake_msix() does it. */
void lend_fake_vectors(struct lend_fake *fake, unsigned irq, unsigned count);

/**
 * Opens it into a space, where it has a domain of its own. `bdf` NULL:
 * 0000:05:00.0. Errors as lend_device_open_backend().
 */
int lend_fake_open(struct lend_fake *fake, struct lend_space *space, const struct lend_bdf *bdf,
		   struct lend_device **out, struct lend_error *error);

/* ---- What the device does. ---- */

/** Signals a vector. -ENOENT: nobody listens; -EAGAIN: the line is masked; a line masks itself. */
int lend_fake_interrupt(struct lend_fake *fake, unsigned irq, unsigned vector);

/** DMA: bytes of guest memory, through what is mapped for it. -EFAULT: not all of them are, or not so. */
int lend_fake_dma_read(struct lend_fake *fake, lend_iova_t from, void *data, size_t length);
int lend_fake_dma_write(struct lend_fake *fake, lend_iova_t to, const void *data, size_t length);

/** From now on all reads are all ones and writes are lost, as of a device that was pulled; or no more. */
void lend_fake_die(struct lend_fake *fake, bool dead);

/** The call after `calls` more that can fail returns `code`, a negative errno; 0: none does. */
void lend_fake_fail(struct lend_fake *fake, unsigned calls, int code);

/* ---- What became of it. ---- */

/** Calls of the tables that can fail, since it was made: for a test that fails each of them once. */
unsigned lend_fake_calls(const struct lend_fake *fake);
/** Resets, since it was made. Each clears command and status, and nothing else. */
unsigned lend_fake_resets(const struct lend_fake *fake);
/** Bytes of guest memory that it reaches. */
uint64_t lend_fake_mapped(const struct lend_fake *fake);
/** What it was left with when it was closed: interrupts that are on, and maps. 0: it was closed clean. */
unsigned lend_fake_left(const struct lend_fake *fake);

#ifdef __cplusplus
}
#endif
#endif
