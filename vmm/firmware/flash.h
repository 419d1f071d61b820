/* SPDX-License-Identifier: MIT */
/*
 * A flash chip with the Intel command set, a byte wide, with erase blocks of FLASH_BLOCK bytes: the
 * variable store of UEFI firmware. Its bytes are in anonymous memory. In array mode the guest reads
 * them there by a read-only memory slot; a command takes the slot away, and what is read is status.
 *
 * The store's file is written in whole blocks when the chip goes back to array mode, in the order in
 * which the blocks were changed first. So the file has what the guest believes to be stored, and a
 * process that is killed between two blocks is what a power cut is to a real chip. A block that cannot
 * be written stays marked and is tried again, and all of them where the disk failed behind the file's
 * back; nothing that was stored is lost by that.
 *
 * A chip is also the code beside the store: it takes no commands, and is ROM.
 *
 * A mutex guards all of it.
 */
#ifndef VMM_FIRMWARE_FLASH_H
#define VMM_FIRMWARE_FLASH_H

#include <pthread.h>

#include "lend/lend.h"
#include "vmm/bus.h"

enum { FLASH_BLOCK = 4096, FLASH_MAX = 8 << 20, FLASH_BLOCKS = FLASH_MAX / FLASH_BLOCK };

enum flash_state { FLASH_ARRAY, FLASH_STATUS, FLASH_PROGRAM, FLASH_ERASE };

/** What the chip causes; all are called with its lock held, so they must not call it. */
struct flash_calls {
	/* The bytes can be read at their place, or no more. What fails here is served by exits. */
	void (*show)(void *opaque, bool shown);
	/* While they cannot: whether the guest may go on before a write to the chip is carried out. */
	void (*keep)(void *opaque, bool kept);
	/* A sentence for the user; the guest can cause any number of them. */
	void (*say)(void *opaque, enum lend_log_level level, const char *text);
	void *opaque;
};

struct flash {
	struct flash_calls calls;
	const char *name; /* of the file, for sentences */
	uint8_t *bytes;   /* page-aligned */
	uint32_t size;
	int fd; /* what it is kept in, borrowed; -1: nothing */
	bool rom, readonly, sync;
	pthread_mutex_t lock; /* guards what is below, and bytes */
	enum flash_state state;
	uint8_t status;
	bool batches; /* the thread `batcher` writes much at once */
	bool due;     /* its bursts have ended: the bytes are not shown before they are on the disk */
	pthread_t batcher;
	bool failed;   /* the last write to the file; said once */
	bool unsynced; /* blocks were written since the last flash_sync() */
	bool lost;     /* which failed, so that the disk may have none of what was written */
	unsigned dirty_count;
	uint64_t accesses, shows;     /* for the statistics, which read them without the lock */
	uint16_t dirty[FLASH_BLOCKS]; /* blocks to be written, in order */
	bool is_dirty[FLASH_BLOCKS];
};

struct flash_config {
	const char *name; /* borrowed */
	uint32_t size;    /* bytes: a multiple of FLASH_BLOCK, FLASH_MAX at most */
	int from;         /* its bytes when it is made, read at `from_offset`; -1: all ones */
	uint64_t from_offset;
	int fd;        /* where it is kept; -1: nowhere */
	bool rom;      /* takes no commands */
	bool readonly; /* takes commands, and answers that they failed */
	bool sync;     /* what was changed is on the disk whenever the chip goes back to array mode */
};

/**
 * Makes a chip in array mode, without a call of `calls`. 0; -ENOMEM; -EINVAL: its size; -EIO: `from` is
 * shorter than that; what reading it gives. After a failure there is nothing to free.
 */
int flash_init(struct flash *flash, const struct flash_config *config, const struct flash_calls *calls);

/** As after a reset of the machine: array mode, and what was stored is stored. */
void flash_reset(struct flash *flash);

/**
 * The calling thread begins, or ends, to carry out writes that nobody has looked for yet: what of them has
 * to reach the disk (`sync`) does so once: at the end, or when another thread comes to the chip first. Until
 * then the bytes are not shown. The end waits for the disk.
 */
void flash_batch(struct flash *flash, bool begins);

/** Writes what waits, and waits until the disk has it. 0, or a negative errno, which was said. */
int flash_sync(struct flash *flash);

/** After flash_sync(), where something is kept. The caller has taken the bytes from the guest. */
void flash_free(struct flash *flash);

extern const struct bus_ops flash_ops; /* opaque: struct flash; `size` bytes */

#endif
