/* SPDX-License-Identifier: MIT */
/*
 * The KVM machine, as the tool sees it. Everything that opens, maps and pins
 * happens in vmm_new(); vmm_run() opens nothing any more, so that privileges
 * can be dropped between the two. Two machines in one process are possible.
 */
#ifndef VMM_VMM_H
#define VMM_VMM_H

#include "lend/lend.h"

struct vmm;

enum { VMM_CPUS_MAX = 254, VMM_DEVICES_MAX = 31, VMM_PORTS_MAX = 64 };

/** What goes on at the same time while a machine is built: a step at most in each row. */
enum vmm_step_row {
	VMM_STEP_MAIN,   /* one part after the other */
	VMM_STEP_MEMORY, /* guest memory is populated */
	VMM_STEP_AHEAD,  /* processors and kernel */
	VMM_STEP_DEVICE, /* and the next ones: a device each, in the order of the configuration */
	VMM_STEP_ROWS = VMM_STEP_DEVICE + VMM_DEVICES_MAX,
};

/** How a run ended. */
enum vmm_end {
	VMM_END_POWEROFF, /* the guest switched the machine off */
	VMM_END_REBOOT,   /* the guest asked for a reboot and no_reboot is set */
	VMM_END_STOPPED,  /* vmm_stop() */
	VMM_END_FAULT,    /* triple fault, or KVM gave up; the sentence says which */
	VMM_END_PANIC,    /* the guest said so through pvpanic */
	VMM_END_ERROR,    /* something of ours failed; the sentence says what */
};

/** What happens to a machine that somebody who operates it wants to know. */
enum vmm_event_type {
	VMM_EVENT_STOP,      /* the processors stand still: vmm_pause() */
	VMM_EVENT_RESUME,    /* they go on */
	VMM_EVENT_RESET,     /* the machine starts again; values[0]: 1 the guest wanted it */
	VMM_EVENT_POWERDOWN, /* the power button is pressed */
	VMM_EVENT_PANIC,     /* the guest said that it panicked */
	/* Of `device`, which came or goes while the guest runs. */
	VMM_EVENT_PLUGGED,        /* it is whole, and the guest is told */
	VMM_EVENT_PLUG_FAILED,    /* it is not there; text: why */
	VMM_EVENT_READY,          /* the guest turned its memory or its bus master on */
	VMM_EVENT_PLUG_TIMEOUT,   /* the guest did not, and the device is given back */
	VMM_EVENT_DELETED,        /* the guest has it no more */
	VMM_EVENT_UNPLUG_REFUSED, /* the guest keeps it; text: why, as far as it says */
	VMM_EVENT_DEVICE_ERROR,   /* it reported an error; values: its status registers */
	VMM_EVENT_ASKED_BACK,     /* the host wants it */
	VMM_EVENT_TYPES,
};

/** An event goes to another process as it is, so it has no pointers. */
struct vmm_event {
	uint32_t type;   /* enum vmm_event_type */
	uint32_t device; /* its number in the configuration; of events without a device 0 */
	uint32_t values[4];
	char text[sizeof(struct lend_error)]; /* ends with NUL */
};

/** What tells that a file was written to. */
struct vmm_file_state {
	uint64_t size;
	int64_t modified_s, modified_ns;
};

/** x-on-error=: what becomes of an uncorrectable error of the device. */
enum vmm_on_error {
	VMM_ERROR_FORWARD,  /* the guest is told, if it listens and the device has an AER capability */
	VMM_ERROR_REMOVE,   /* the device is taken from the guest by force */
	VMM_ERROR_STOP,     /* the machine ends */
	VMM_ERROR_CONTINUE, /* the device reads all ones until a reboot, and the guest goes on */
};

/** One -device as the user wrote it. */
struct vmm_device_config {
	const char *host; /* address or sysfs path; NULL: fd says which */
	int fd;           /* its open node, or the socket of LEND_BACKEND_USER, borrowed; -1: none */
	enum lend_backend backend;
	unsigned reply_ms;    /* of LEND_BACKEND_USER: how long a reply may take; 0: the default */
	bool reconnects;      /* its server may come back: vmm_reconnect() */
	const char *name;     /* of LEND_BACKEND_USER, for messages; NULL: by its socket */
	const char *vf_token; /* NULL: none */
	bool allow_unreset;   /* x-allow-unreset=on: also where nothing could reset it */
	enum vmm_on_error on_error;
	int boot_index; /* of the firmware's boot order, the lowest first; -1: not in it */
	/* Where the host wants it back: how long the guest may take to let it go, ms; 0: the default. */
	unsigned give_up_ms;
	/*
	 * Of a device that comes while the guest runs, when the machine opens no file any more: what is
	 * known of it, with `fd` and iommu_fd, or group_fd and container_fd (lend_device_config); 0 or
	 * -1: none. NULL: it is opened by its name, or is behind a socket.
	 */
	const struct lend_device_facts *facts;
	int iommu_fd, group_fd, container_fd;
	void *owned; /* of vmm_device_add(): memory of malloc() that holds what the pointers point to */
	/* Properties of the function. The machine fills in size, place, multifunction, peer. */
	struct lend_function_config function;
};

/** A file that the firmware, or a program of the guest, reads through fw_cfg. */
struct vmm_fw_file {
	const char *name; /* "opt/...", 55 bytes at most */
	const void *bytes;
	uint32_t length; /* 16 MiB at most */
};

/** What a machine with UEFI firmware is told. Descriptors are borrowed until vmm_free(). */
struct vmm_firmware_config {
	int code_fd;           /* the image as the package ovmf has it: code, or code with variables */
	const char *code_name; /* for messages, as the next name */
	int vars_fd; /* the store of variables, locked by the caller; -1: none, they are lost at the end */
	const char *vars_name; /* of the store, or else of the template */
	int template_fd;       /* what a store that is lost at the end begins with; -1: all ones */
	bool vars_readonly;
	bool vars_sync; /* each change of the store is on the disk before the guest reads on */
	bool no_vars;   /* the whole image is ROM, and there is no chip for variables */
	bool boot_menu;
	int64_t rtc_offset;              /* seconds that the guest's clock is ahead of UTC */
	const struct vmm_fw_file *files; /* of the user */
	unsigned file_count;
};

struct vmm_config {
	uint64_t memory;    /* bytes, a multiple of 1 MiB and of huge_page */
	uint64_t huge_page; /* bytes of a page of hugetlb, 0: transparent huge pages */
	bool shared;        /* memory that other processes could map (a memfd) */
	bool has_node;      /* memory comes from `node` of the host; else from that of the devices */
	unsigned node;
	unsigned cpus;
	const unsigned *pin; /* the host's processor that each of them runs on; NULL: on any */
	/* A machine with firmware; kernel_fd is -1 then. NULL: a kernel is booted directly. */
	const struct vmm_firmware_config *firmware;
	int kernel_fd, initrd_fd; /* borrowed until vmm_free(); initrd_fd -1: none */
	/* A bzImage's kernel unpacked, borrowed, too: the first bytes of a file. 0 bytes: not to be had. */
	int unpacked_fd;
	uint64_t unpacked_size;
	struct vmm_file_state unpacked_of;     /* kernel_fd, before it was read for that */
	const char *kernel_name, *initrd_name; /* for messages */
	const char *cmdline;
	int serial_fd; /* both directions, non-blocking, borrowed; -1: output is discarded */
	bool cf8, no_reboot;
	uint8_t uuid[16]; /* all zero: none */
	const struct vmm_device_config *devices;
	unsigned device_count;
	unsigned ports;       /* root ports with nothing below, for devices that come later */
	uint64_t port_window; /* bytes of prefetchable BARs above 4 GiB below each, a multiple of 1 MiB */
	/* How long a guest may take to turn on a device that came, and to let one go, ms; 0: the default. */
	unsigned plug_ms, unplug_ms;
	int iommu_fd; /* an open /dev/iommu, borrowed; -1: opened where one is needed */
	void (*log)(void *opaque, enum lend_log_level level, const char *line); /* from any thread */
	/*
	 * A step of vmm_new() begins in a row, or what is known of it changes; an empty `what` is its
	 * end. From any thread. NULL: nobody wants to know.
	 */
	void (*step)(void *opaque, unsigned row, const char *what);
	/*
	 * Something happened that is seen once in a row: the first instruction, and of a device when the
	 * guest turns its memory on, and takes its first interrupt. From any thread. NULL: nobody wants to
	 * know.
	 */
	void (*mark)(void *opaque, unsigned row, const char *what);
	/*
	 * `done` bytes of guest memory are populated; 0: it begins; all of them: it is over, also when it
	 * failed. At most 70 calls, from any thread, one at a time; a number is never less than the one
	 * before. NULL: nobody wants to know.
	 */
	void (*populated)(void *opaque, uint64_t done);
	/*
	 * Something begins that takes as long as the devices need, and that the loop
	 * answers nobody in: "resetting its devices"; NULL: it is done. From
	 * vmm_run()'s thread. NULL: nobody wants to know.
	 */
	void (*work)(void *opaque, const char *what);
	/*
	 * The server of a device is gone, and may come back (vmm_device_config.reconnects). From any
	 * thread, and must not block. NULL: nobody wants to know.
	 */
	void (*lost)(void *opaque, unsigned device);
	/* Something happened. From any thread, and must not block for long. NULL: nobody wants to know. */
	void (*event)(void *opaque, const struct vmm_event *event);
	/*
	 * From vmm_run()'s thread, after each event of the loop and outside of its callbacks: what makes
	 * processors pause may be called here. NULL: there is nothing to do.
	 */
	void (*turn)(void *opaque);
	void *opaque;
};

/** Counters of exits to user space, by what they were for. */
struct vmm_stats {
	uint64_t exits, mmio, pio, config, bar, serial, faults, reboots;
	uint64_t flash;       /* accesses to the firmware's flash chips, which a read as memory is not */
	uint64_t flash_slots; /* how often these were shown as memory, or hidden */
	uint64_t boot_ns;     /* how long vmm_new() took, which ends before the guest's first instruction */
	unsigned port_count;  /* ports below 0x1000 that were used; of more than VMM_PORTS_MAX the busiest */
	struct {
		uint16_t port;
		uint64_t count;
	} ports[VMM_PORTS_MAX];
	unsigned device_count;
	struct {
		char name[LEND_NAME_SIZE];
		enum lend_backend backend;
	} devices[VMM_DEVICES_MAX];
};

/**
 * Looks at the images and the command line alone; of the configuration, only
 * these and the size of memory are read. Nothing else is touched. 0, or negative
 * errno with the sentence that vmm_new() would give.
 */
int vmm_check(const struct vmm_config *config, struct lend_error *error);

/**
 * Builds the machine, up to the first instruction of the guest: KVM, memory
 * (populated, mapped for DMA), devices opened and reset, kernel loaded.
 * On failure everything is undone and `error` has the sentence.
 */
int vmm_new(const struct vmm_config *config, struct vmm **out, struct lend_error *error);

/**
 * Runs the machine until it ends; the calling thread is its event loop.
 * `error` is filled for VMM_END_FAULT and VMM_END_ERROR.
 */
enum vmm_end vmm_run(struct vmm *vmm, struct lend_error *error);

/**
 * The server of a device is back, and `fd`, which is the machine's from now on, is connected
 * to it; -1: it does not come back. What lend_function_reconnect() returns. From the event
 * loop (a vmm_watch callback), which waits for as long as the server needs to answer.
 */
int vmm_reconnect(struct vmm *vmm, unsigned device, int fd, struct lend_error *error);

/** Presses the power button. From the event loop (a vmm_watch callback). */
void vmm_power_button(struct vmm *vmm);

/**
 * Takes all processors out of the guest, and lets them go on. Devices are not stopped: their DMA
 * and their interrupts go on, and so does the guest's clock. What is so already is left so.
 * From vmm_config.turn. A pause waits until the last processor is out, which is as long as its
 * access to a device takes.
 */
void vmm_pause(struct vmm *vmm);
void vmm_continue(struct vmm *vmm);

/**
 * Adds a device while the guest runs, as number `device`, which no device has: it is opened by a
 * thread beside, and shown to the guest below an empty port when it is whole. 0: it began, and the
 * descriptors and `owned` are the machine's. Then VMM_EVENT_PLUG_FAILED ends it, and nothing is left;
 * or VMM_EVENT_PLUGGED comes, and after it READY or PLUG_TIMEOUT, or an event of its removal. From
 * vmm_config.turn; does not block. -EOPNOTSUPP: the machine has no such ports; -ENOSPC: none is
 * empty; -EEXIST: there is a device with that number; -ENOMEM. Each with a sentence.
 */
int vmm_device_add(struct vmm *vmm, unsigned device, const struct vmm_device_config *config,
		   struct lend_error *error);

/**
 * Asks the guest to let a device go, with all functions of its slot, or takes it alone by force. 0: it
 * began; VMM_EVENT_DELETED ends it when the device is closed, or VMM_EVENT_UNPLUG_REFUSED when the
 * guest keeps it, or does not answer. From vmm_config.turn; by force it waits up to 1 s for the
 * device's transactions. -ENODEV: there is none; -EBUSY: it is still being opened; -EALREADY: the
 * guest is asked already, or it is being closed; -EOPNOTSUPP: the guest cannot be asked for it. Each
 * with a sentence.
 */
int vmm_device_remove(struct vmm *vmm, unsigned device, bool force, struct lend_error *error);

/** As the guest's own reset. From any thread. */
void vmm_reset_request(struct vmm *vmm);

/** How many processors there are, and the number of the thread of one; 0: there is none. Any thread. */
unsigned vmm_cpu_count(const struct vmm *vmm);
int vmm_cpu_thread(const struct vmm *vmm, unsigned cpu);

/** A function on the guest's PCI buses, as the guest has numbered and placed it. */
enum { VMM_PCI_BARS = 7, VMM_PCI_HEADER = 16, VMM_PCI_NO_DEVICE = VMM_DEVICES_MAX };
struct vmm_pci_row {
	uint8_t bus, slot, function;
	uint8_t device; /* its number in the configuration; VMM_PCI_NO_DEVICE: the machine's */
	uint32_t header[VMM_PCI_HEADER]; /* the first 64 bytes of its config space, in dwords */
	uint64_t sizes[VMM_PCI_BARS];    /* bytes or ports of BAR 0 to 5, and of the ROM; 0: there is none */
	char name[LEND_NAME_SIZE];       /* of the device on the host; empty: of none */
};

/** Calls row() for each function. From the event loop. */
void vmm_pci(struct vmm *vmm, void (*row)(void *opaque, const struct vmm_pci_row *row), void *opaque);

/** Makes vmm_run() quiesce the devices and return VMM_END_STOPPED. From any thread. */
void vmm_stop(struct vmm *vmm);

/** Calls fn(opaque) from vmm_run()'s loop whenever fd is readable (or hung up). */
int vmm_watch(struct vmm *vmm, int fd, void (*fn)(void *opaque), void *opaque);

void vmm_stats(const struct vmm *vmm, struct vmm_stats *out);

/**
 * Counters of each device as lines of text, through `print`: accesses that
 * trapped, interrupts, maps, resets. From the event loop (a vmm_watch callback).
 */
void vmm_report(struct vmm *vmm, void (*print)(void *opaque, const char *line), void *opaque);

/** One line for each part of each BAR (lend_function_explain), through `print`. From the event loop. */
void vmm_explain(struct vmm *vmm, void (*print)(void *opaque, const char *line), void *opaque);

/** Gives everything back, in the reverse order of vmm_new(). NULL is allowed. */
void vmm_free(struct vmm *vmm);

#endif
