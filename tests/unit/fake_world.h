/* SPDX-License-Identifier: MIT */
/*
 * A whole world for one function: a fake device (transport), a fake IOMMU
 * (domain) and a fake monitor (host operations), which all write into one
 * record, so that a test sees what happened in which order.
 *
 * The fakes check the rules of their interfaces as they go (a vector is only
 * attached to a committed route, and so on); what breaks one is kept in
 * `violation` and fails world_close().
 *
 * Lines of the record, numbers in hexadecimal:
 *   device  cfg_read OFFSET LENGTH      cfg_write OFFSET LENGTH VALUE
 *           bar_read BAR OFFSET LENGTH  bar_write BAR OFFSET LENGTH VALUE
 *           irqs START+COUNT x-x        irqs off       mmap BAR OFFSET LENGTH     reset
 *           ioeventfd BAR OFFSET LENGTH DATA x         doorbells BAR (if it has any)
 *           dma_buf BAR OFFSET LENGTH
 *           intx on, intx off, intx mask, intx unmask, intx unmaskfd x
 *   monitor line PIN 0|1, line_attach PIN, line_detach PIN, timer MILLISECONDS (0: cancelled)
 *           begin, map BAR ADDRESS, unmap BAR, commit
 *           msi_begin, msi_set VECTOR ADDRESS DATA, msi_free VECTOR, msi_commit
 *           attach VECTOR, detach VECTOR, watch, unwatch
 *           vga MEMORY PORTS, ioevent_add BAR OFFSET LENGTH DATA, ioevent_remove BAR OFFSET
 *   IOMMU   dma_map IOVA LENGTH, dma_unmap IOVA LENGTH
 */
#ifndef TESTS_UNIT_FAKE_WORLD_H
#define TESTS_UNIT_FAKE_WORLD_H

#include "lend/lend.h"
#include "lib/dma/space.h"
#include "lib/open/device.h"

enum { WORLD_VECTORS = 2048, WORLD_MAPS = 256, WORLD_BAR_BYTES = 0x10000 };

struct world_bar {
	bool placed;
	lend_gpa_t address;
	uint64_t size;
	size_t direct_count;
	struct lend_bar_direct direct[32];
};

struct world_route {
	bool set, committed;
	uint64_t address, next_address;
	uint32_t data, next_data;
	int attached; /* eventfd, -1: none */
	unsigned delivered;
};

struct world_watch {
	int fd;
	lend_watch_fn fn;
	void *opaque;
};

/* Config space as vfio-pci shows it (fake_kernel.c). */
struct fake_kernel {
	uint8_t virt[4096];   /* not 0: the byte reads as `shown` */
	uint8_t shown[4096];  /* its chains */
	uint8_t passed[4096]; /* bits of a write that reach the device */
};

struct world {
	/* The device, as the test describes it before world_open(). */
	uint8_t config[4096];
	uint64_t config_size;
	struct lend_region
		regions[LEND_REGION_COUNT]; /* areas: none means the whole of a memory BAR, if mappable */
	bool unmappable[6], sparse[6];
	struct lend_area areas[6][AREAS_MAX]; /* of a sparse one; regions[].area_count of them */
	unsigned vectors[LEND_IRQ_COUNT];
	bool noresize, can_reset, not_pci;
	unsigned region_count, irq_count;
	struct backend_dependent dependents[8]; /* what a reset of its bus takes along */
	unsigned dependent_count;
	bool by_id, owned, no_bus;
	int fail_reset, fail_bus_reset; /* negative errno that they return */
	bool refuse_notify;
	int notify_fd[2]; /* ERR and REQ; -1: none */
	unsigned grant;   /* vectors that set_irqs gives at the most, 0: all */
	const char *reset_methods;
	bool filtered; /* its config space is behind the kernel's filter, chains included; else it is memory
			*/
	bool dead;     /* everything reads all ones */
	bool lenient;  /* what makes no sense is refused, as a kernel does, and breaks no rule */
	bool fail_reads;
	bool fail_mmap;
	bool iommufd;                      /* opened by that way */
	bool dma_bufs;                     /* the kernel exports BARs */
	int file;                          /* by which its regions can be mapped; 0: none */
	uint8_t bytes[6][WORLD_BAR_BYTES]; /* BARs, at their offset modulo that */
	uint8_t rom[4096];
	unsigned rom_length;           /* bytes that can be read of it */
	uint8_t vga[0xc0000];          /* the legacy VGA region, at their addresses */
	bool no_device_ioeventfd_here; /* VFIO's ioeventfd fails */
	bool no_host_ioeventfd_here;   /* the monitor's does */
	struct {
		unsigned bar;
		struct backend_doorbell at; /* its descriptor stays the test's */
	} doorbells[128];
	unsigned doorbell_count;

	/* What the device was told. */
	int irq_fds[WORLD_VECTORS]; /* -1: none */
	bool msix_on;
	unsigned irq_index;          /* whose vectors irq_fds are: MSI's or MSI-X's */
	int intx_fd, intx_unmask_fd; /* -1: none */
	bool intx_masked;
	uint8_t written[4096]; /* not 0: a config write reached this byte, cleared by the test */

	struct fake_kernel kernel;
	unsigned raw_known; /* bytes of `config` that the library is told as the device's own */

	/* The monitor. */
	struct world_bar bars[7], next_bars[7];
	struct world_route routes[WORLD_VECTORS];
	unsigned route_end; /* no route from here on was ever set */
	struct world_watch watches[WORLD_VECTORS];
	unsigned watch_count;
	bool bar_open, msi_open;
	struct {
		bool raised;
		int attached, resample; /* eventfds, -1: none */
		unsigned delivered;
	} line;
	bool no_bypass;         /* line_attach fails */
	bool refuse_attach;     /* msi_attach fails */
	unsigned fail_detaches; /* the next so many msi_detach fail */
	struct {
		uint64_t nanoseconds; /* 0: not set */
		lend_watch_fn fn;
		void *opaque;
	} timer;
	unsigned fail_bar_commit, fail_bar_unmap; /* the next so many fail */
	unsigned hidden_bars;                     /* bit n: something else answers where BAR n is put */
	unsigned events;
	bool vga_memory, vga_ports;
	unsigned vga_maps_failing; /* the next so many vga_map fail */
	struct lend_ioeventfd ioeventfds[128];
	unsigned ioeventfd_count;
	unsigned device_ioeventfds; /* VFIO's, that are on */

	/* The IOMMU. */
	struct {
		lend_iova_t iova;
		uint64_t length;
		int fd;
	} maps[WORLD_MAPS];
	unsigned map_count;
	bool fail_dma_maps;
	unsigned fail_dma_unmaps; /* the next so many fail */

	/* The record. */
	char (*lines)[64];
	size_t line_count, line_room;
	bool mute;                                    /* keep no record */
	void (*before_function)(struct world *world); /* called by world_open(), or NULL */
	unsigned calls, fail_at; /* calls that can fail; the one that does, from 1, 0: none */
	unsigned dies_at;        /* the call from which on the device is dead, 0: none */
	char violation[160];
	unsigned log_lines, debug_lines;
	uint64_t log_bytes;
	char last_log[512];
	unsigned fds_before;

	/* The objects under test. */
	struct lend_context *context;
	struct lend_space *space;
	struct lend_device *device;
	struct lend_function *function;
	struct lend_error error;
	struct lend_function_config function_config; /* size, place and peer are filled in by world_open() */
	const char *quirks_dir;                      /* NULL: none */
};

/** A device without capabilities or BARs that answers; free with world_free(). */
struct world *world_new(void);
void world_free(struct world *world);

/* Describing the device. */
void world_bar(struct world *world, unsigned index, uint32_t type, uint64_t size);
void world_set(struct world *world, unsigned offset, unsigned length, uint32_t value);
uint32_t world_get(const struct world *world, unsigned offset, unsigned length);
/** Adds a standard capability behind the last one; returns its offset. */
unsigned world_cap(struct world *world, unsigned offset, uint8_t id);
/** MSI-X at config offset 0x50 with its table and PBA. */
void world_msix(struct world *world, unsigned vectors, unsigned bar, uint32_t table, unsigned pba_bar,
		uint32_t pba);
/** PCI Express at config offset 0x80. */
void world_exp(struct world *world, unsigned type, uint32_t devcap);
/** An NVMe drive: PM, PCI Express, MSI-X with its table in BAR 0 (64 bits), AER and DSN. */
void world_nvme(struct world *world);

/** Context, space, domain, device, function; 0 or what failed, with nothing left behind. */
int world_open(struct world *world);
/** Closes what is open and asserts that nothing is left anywhere, and no rule was broken. */
void world_close(struct world *world);

/* The guest. */
uint32_t world_read(struct world *world, unsigned offset, unsigned length);
void world_write(struct world *world, unsigned offset, unsigned length, uint32_t value);
/** Gives the device the VGA region, class VGA, and the function x-vga. */
void world_vga(struct world *world);

/** Writes vector's entry of the MSI-X table through BAR accesses: address, data, then control. */
void world_vector(struct world *world, unsigned vector, uint64_t address, uint32_t data, bool masked);
/** Places BAR 0 at 0xe0000000 (64-bit: upper half 0) and turns memory decode and bus master on. */
void world_start(struct world *world);

/* The device and the loop. */
/** The device signals a vector; false: VFIO has no eventfd for it. */
bool world_interrupt(struct world *world, unsigned vector);
/** MSI at config offset 0x60: `flags` are message control's QMASK, 64BIT and MASKBIT. */
void world_msi(struct world *world, uint32_t flags, unsigned vectors);
/** The device raises its line; false: VFIO has it masked, or has no eventfd. */
bool world_raise(struct world *world);
/** The guest's end of interrupt at the controller, with the bypass. */
void world_eoi(struct world *world);
/** The timer's time has come; false: none is set. */
bool world_timer(struct world *world);
/** What the hypervisor and the event loop do next: deliver what is attached, call watchers. */
void world_run(struct world *world);

/* The record. */
void world_clear(struct world *world);
/** Index of the first line from `from` on that starts with `text`, or -1. */
int world_find(const struct world *world, size_t from, const char *text);
unsigned world_count(const struct world *world, const char *text);
/** Asserts that lines with these beginnings come in this order (NULL ends). */
void world_expect_order(const struct world *world, ...);

#endif
