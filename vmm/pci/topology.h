/* SPDX-License-Identifier: MIT */
/*
 * What stands where on the PCI buses, and how a config access finds it (ECAM,
 * and 0xcf8 where it is asked for).
 *
 * Bus 0 has the host bridge as device 0, root ports, and the functions that
 * belong on the root bus. Behind a port there is one device, or none. Slots and
 * ports are fixed once the guest runs, and what is below a port changes with vCPUs
 * paused; the guest may renumber the buses, so a port is found by what its register says.
 */
#ifndef VMM_PCI_TOPOLOGY_H
#define VMM_PCI_TOPOLOGY_H

#include "lend/function.h"
#include "vmm/bus.h"
#include "vmm/pci/bridge.h"
#include "vmm/x86/layout.h"

enum { PCI_SLOTS = 32, PCI_FUNCTIONS = 8, SLOT_LPC = 31 };

/** SLOT_CHIP: another function of the chipset, where there is one. */
enum slot_kind { SLOT_EMPTY, SLOT_HOST_BRIDGE, SLOT_PORT, SLOT_DEVICE, SLOT_CHIP };

struct pci_slot {
	enum slot_kind kind;
	struct bridge_config config;                    /* of a host bridge, a chip or a port */
	struct port_setup setup;                        /* of a port */
	uint64_t room_low, room_high;                   /* bytes of its windows at least */
	struct lend_function *functions[PCI_FUNCTIONS]; /* in the slot, or below the port */
};

/**
 * A chipset that firmware sets up: host bridge and SLOT_LPC. Where there is one, ports and
 * functions are left as after a reset, and the firmware places them.
 */
struct topology_chips {
	/** Gives the function in a slot its registers of after a reset. vCPUs are paused. */
	void (*reset)(void *opaque, unsigned slot, struct bridge_config *config);
	/** Bytes of it were written. From any vCPU. */
	void (*written)(void *opaque, unsigned slot, unsigned offset, unsigned length);
	void *opaque;
};

struct topology {
	const struct topology_chips *chips; /* NULL: a direct boot; set before topology_place() */
	struct pci_slot slots[PCI_SLOTS];
	bool hotplug; /* devices may come and go behind ports */
	/* A function's command register was written: a guest may have turned it on. From any vCPU. */
	void (*commanded)(void *opaque);
	/* A function's config space was written. From any vCPU. */
	void (*configured)(void *opaque, const struct lend_function *function);
	/* The guest resets the bus below a port. From a vCPU. Where devices come and go. */
	void (*bus_reset)(void *opaque, unsigned slot);
	/* What is on a bus, or the number of a bus, has changed. From the thread that changed it. */
	void (*moved)(void *opaque);
	void *opaque; /* of these calls */
	uint32_t cf8; /* the address latch, atomics */
	bool has_io;  /* an I/O BAR is somewhere */
	bool placed;  /* slots have the windows that they keep; by topology_assign() */
	uint64_t accesses;
};

/** One function to place, and where it stands on the host. */
struct placement {
	struct lend_function *function;
	struct lend_bdf host;
	bool alone; /* a VF: a slot of its own */
	enum lend_place place;
};

/**
 * Gives each function its place: functions of one host slot stay together with
 * their numbers (the lowest becomes 0 where there is no 0). -ENOSPC: no slot left.
 */
int topology_place(struct topology *topology, const struct placement *placements, unsigned count);

enum { PORT_ROOM_LOW = 32 << 20 };

/**
 * Adds ports with nothing below, for devices that come later: behind each there is room for
 * PORT_ROOM_LOW bytes of BARs below 4 GiB, and for `window` bytes (a multiple of 1 MiB) of
 * prefetchable ones above. After topology_place(). -ENOSPC: no slot left.
 */
int topology_add_ports(struct topology *topology, unsigned count, uint64_t window);

/** The slots of ports, a bit each; `filled`: only those with something below. */
uint32_t topology_ports(const struct topology *topology, bool filled);

/** The slot of the port that has the bus with this number below it now; 0: there is none. Any thread. */
unsigned topology_port(const struct topology *topology, unsigned bus);

/** The function comes behind the port in a slot, as function 0. vCPUs are paused. */
void topology_insert(struct topology *topology, unsigned slot, struct lend_function *function);

/** The function is not there any more; its slot, or the port above it, stays. vCPUs are paused. */
void topology_remove(struct topology *topology, const struct lend_function *function);

/** The requester id that a function has, as the guest has numbered the buses now. */
uint16_t topology_requester(const struct topology *topology, const struct lend_function *function);

/** What is below a port, for its registers: the last link stays known when nothing is. */
void slot_describe(struct pci_slot *slot);

/** The slot of the root bus where the function is, or its port. */
unsigned topology_slot(const struct topology *topology, const struct lend_function *function);

/** What the BARs of all functions need, for layout_plan(). */
void topology_needs(const struct topology *topology, struct layout_needs *needs);

/**
 * Before each boot: puts bridges, windows and BARs into the state that firmware leaves, or that
 * it expects where there is one. The first boot decides where the windows are, and how large; or,
 * where there is firmware, how much room each port asks it for.
 */
int topology_assign(struct topology *topology, const struct layout *layout, struct lend_error *error);

/* Opaque: struct topology. The two of 0xcf8 answer at the address (a range of one byte, since only
 * an access that begins there is its), and at the four ports of the data. */
extern const struct bus_ops ecam_ops, cf8_address_ops, cf8_data_ops;

#endif
