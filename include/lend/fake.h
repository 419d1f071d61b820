/* SPDX-License-Identifier: MIT */
/*
 * A device for a monitor's own tests, emulated in memory: config space, BARs that
 * can be mapped, interrupts, DMA, and failures on demand. It is built on the
 * tables of lend/backend.h, so that all of the library above them is the real one.
 * It needs no VFIO, no privilege and no hypervisor.
 *
 * It is in liblend-fake.a: cc test.c $(pkg-config --cflags --libs lend-fake). One
 * thread calls the functions here; the library may call the device's tables from
 * any thread. None of the functions here blocks.
 */
#ifndef LEND_FAKE_H
#define LEND_FAKE_H

#include "backend.h"

#ifdef __cplusplus
extern "C" {
#endif

struct lend_fake;

/** Makes a device without BARs and capabilities, 1b36:0010 of class 010802. NULL: out of memory. */
struct lend_fake *lend_fake_new(void);
/** Frees it; its device must be closed. NULL is allowed. */
void lend_fake_free(struct lend_fake *fake);

/* ---- What the device is: before it is opened. ---- */

/** Its config space, 4096 bytes. The test may read and write it at any time. */
uint8_t *lend_fake_config(struct lend_fake *fake);

/**
 * Adds BAR `index` (0 to 5) of `size` bytes, a power of two. `type` is the low bits
 * of its register: 0 memory, 1 I/O ports, 4 memory of 64 bits, 8 prefetchable.
 * -EINVAL: such a BAR cannot be; else why there is no memory for it.
 */
int lend_fake_bar(struct lend_fake *fake, unsigned index, unsigned type, uint64_t size);

/** The bytes of a memory BAR; the guest's maps are of the same bytes. NULL: it is no memory BAR. */
void *lend_fake_bar_bytes(struct lend_fake *fake, unsigned index);

/** Adds a capability of `length` bytes after the last: its id, and zeros. Returns its offset or -ENOSPC. */
int lend_fake_capability(struct lend_fake *fake, uint8_t id, unsigned length);

/** Adds MSI-X, with its table at `table` and its PBA at `pba` of a BAR. Returns its offset, or -errno. */
int lend_fake_msix(struct lend_fake *fake, unsigned vectors, unsigned bar, uint32_t table, uint32_t pba);

/** Sets how many vectors an index (LEND_IRQ_INTX and following) has. lend_fake_msix() does it for MSI-X. */
void lend_fake_vectors(struct lend_fake *fake, unsigned irq, unsigned count);

/**
 * Opens it into a space, with a domain of its own. `bdf` NULL: 0000:05:00.0.
 * Errors as lend_device_open_backend().
 */
int lend_fake_open(struct lend_fake *fake, struct lend_space *space, const struct lend_bdf *bdf,
		   struct lend_device **out, struct lend_error *error);

/* ---- What the device does. ---- */

/**
 * Signals a vector. The line masks itself, as VFIO's does. -ENOENT: no eventfd is
 * set for it; -EAGAIN: the line is masked.
 */
int lend_fake_interrupt(struct lend_fake *fake, unsigned irq, unsigned vector);

/**
 * DMA of the device: reads or writes `length` bytes of guest memory. -EFAULT: one
 * of them is not mapped, or its map does not allow it; those before it are done.
 */
int lend_fake_dma_read(struct lend_fake *fake, lend_iova_t from, void *data, size_t length);
int lend_fake_dma_write(struct lend_fake *fake, lend_iova_t to, const void *data, size_t length);

/** `dead`: reads are all ones and writes are lost from now on, as if it were pulled out. False ends that. */
void lend_fake_die(struct lend_fake *fake, bool dead);

/** Lets one call of its tables fail with `code`, a negative errno, after `calls` that do not; 0: none. */
void lend_fake_fail(struct lend_fake *fake, unsigned calls, int code);

/* ---- What became of it. ---- */

/** How many calls of its tables could have failed since it was made: a test lets each of them fail once. */
unsigned lend_fake_calls(const struct lend_fake *fake);
/** How often it was reset since it was made. A reset clears command and status, and nothing else. */
unsigned lend_fake_resets(const struct lend_fake *fake);
/** How many bytes of guest memory it reaches. */
uint64_t lend_fake_mapped(const struct lend_fake *fake);
/** How many interrupts were on, and maps were left, when it was closed. 0: it was closed clean. */
unsigned lend_fake_left(const struct lend_fake *fake);

#ifdef __cplusplus
}
#endif
#endif
