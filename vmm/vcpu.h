/* SPDX-License-Identifier: MIT */
/*
 * Virtual processors: a thread each, that runs the guest and hands its trapped
 * accesses to the buses. They are stopped and started together.
 */
#ifndef VMM_VCPU_H
#define VMM_VCPU_H

#include <pthread.h>

#include "vmm/bus.h"
#include "vmm/confine.h"
#include "vmm/memory_fault.h"
#include "vmm/posted.h"
#include "vmm/vmm.h"
#include "vmm/x86/boot.h"
#include "vmm/x86/cpuid.h"
#include "vmm/x86/reset_state.h"

struct vcpus;

struct vcpu {
	struct vcpus *all;
	unsigned id;
	int fd;
	struct kvm_run *run;
	pthread_t thread;
	bool started;
	int number; /* of its thread, as the host has it; written by the thread alone, atomic; 0: not yet */
	struct reset_state reset;
	struct memory_note note; /* of its thread, as the next is */
	bool note_told;
	struct bus_hint port_hint, memory_hint; /* of its thread, as the next are */
	uint64_t exits, mmio, pio, faults;      /* written by its own thread alone */
	/* The last EFAULT that removed nothing: where (0: none), and how much all had removed by then. */
	uint64_t fault_rip, fault_removed;
};

/* What the vCPUs need of the machine. Called on their threads. */
struct vcpus_ops {
	/** KVM_RUN returned EFAULT: removes BARs that are not served now, returns how many. */
	int (*fault)(void *opaque);
	/** A processor cannot go on; the machine has to end. */
	void (*fatal)(void *opaque, const char *text);
	/** A processor made a triple fault, which resets a PC; all have the order to pause. */
	void (*shutdown)(void *opaque, unsigned id);
	/** A page under the guest has failed; the machine has to end. */
	void (*broken)(void *opaque, const struct memory_note *note);
};

/* No port of ours is higher; those of the devices' BARs are counted with these. */
enum { PORTS_COUNTED = 0x1000 };

enum vcpus_order { VCPUS_RUN, VCPUS_PAUSE, VCPUS_QUIT };

struct vcpus {
	int kvm, vm;
	struct bus *memory_bus, *port_bus;
	struct posted *posted; /* writes that KVM keeps; NULL: none */
	const struct vcpus_ops *ops;
	void *opaque;
	bool mtrrs_off; /* as a processor leaves reset: firmware turns them on; else as firmware leaves them
			 */
	const unsigned *pin; /* the host's processor that each thread stays on; NULL: on any */
	/* The system calls that a thread may make from its start on; NULL: all. For vcpus_start() alone. */
	const struct sock_fprog *calls;
	int unconfined; /* atomic: why a thread could not be restricted to them; 0: each is */
	size_t run_size;
	unsigned count, parked;
	pthread_mutex_t lock; /* guards parked and order's changes */
	pthread_cond_t changed;
	enum vcpus_order order; /* read with atomics by the vCPUs */
	bool touched;           /* atomic: the guest has used a port or memory of a device since its reset */
	uint64_t removed;       /* BARs that faults took away, atomic */
	uint64_t port[PORTS_COUNTED]; /* accesses to the first ports, atomics */
	struct vcpu *vcpu;
};

/** Creates the vCPUs (buses, ops, kvm and vm are filled in by the caller), not yet running. */
int vcpus_init(struct vcpus *vcpus, unsigned count, const struct cpuid *cpuid,
	       const struct cpuid_config *config, struct lend_error *error);

/**
 * Resets all, the first to the kernel's entry, or without one (NULL) to the reset vector. They must
 * be parked or not started.
 */
int vcpus_reset(struct vcpus *vcpus, const struct memory *memory, const struct boot_entry *entry);

/**
 * Starts the threads, paused, each on its processor of the host where `pin` says so; those that run
 * already stay as they are, and where they are. With `calls` it waits until each is restricted to these.
 * -EINVAL: a processor of the host may not be used.
 */
int vcpus_start(struct vcpus *vcpus, struct lend_error *error);

/** Gives an order without waiting; from any thread, vCPUs included. */
void vcpus_order(struct vcpus *vcpus, enum vcpus_order order);

/** Waits until all are out of the guest and hold no lock. Not from a vCPU. */
void vcpus_wait_parked(struct vcpus *vcpus);

/** Ends the threads and frees all. */
void vcpus_free(struct vcpus *vcpus);

#endif
