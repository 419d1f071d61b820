/* SPDX-License-Identifier: MIT */
/* The controller's insides, for the files of this folder. */
#ifndef TOOL_SERVE_NVME_PRIVATE_H
#define TOOL_SERVE_NVME_PRIVATE_H

#include <stddef.h>

#include "tool/serve/nvme/bytes.h"
#include "tool/serve/nvme/controller.h"
#include "tool/serve/nvme/spec.h"

enum {
	NVME_MDTS = 7, /* a command moves at most 2^7 pages */
	NVME_TRANSFER_MAX = NVME_PAGE << NVME_MDTS,
	/* A transfer that starts inside a page has a piece more than pages; the rest is for borders of maps.
	 */
	NVME_PIECES = (1 << NVME_MDTS) + 4,
	NVME_COMMANDS = 512,
	NVME_COMMANDS_ADMIN = 8, /* of them, which I/O leaves to the admin queue */
	NVME_BOUNCES = 2,
	NVME_EVENTS = 4, /* Asynchronous Event Requests that may wait */
	NVME_FEATURES = 0x10,
};

/* A range of guest memory that is used often. */
struct nvme_window {
	uint64_t address;
	uint32_t length;
	bool write;          /* the controller writes there */
	uint8_t *host;       /* NULL: reached by copies alone */
	unsigned generation; /* of the controller's memory when `host` was looked up */
};

struct nvme_cq {
	struct nvme_window window;
	uint32_t size; /* entries; 0: there is no such queue */
	uint32_t head, tail;
	unsigned phase;
	unsigned vector;
	bool interrupts;
	bool shadow;                           /* the guest leaves `head` in the doorbell buffer */
	bool signal;                           /* there are new entries that no interrupt told of */
	unsigned users;                        /* submission queues */
	struct nvme_command *done, **done_end; /* to be posted, in order */
};

struct nvme_sq {
	struct nvme_window window;
	uint32_t size; /* entries; 0: there is no such queue */
	uint32_t head, tail;
	unsigned cq;
	bool shadow;                   /* the guest leaves `tail` in the doorbell buffer */
	bool armed;                    /* the guest will ring at its next command */
	unsigned executing;            /* commands that were taken and are not completed */
	struct nvme_command *deleting; /* the command that waits for them */
};

/* A submission queue entry, copied and decoded. */
struct nvme_sqe {
	uint8_t opcode, flags;
	uint16_t cid;
	uint32_t nsid;
	uint8_t data[16]; /* PRP1 and PRP2, or an SGL descriptor */
	uint32_t dw10, dw11, dw12, dw13, dw14, dw15;
};

struct nvme_piece {
	uint64_t address, length;
};

struct nvme_command {
	struct nvme_disk_request request; /* first: a request is its command */
	struct nvme_command *next;
	struct nvme_sqe sqe;
	unsigned sq;
	uint16_t status, sq_head; /* when it is completed */
	uint32_t result;
	/* What comes when the request is done, or a bounce buffer is free. */
	int (*resume)(struct nvme_controller *ctl, struct nvme_command *command);
	uint8_t *bounce;    /* takes the place of guest memory */
	struct iovec whole; /* of the bounce buffer */
	uint64_t at, end;   /* what is left of a range: bytes, or the number of a range */
	unsigned length, piece_count;
	union {
		struct nvme_piece pieces[NVME_PIECES]; /* in guest memory */
		struct iovec iov[NVME_PIECES];         /* in ours */
	};
};

struct nvme_controller {
	const struct nvme_disk *disk;
	const struct nvme_host_ops *host;
	void *opaque;
	unsigned queue_pairs;
	unsigned generation; /* of guest memory */

	uint32_t cc, csts, aqa, intms;
	uint64_t asq, acq;
	bool configured; /* CC was written since power-on */
	bool stopping;   /* CC.EN was changed, and something is in flight */
	bool unmastered; /* Bus Master was off when there could have been work */

	struct nvme_sq sqs[NVME_QUEUES_MAX + 1];
	struct nvme_cq cqs[NVME_QUEUES_MAX + 1];
	unsigned first; /* the queue that is served first, in turn */

	/* Doorbell buffer: `doorbells` is written by the guest, `events` by us. */
	bool buffered;
	struct nvme_window doorbells, events;
	struct nvme_disk_request timer;
	bool timing, active, quiet; /* see attention.c */
	bool untold;                /* results that the guest does not have yet */
	unsigned singles;           /* commands that came one at a time, until now */
	uint64_t idle_since;        /* ns; 0: since then something came */
	enum nvme_wait { FOR_GUEST, FOR_DISK } waits_for;
	unsigned fast[2]; /* waits of each kind that were short, until now */

	uint32_t features[NVME_FEATURES];
	uint16_t vector_config[NVME_QUEUES_MAX + 1];

	struct nvme_command *events_waiting[NVME_EVENTS];
	unsigned event_count;
	unsigned event_pending, event_masked; /* sets of types */
	uint8_t event_info[8];
	uint64_t reads, writes, blocks_read, blocks_written;
	uint64_t errors; /* commands that failed; of the last one: */
	uint16_t last_status, last_cid, last_sq;

	/* Requests at the disk; finished ones whose command is to go on. */
	unsigned running;
	struct nvme_disk_request *finished, **finished_end;
	struct nvme_disk_request shutdown;
	/* What was in the cache may be lost: no later flush can promise it, so each of them fails. */
	bool flush_failed;
	bool told_guest, told_image; /* the first fault of each was told to the person who runs the server */

	struct nvme_command *commands;
	uint16_t free[NVME_COMMANDS];
	unsigned free_count;
	struct nvme_command *waiting, **waiting_end; /* for a bounce buffer */
	uint8_t *bounce_memory;
	uint8_t *bounces[NVME_BOUNCES];
	unsigned bounce_count;
	uint8_t *zeros; /* ZEROS bytes, never written */
};

enum { ZEROS = 65536 };

typedef int nvme_handler(struct nvme_controller *ctl, struct nvme_command *command);

/* An opcode and what carries it out, with its entry of the log page of effects. */
struct nvme_opcode {
	nvme_handler *run;
	uint32_t effects; /* 0: there is no such command */
};

extern const struct nvme_opcode nvme_admin_opcodes[256], nvme_io_opcodes[256];

/* controller.c */
/** Controller Fatal Status: nothing is done until the guest resets the controller. */
void nvme_fatal(struct nvme_controller *ctl, const char *why);
/** Forgets all queues and commands. Nothing may be in flight. */
void nvme_clear(struct nvme_controller *ctl);
/** The flush of a shutdown is done. */
void nvme_shutdown_done(struct nvme_controller *ctl);
/** Follows a write of CC. */
void nvme_configure(struct nvme_controller *ctl, uint32_t value);
/** Whether the controller may touch guest memory: the guest has set Bus Master (PCI command register). */
bool nvme_may_touch_memory(const struct nvme_controller *ctl);

/* window.c: 0 or a negative errno */
int nvme_window_read(struct nvme_controller *ctl, struct nvme_window *window, uint32_t offset, void *data,
		     uint32_t length);
int nvme_window_write(struct nvme_controller *ctl, struct nvme_window *window, uint32_t offset,
		      const void *data, uint32_t length);
/** Where the window is in our memory; NULL: not in one piece, or (*ret) nowhere. */
uint8_t *nvme_window_host(struct nvme_controller *ctl, struct nvme_window *window, int *ret);

/* queue.c: true: there was something to do */
bool nvme_fetch(struct nvme_controller *ctl);
bool nvme_post(struct nvme_controller *ctl);
void nvme_update_line(struct nvme_controller *ctl);

/* doorbell.c */
void nvme_doorbell(struct nvme_controller *ctl, uint64_t offset, uint32_t value);
/** Looks into the doorbell buffer for a new tail. True: there is one. */
bool nvme_doorbell_tail(struct nvme_controller *ctl, unsigned id);
/** Looks there for a new head. `ring`: the guest is to ring when it changes. */
void nvme_doorbell_head(struct nvme_controller *ctl, unsigned id, bool ring);
/** A queue was made: its doorbells are in the buffer if there is one. */
void nvme_doorbell_new_sq(struct nvme_controller *ctl, unsigned id);
void nvme_doorbell_new_cq(struct nvme_controller *ctl, unsigned id);
nvme_handler nvme_doorbell_buffer;
/** The guest is to ring at its next command, or not. */
void nvme_doorbell_event(struct nvme_controller *ctl, unsigned id, bool ring);
/** The guest has set Bus Master again: what it was not told of in the buffer meanwhile, it is told now. */
void nvme_doorbell_again(struct nvme_controller *ctl);

/* attention.c */
/** New commands were found in the doorbell buffer. */
void nvme_attention_found(struct nvme_controller *ctl, unsigned commands);
/** Something came that was waited for. */
void nvme_attention_end(struct nvme_controller *ctl);
/** Before the guest is told of results: it need not ring for what it does then. */
void nvme_attention_wake(struct nvme_controller *ctl);
/** Nothing is left to do. True: there is something, after all. `any`: there was something until now. */
bool nvme_attention_idle(struct nvme_controller *ctl, bool any);
/** The timer's request is done. */
void nvme_attention_time(struct nvme_controller *ctl);

/* command.c */
struct nvme_command *nvme_command_take(struct nvme_controller *ctl, unsigned sq, const uint8_t raw[NVME_SQE]);
void nvme_command_run(struct nvme_controller *ctl, struct nvme_command *command);
void nvme_command_complete(struct nvme_controller *ctl, struct nvme_command *command, int status);
void nvme_command_release(struct nvme_controller *ctl, struct nvme_command *command);
void nvme_command_pool(struct nvme_controller *ctl);
/** Gives the command's request to the disk; `resume` follows when it is done. NVME_PENDING. */
int nvme_command_submit(struct nvme_controller *ctl, struct nvme_command *command, nvme_handler *resume);
/** A bounce buffer: `resume` is called with it, now or later. */
int nvme_command_bounce(struct nvme_controller *ctl, struct nvme_command *command, nvme_handler *resume);
/** Takes one request that the disk has done, and keeps a command's for nvme_command_continue(). False: none.
 */
bool nvme_command_reap(struct nvme_controller *ctl, bool wait);
/** Continues what is finished, or got a bounce buffer. True: something was. */
bool nvme_command_continue(struct nvme_controller *ctl);

/* data.c: a status each */
/** Finds the pieces of guest memory for `length` bytes of the command. */
int nvme_data_find(struct nvme_controller *ctl, struct nvme_command *command, uint32_t length);
/** Copies from, or to, the pieces that were found, from byte `offset` of them. */
int nvme_data_read(struct nvme_controller *ctl, struct nvme_command *command, uint32_t offset, void *data,
		   uint32_t length);
int nvme_data_write(struct nvme_controller *ctl, struct nvme_command *command, const void *data,
		    uint32_t length);
/** Both: finds, and copies. */
int nvme_data_reply(struct nvme_controller *ctl, struct nvme_command *command, const void *data,
		    uint32_t length);
/** Adds a piece, to the last one if it follows it. */
int nvme_piece_add(struct nvme_command *command, uint64_t address, uint64_t length);

/* prp.c, sgl.c: a status each */
int nvme_prp_find(struct nvme_controller *ctl, struct nvme_command *command, uint32_t length);
int nvme_sgl_find(struct nvme_controller *ctl, struct nvme_command *command, uint32_t length);

/* admin.c, and files of its commands */
nvme_handler nvme_identify, nvme_get_log, nvme_get_features, nvme_set_features, nvme_create_sq,
	nvme_create_cq, nvme_delete_sq, nvme_delete_cq, nvme_async_event;
void nvme_features_reset(struct nvme_controller *ctl);
bool nvme_write_cache(const struct nvme_controller *ctl);

/* events.c */
enum { EVENT_ERROR = 0 };
enum { EVENT_BAD_DOORBELL = 0, EVENT_BAD_VALUE = 1 }; /* of EVENT_ERROR */
void nvme_event(struct nvme_controller *ctl, unsigned type, unsigned info);
void nvme_event_seen(struct nvme_controller *ctl, unsigned log_page);
bool nvme_event_abort(struct nvme_controller *ctl, unsigned cid);

#endif
