/* SPDX-License-Identifier: MIT */
/* The machine as the files of vmm/ see it: its parts, who owns them, and which lock guards them. */
#ifndef VMM_MACHINE_H
#define VMM_MACHINE_H

#include "vmm/ahead.h"
#include "vmm/lines.h"
#include "vmm/loop.h"
#include "vmm/memory.h"
#include "vmm/pci/ecam.h"
#include "vmm/pci/hotplug.h"
#include "vmm/pci/port_errors.h"
#include "vmm/pci/topology.h"
#include "vmm/plug.h"
#include "vmm/power.h"
#include "vmm/routes.h"
#include "vmm/serial.h"
#include "vmm/slots.h"
#include "vmm/subpages.h"
#include "vmm/vcpu.h"
#include "vmm/vmm.h"

enum { BAR_SLOTS = LEND_DIRECT_MAX, VECTORS_MAX = 2048 };

/** Where liblend puts a BAR. */
struct bar_place {
	struct lend_bar_map map; /* without map.direct */
	struct lend_bar_direct direct[BAR_SLOTS];
};

/** A BAR as the buses know it. */
struct assigned_bar {
	struct assigned *owner;
	unsigned index;
	/* What bar_commit() has to do; guarded by the function's lock. */
	bool remove, add;
	struct bar_place next;
	/* Guarded by vmm->places. */
	bool wanted; /* liblend has it at `at` */
	struct bar_place at;
	struct bus *bus; /* where it answers; NULL: nowhere */
	int slots[BAR_SLOTS];
	unsigned slot_count;
};

/** Guest addresses where KVM keeps writes; 0 bytes: none. */
struct posts {
	uint64_t at;
	uint32_t length;
};

/** A vector's GSI; 0: no route. */
struct vector_route {
	int16_t now;  /* as KVM's table has it */
	int16_t next; /* as it will be after msi_commit() */
};

/** An assigned device: the `peer` of liblend's host operations. */
struct assigned {
	struct vmm *vmm;
	unsigned index; /* of vmm->assigned; also its number for the machine's user */
	struct vmm_device_config config;
	struct lend_device *device;
	struct lend_function *function;
	enum lend_place place;
	bool alone;          /* a VF: it shares its slot with nobody */
	unsigned raised_gsi; /* the line that it holds up; 0: none. Guarded by the function's lock */
	uint32_t errors;     /* atomic, bits of enum port_error: the loop tells the guest of them */
	bool leaving;        /* atomic: the host wants it back, or what it asked for is not done yet */
	struct plug plug;
	unsigned marks; /* bits of what was told of it; guarded by the function's lock */
	bool shown;     /* atomic: a BAR that waited has its place; the loop tells the library */
	char name[LEND_NAME_SIZE];
	unsigned slot; /* of the root bus, its own or its port's */
	/* Legacy VGA ranges: wanted by liblend, and on the buses. Guarded by vmm->places. */
	bool vga_wants_memory, vga_wants_ports, vga_memory, vga_ports;
	struct posts posts; /* of one of its BARs; guarded by vmm->places */
	int timer;          /* timerfd */
	lend_watch_fn timer_fn;
	void *timer_opaque;
	struct assigned_bar bars[LEND_BARS];
	unsigned vectors;            /* elements of `routes`: a device may have 2,048, and few use many */
	struct vector_route *routes; /* by vector; guarded by the function's lock */
};

enum request {
	REQUEST_NONE,
	REQUEST_RESET,
	REQUEST_OFF,
	REQUEST_PANIC,
	REQUEST_FATAL,
	REQUEST_DEVICE,
	REQUEST_STOP
};

struct vmm {
	struct vmm_config config;
	int kvm, vm, vfio;
	struct lend_context *context;
	struct lend_space *space;
	struct memory memory;
	struct layout layout;
	struct slots slots;
	/* Guards where BARs and VGA ranges answer; taken with a function's lock held. */
	pthread_mutex_t places;
	struct subpages subpages; /* guarded by places */
	struct routes routes;
	struct lines lines;
	struct bus memory_bus, port_bus;
	struct loop loop;
	struct serial serial;
	struct power power;
	struct topology topology;
	struct ecam ecam;
	struct hotplug hotplug;    /* where layout.hotplug is not 0 */
	uint32_t bus_resets;       /* slots of ports, atomic: the loop resets what is below */
	struct firmware *firmware; /* NULL: a direct boot, as the next */
	const struct topology_chips *topology_chips; /* what firmware has on PCI */
	struct vcpus vcpus;
	struct posted posted; /* vcpus.posted, where KVM keeps writes */
	struct cpuid *cpuid;
	struct kvm_irqchip chips[3]; /* as they are after a reset: two PICs and the IOAPIC */
	/*
	 * The devices by their numbers; NULL: there is none with that number. All are below
	 * assigned_count. An entry changes on the loop's thread, with vCPUs paused and `places` held.
	 */
	struct assigned *assigned[VMM_DEVICES_MAX];
	unsigned assigned_count;
	struct plugs plugs;

	pthread_mutex_t lock; /* guards request and its text */
	enum request request;
	char request_text[256];
	int taken_fd;            /* eventfd that takes writes to ports where nothing answers */
	int interrupts;          /* /proc/interrupts, for the report; -1: not to be had */
	int request_fd;          /* eventfd: wakes the loop */
	struct memory_note note; /* of the loop's thread */
	struct assigned *vga;    /* the owner of the legacy VGA ranges, NULL: none; guarded by places */
	bool started;            /* atomic: the guest runs, or has run */
	bool held;               /* by vmm_pause(); the loop's thread alone */
	bool reset_asked;        /* guarded by lock: a reset that waits was not the guest's */
	uint64_t filled;         /* bytes of memory, as told; guarded by lock */
	struct ahead ahead;
	struct vmm_file_state kernel; /* of its file, as machine_kernel_state() knows it */
	uint64_t boot_ns, reboots;
	uint64_t log_window; /* guarded by lock, as the next is: when counting began */
	unsigned log_lines;
};

/** The device with the next number after that of `before`, NULL: the first one; NULL: there is none. */
static inline struct assigned *assigned_next(const struct vmm *vmm, const struct assigned *before)
{
	unsigned i = before ? before->index + 1 : 0;

	while (i < vmm->assigned_count && !vmm->assigned[i])
		i++;
	return i < vmm->assigned_count ? vmm->assigned[i] : NULL;
}

/** Whether populating may find no page. A write to memory that is not there ends the process then. */
static inline bool machine_may_lack_memory(const struct vmm *vmm)
{
	return vmm->config.huge_page || vmm->config.has_node;
}

/** Whether a process serves it, which may end. */
static inline bool assigned_is_served(const struct assigned *assigned)
{
	return assigned->config.backend == LEND_BACKEND_USER;
}

LEND_PRINTF(3, 4) void vmm_log(struct vmm *vmm, enum lend_log_level level, const char *format, ...);

/** Tells the machine's user that something long begins; NULL: that it is done. On the loop's thread. */
void vmm_work(struct vmm *vmm, const char *what);

/** Tells the machine's user what happened, with text where there is any (else NULL). Any thread. */
void vmm_tell(struct vmm *vmm, enum vmm_event_type type, unsigned device, uint32_t value, const char *text);

/** Whether a line that a guest can cause may be logged: 8 in ten seconds may. Any thread. */
bool vmm_may_log(struct vmm *vmm);

/**
 * Asks the loop to act, and pauses the vCPUs. The first request stays until it
 * is done; but any other one replaces a reboot, until all vCPUs are out of the
 * guest for it. Any thread.
 */
void vmm_request(struct vmm *vmm, enum request request, const char *text);

/** Lets the vCPUs go on after a pause, unless a request waits or the user paused them. On the loop's thread.
 */
void vmm_resume(struct vmm *vmm);

/** Wakes the loop, so that it looks for what there is to do. Any thread. */
void vmm_wake(struct vmm *vmm);

/** The text of a page that failed, by its host address; `room` bytes. */
void machine_memory_text(const struct vmm *vmm, int code, const void *address, char *text, size_t room);
/** Ends the machine for it. Any thread. */
void machine_memory_failed(struct vmm *vmm, int code, const void *address);

/* step.c: what goes on in a row of enum vmm_step_row. Any thread. */
LEND_PRINTF(3, 4) void step_begin(struct vmm *vmm, unsigned row, const char *format, ...);
void step_end(struct vmm *vmm, unsigned row);
/** What a guest does with a device for the first time. With the function's lock held. */
enum mark { MARK_MEMORY, MARK_INTERRUPT };
void mark_device(struct assigned *assigned, enum mark mark);

/* build.c */
int machine_build(struct vmm *vmm, struct lend_error *error);
extern const struct vcpus_ops machine_vcpu_ops;

/* machine_boot.c */
/** What is booted; rsdp is the caller's to fill in. */
struct boot_config machine_boot_config(const struct vmm_config *config, const struct layout *layout);
/** The state of the kernel's file that the machine was made for; of size 0, which no kernel has, where it
 * cannot be known. */
struct vmm_file_state machine_kernel_state(const struct vmm_config *config);
/** Everything that is the same before the first boot and before each other one. */
int machine_boot(struct vmm *vmm, struct lend_error *error);

/* devices.c */
int devices_open(struct vmm *vmm, struct lend_error *error);
int devices_place(struct vmm *vmm, struct lend_error *error);
/** What messages call a device that is not open yet. */
const char *device_words(const struct assigned *assigned);
/** Opens one; blocks as lend_device_open_with(). */
int device_open(struct assigned *assigned, struct lend_error *error);
/** Closes the descriptors that vmm_device_add() was given. */
void device_close_given(struct assigned *assigned);
int device_make_function(struct assigned *assigned, enum lend_place place, struct lend_error *error);

/* devices_life.c */
int devices_reset(struct vmm *vmm, struct lend_error *error);
/** Resets one, before the guest sees it for the first time. */
int device_reset(struct assigned *assigned, struct lend_error *error);
/** Sees to the devices that the host wants back. On the loop's thread, outside of callbacks. */
void devices_release(struct vmm *vmm);
/** Tells the library of BARs that have the places now that they waited for. On the loop's thread. */
void devices_shown(struct vmm *vmm);
void devices_quiesce(struct vmm *vmm);
void devices_close(struct vmm *vmm);

/* chips.c: irqchip, routes and the fixed devices on the buses. */
int chips_init(struct vmm *vmm, struct lend_error *error);
int chips_reset(struct vmm *vmm);
void chips_free(struct vmm *vmm);

/* posts.c */
/** Lets KVM keep writes, if it can; the processors are there, and have not run. */
int posts_init(struct vmm *vmm, struct lend_error *error);
/** vCPUs have ended. */
void posts_end(struct vmm *vmm);
/** KVM keeps those writes to the device's BARs that have no effect now. With vmm->places held. */
void posts_look(struct assigned *assigned);

/* ports.c: hotplug, if the machine has ports for it. */
int ports_init(struct vmm *vmm, struct lend_error *error);
/** Forgets what the guest was asked. vCPUs are paused. */
void ports_reset(struct vmm *vmm);
void ports_free(struct vmm *vmm);
/**
 * A function's error reaches the guest through its port. On the loop's thread. Whether the guest was
 * interrupted: not if it does not listen, or the function is not behind a port that notes errors.
 */
bool ports_error(struct vmm *vmm, const struct lend_function *function, enum port_error what);
/** The guest resets the bus below a port; opaque: struct vmm. From a vCPU. */
void ports_bus_reset(void *opaque, unsigned slot);
/** Carries out what guests asked for: vCPUs are paused meanwhile. On the loop's thread. */
void ports_serve(struct vmm *vmm);

/* errors.c */
/** The library tells of an error: LEND_EVENT_ERROR or LEND_EVENT_REPORTED. Any thread; does not block. */
void errors_note(struct assigned *assigned, enum lend_event kind, const char *text);
/** Does what there is to do. On the loop's thread, outside of callbacks. */
void errors_serve(struct vmm *vmm);

/* assign.c */
extern const struct lend_host_ops assign_ops; /* host: struct vmm, peer: struct assigned */
/** Makes what is ours of a device, without putting it into the machine. `config` is copied, not its strings.
 */
int assigned_new(struct vmm *vmm, unsigned index, const struct vmm_device_config *config,
		 struct assigned **out);
/** What it had open or made is gone before. NULL is allowed. */
void assigned_free(struct assigned *assigned);

/* bars.c: host operations. */
void assigned_bar_begin(void *host, void *peer);
int assigned_bar_map(void *host, void *peer, const struct lend_bar_map *map);
int assigned_bar_unmap(void *host, void *peer, unsigned index);
int assigned_bar_commit(void *host, void *peer);
/** Tries again to place the BARs that wait; called when a range has left a bus, with vmm->places held. */
void bars_retry(struct vmm *vmm);

/* vga.c: the host operation for the legacy VGA ranges; and whether RAM has a hole for them. */
int assigned_vga(void *host, void *peer, bool memory, bool ports);
/** As bars_retry(), of VGA ranges. */
void vga_retry(struct vmm *vmm);
bool machine_has_vga(const struct vmm *vmm);

/* ioeventfd.c: host operations. */
int assigned_ioeventfd_add(void *host, void *peer, const struct lend_ioeventfd *what);
int assigned_ioeventfd_remove(void *host, void *peer, const struct lend_ioeventfd *what);

#endif
