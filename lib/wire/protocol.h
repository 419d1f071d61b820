/* SPDX-License-Identifier: MIT */
/*
 * What vfio-user puts on the wire: numbers and layouts, and no code. Integers are
 * those of the host, structs have no gaps. The client is the monitor, the server
 * the device. The numbers of regions, interrupts and their flags are those of
 * linux/vfio.h; lib/sys/abi_pins.c has pinned them.
 */
#ifndef LIB_WIRE_PROTOCOL_H
#define LIB_WIRE_PROTOCOL_H

#include <assert.h>
#include <stdint.h>

enum wire_command {
	WIRE_VERSION = 1,
	WIRE_DMA_MAP,
	WIRE_DMA_UNMAP,
	WIRE_GET_INFO,
	WIRE_GET_REGION_INFO,
	WIRE_GET_REGION_IO_FDS,
	WIRE_GET_IRQ_INFO,
	WIRE_SET_IRQS,
	WIRE_REGION_READ,
	WIRE_REGION_WRITE,
	WIRE_DMA_READ, /* from the server */
	WIRE_DMA_WRITE,
	WIRE_RESET,
	WIRE_REGION_WRITE_MULTI = 15,
	WIRE_FEATURE,
	WIRE_MIG_DATA_READ,
	WIRE_MIG_DATA_WRITE,
};

/** wire_header.flags. */
enum {
	WIRE_TYPE = 0xf, /* 0: a command */
	WIRE_REPLY = 1,
	WIRE_NO_REPLY = 0x10, /* the command gets no reply, also if it fails */
	WIRE_ERROR = 0x20,    /* of a reply: wire_header.error says why */
};

struct wire_header {
	uint16_t id; /* chosen by the sender of the command; a reply has its command's */
	uint16_t command;
	uint32_t size; /* of the whole message, this header included */
	uint32_t flags;
	uint32_t error; /* errno of an error reply; 0 is read as EINVAL */
};
static_assert(sizeof(struct wire_header) == 16, "header");

/** Limits that both sides have unless they say another. */
enum {
	WIRE_MAJOR = 0,
	WIRE_MINOR = 2,          /* the highest that is spoken here */
	WIRE_DATA_MAX = 1 << 20, /* bytes of data in a message */
	/** Bytes of a message: the data, and the largest fixed part before it. */
	WIRE_MESSAGE_MAX = WIRE_DATA_MAX + 64,
	WIRE_FDS_MAX = 16, /* descriptors of a message that are taken here */
	WIRE_MAPS_MAX = 65535,
	WIRE_VERSION_MAX = 4096, /* bytes of the payload of WIRE_VERSION */
};

/** Followed by JSON text with its NUL. */
struct wire_version {
	uint16_t major, minor;
};

enum { WIRE_DMA_READABLE = 1, WIRE_DMA_WRITABLE = 2, WIRE_DMA_BY_MMAP = 4, WIRE_DMA_BY_FILE = 8 };

struct wire_dma_map {
	uint32_t argsz, flags;
	uint64_t offset; /* in the descriptor */
	uint64_t address, size;
};
static_assert(sizeof(struct wire_dma_map) == 32, "dma map");

enum { WIRE_UNMAP_DIRTY = 1, WIRE_UNMAP_ALL = 2 };

struct wire_dma_unmap {
	uint32_t argsz, flags;
	uint64_t address, size;
};
static_assert(sizeof(struct wire_dma_unmap) == 24, "dma unmap");

enum { WIRE_INFO_RESET = 1, WIRE_INFO_PCI = 2 };

struct wire_info {
	uint32_t argsz, flags, regions, irqs;
};
static_assert(sizeof(struct wire_info) == 16, "info");

enum { WIRE_REGION_CAN_READ = 1, WIRE_REGION_CAN_WRITE = 2, WIRE_REGION_CAN_MAP = 4, WIRE_REGION_CAPS = 8 };

struct wire_region_info {
	uint32_t argsz, flags, index;
	uint32_t cap_offset; /* from the payload's start; 0: no capability follows */
	uint64_t size;
	uint64_t offset; /* of the region's first byte in the descriptor */
};
static_assert(sizeof(struct wire_region_info) == 32, "region info");

enum { WIRE_CAP_SPARSE = 1 };

/** At cap_offset; `next` is from the payload's start, 0: the last one. */
struct wire_cap {
	uint16_t id, version;
	uint32_t next;
};
static_assert(sizeof(struct wire_cap) == 8, "capability");

/** Follows a wire_cap with WIRE_CAP_SPARSE; then `count` areas. */
struct wire_sparse {
	uint32_t count, reserved;
};

struct wire_area {
	uint64_t offset, size;
};

/** Followed by `count` entries. The stride of entries is (argsz - 16) / count. */
struct wire_region_io_fds {
	uint32_t argsz, flags, index, count;
};

enum { WIRE_IO_FD_IOEVENTFD = 0 };
/** struct wire_io_fd.flags are KVM's: KVM_IOEVENTFD_FLAG_DATAMATCH and _PIO. */
enum { WIRE_IO_FD_DATAMATCH = 1, WIRE_IO_FD_PIO = 2 };

struct wire_io_fd {
	uint64_t offset, size;
	uint32_t fd_index, type;
	uint32_t flags, pad;
	uint64_t datamatch;
};
static_assert(sizeof(struct wire_io_fd) == 40, "ioeventfd");

enum { WIRE_IRQ_EVENTFD = 1, WIRE_IRQ_MASKABLE = 2, WIRE_IRQ_AUTOMASKED = 4, WIRE_IRQ_NORESIZE = 8 };

struct wire_irq_info {
	uint32_t argsz, flags, index, count;
};
static_assert(sizeof(struct wire_irq_info) == 16, "irq info");

/** struct wire_set_irqs.flags: one of the first three, and one of the others. */
enum {
	WIRE_IRQS_NONE = 1,
	WIRE_IRQS_BOOL = 2, /* a byte for each interrupt follows */
	WIRE_IRQS_EVENTFD = 4,
	WIRE_IRQS_DATA = 7,
	WIRE_IRQS_MASK = 8,
	WIRE_IRQS_UNMASK = 16,
	WIRE_IRQS_TRIGGER = 32,
	WIRE_IRQS_ACTION = 56,
};

struct wire_set_irqs {
	uint32_t argsz, flags, index, start, count;
};
static_assert(sizeof(struct wire_set_irqs) == 20, "set irqs");

/** Followed by the data, in a write and in the reply to a read. */
struct wire_region_access {
	uint64_t offset;
	uint32_t region, count;
};
static_assert(sizeof(struct wire_region_access) == 16, "region access");

struct wire_dma_access {
	uint64_t address, count;
};
static_assert(sizeof(struct wire_dma_access) == 16, "dma access");

/** Followed by `count` writes; the reply is the number that was done. */
struct wire_write_multi {
	uint64_t count;
};

struct wire_one_write {
	uint64_t offset;
	uint32_t region, count; /* count: 1 to 8 bytes */
	uint8_t data[8];
};
static_assert(sizeof(struct wire_one_write) == 24, "one write");

struct wire_feature {
	uint32_t argsz, flags;
};

#endif
