/* SPDX-License-Identifier: MIT */
/*
 * A PCI function of software, which runs in a process of its own: the server's side
 * of vfio-user. A monitor connects to its socket as the client, and shows the
 * function to a guest. The caller describes the function, and answers accesses to
 * its BARs; the library does the rest: messages, config space with its standard
 * capabilities, guest memory, and interrupts.
 *
 * Rules:
 *  - one thread uses a server; all slots are called in it, from lend_server_work().
 *    A slot may call the server's functions, but not lend_server_work() nor
 *    lend_server_free();
 *  - the library starts no thread and no loop. It has one descriptor to wait for:
 *    lend_server_fd();
 *  - one client at a time. When it goes, or breaks the protocol, its memory and its
 *    descriptors go, the device is reset, and the next client is accepted;
 *  - nothing of the client is trusted. A device's own code must treat what it reads
 *    from guest memory alike: it can change between two reads.
 */
#ifndef LEND_SERVER_H
#define LEND_SERVER_H

#include <sys/uio.h>

#include "backend.h"
#include "context.h"
#include "function.h"

#ifdef __cplusplus
extern "C" {
#endif

struct lend_server;

/** A set of properties of a described BAR. */
enum lend_server_bar {
	LEND_SERVER_BAR_IO = 1,       /* I/O ports, at most 256 bytes */
	LEND_SERVER_BAR_PREFETCH = 2, /* memory without side effects of a read */
	LEND_SERVER_BAR_64 = 4,       /* its address has 64 bits: it takes the next BAR, too */
};

/** An eventfd that a write of the guest signals, instead of a message. The client may ignore it. */
struct lend_server_doorbell {
	uint64_t offset; /* in the region */
	unsigned length; /* of the write: 1, 2, 4 or 8 bytes; 0: of any length */
	bool match;      /* writes of `data` alone */
	uint64_t data;
	int fd; /* an eventfd; stays the caller's, and open as long as the server is there */
};

/** A region of the function. All zero: it does not have it. */
struct lend_server_region {
	uint64_t size; /* bytes; of a BAR a power of two */
	bool readable, writable;
	/**
	 * What the client may map instead of asking: `fd` has the region's bytes from
	 * `offset` on. 0 or -1: nothing can be mapped. The descriptor stays the caller's.
	 */
	int fd;
	uint64_t offset;
	const struct lend_area *areas; /* the parts that can be mapped, whole pages; NULL: all of it */
	unsigned area_count;
	const struct lend_server_doorbell *doorbells;
	unsigned doorbell_count;
};

/** A capability in the first 256 bytes that the library does not make itself, as virtio's. */
struct lend_server_capability {
	uint8_t id;
	uint8_t length;          /* bytes, with the two of id and link */
	const uint8_t *bytes;    /* length - 2 bytes that follow the link */
	const uint8_t *writable; /* as many: the bits that a write changes; NULL: none */
};

/**
 * The described config space. The library makes the header and these capabilities:
 * power management, PCI Express, MSI, MSI-X, and those of the caller, in this order.
 */
struct lend_server_config {
	uint16_t vendor, device, subsystem_vendor, subsystem;
	uint32_t class_code; /* 24 bits */
	uint8_t revision;
	uint8_t bars[LEND_DEVICE_BARS]; /* a set of enum lend_server_bar each */
	bool intx;                      /* it has a line, pin A */
	bool express;                   /* it is a PCI Express endpoint, with 4096 bytes of config space */
	unsigned msi;                   /* vectors: 0, 1, 2, 4, 8, 16 or 32 */
	unsigned msix;                  /* vectors: 0 to 2048 */
	/**
	 * Where the MSI-X table (16 bytes a vector) and the pending bits (8 bytes for
	 * 64 vectors) are: a BAR, and offsets in it, multiples of 8. The library
	 * answers accesses there; no part with them can be mapped.
	 */
	unsigned msix_bar;
	uint32_t msix_table, msix_pending;
	const struct lend_server_capability *capabilities;
	unsigned capability_count;
};

/** Why the device is reset. */
enum lend_server_why {
	LEND_SERVER_ASKED, /* the client asked, or the guest by a function level reset */
	LEND_SERVER_LOST,  /* the client is gone */
};

/** What the device does. A slot that is NULL, or does not lie within `size`, is absent. */
struct lend_server_ops {
	size_t size; /* sizeof(struct lend_server_ops) as the caller was compiled */

	/**
	 * One access of the client to a region, little endian: 1, 2, 4 or 8 bytes
	 * mostly, but any number up to 1 MiB; it lies within the region. Bytes that
	 * the library answers itself (config space that is described, the MSI-X
	 * table) do not come here. Returns how many bytes were read or written, or a
	 * negative errno, which the client gets. The slots must be there if the
	 * device has such a region.
	 */
	int (*read)(void *dev, unsigned region, uint64_t offset, void *data, unsigned length);
	int (*write)(void *dev, unsigned region, uint64_t offset, const void *data, unsigned length);
	/** Makes the device as it is after power-on. No access to guest memory may follow. */
	int (*reset)(void *dev, enum lend_server_why why);
	/**
	 * The client wrote bytes [offset, offset + length) of the described config
	 * space, and the library has stored them: lend_server_config_read() has them.
	 */
	void (*config_written)(void *dev, unsigned offset, unsigned length);
	/**
	 * The client is about to read bytes of the config space in a capability of
	 * the caller: lend_server_config_set() sets what it reads.
	 */
	void (*config_read)(void *dev, unsigned offset, unsigned length);
	/**
	 * Guest memory comes, and goes. When `unmap` returns, the device must not
	 * touch it any more: it waits for what is in flight. Pointers that
	 * lend_server_memory() gave for it end here. `map`: va is NULL if the memory
	 * is reached by messages alone. An error of `map` refuses it.
	 */
	int (*map)(void *dev, const struct lend_domain_map *map);
	void (*unmap)(void *dev, lend_iova_t iova, uint64_t length);
	/**
	 * The client sets interrupts up, as lend_transport_ops.set_irqs: the eventfds
	 * are the client's own, and stay open until they are replaced. If the slot is
	 * there, it does all that SET_IRQS asks for, and lend_server_signal() and
	 * lend_server_line() do nothing: a device passes it on to VFIO.
	 */
	int (*set_irqs)(void *dev, const struct lend_irqs *irqs);
	/** The mode of interrupts, or the set of vectors that the client listens to, has changed. */
	void (*irqs_changed)(void *dev);
	/**
	 * The client is gone, or the server is freed while it is there: called before all
	 * else. The device stops its interrupts, and what it does to guest memory. Slot
	 * `unmap` follows for each map, and then slot `reset`, unless the server is freed.
	 */
	void (*lost)(void *dev);
	/** The server is freed: no slot is called any more, so that `dev` can go. */
	void (*close)(void *dev);
};

/** A device that is to be served. Start from all zero, and set `size`. Everything is copied but `ops`. */
struct lend_server_device {
	size_t size;
	const char *name; /* for messages; NULL: "device" */
	/**
	 * By index (LEND_REGION_ROM and its like). If `config` is there, the sizes of
	 * LEND_REGION_CONFIG are the library's.
	 */
	struct lend_server_region regions[LEND_REGION_COUNT];
	const struct lend_server_config *config; /* NULL: accesses to config space go to the slots */
	/** Without `config`: the interrupts that the device has. */
	struct lend_irq_info irqs[LEND_IRQ_COUNT];
	bool cannot_reset; /* the client is told that it cannot reset the device */
	/**
	 * Slots `read`, `write`, `map`, `set_irqs` and `irqs_changed` may be called while
	 * the device waits in lend_server_read_memory() and its like, if it does not wait
	 * in a slot. A client whose processors cannot go on before the server has answered
	 * needs that: QEMU's at each access, and at each end of a line interrupt. Memory
	 * that is reached by messages alone may also go meanwhile; slot `unmap` is not
	 * called for that, since there are no pointers to it.
	 * False: what the client asks for meanwhile is kept.
	 */
	bool nests;
	const struct lend_server_ops *ops;
	void *dev; /* handed to each slot */
};

/**
 * Makes a server, which the caller frees. `context` takes its lines of log, and must
 * outlive it. It does not listen yet. Does not block.
 *
 * -EINVAL: the description contradicts itself, and the sentence says where; -E2BIG:
 * a field is set that this library does not know; -ENOMEM.
 */
LEND_API int lend_server_new(struct lend_context *context, const struct lend_server_device *device,
			     struct lend_server **out, struct lend_error *error);

/**
 * Makes a server that shows a device of the host, which is open, to a client. The caller
 * frees it, before the function and the device. `function` is one on that device, made
 * with lend_function_config.no_intx, and reset. Nothing else may use the device, or map
 * into its space.
 *
 *  - The client has the regions and interrupts that VFIO says. It maps BARs by VFIO's own
 *    descriptor of the device, unless the function has no_mmap. Accesses by messages go
 *    to the device as they are, and its eventfds to VFIO. So no code of this process runs
 *    while the client and the device work.
 *  - Not shown: the legacy VGA ranges, the host's requests for the device, and maps of
 *    BARs below a page. The ROM is that of the function.
 *  - Memory that the client maps with a file is mapped into the device's space, which
 *    pins it. The device does not reach memory without a file, and that is no error.
 *  - A reset is lend_context_reset(), also when the client is gone. Before that the
 *    interrupts and the bus master are turned off, and the client's memory is unmapped.
 *  - While the function is gone (lend_function_gone()), the client reads all ones.
 *
 * -EINVAL: the function takes the line interrupt; else as lend_server_new(). The server
 * blocks for as long as the library does in a reset, and while memory is pinned.
 */
LEND_API int lend_server_new_for(struct lend_function *function, struct lend_server **out,
				 struct lend_error *error);

/** Closes its client and its socket. Slot `unmap` is called for what is mapped; then no slot any more. */
LEND_API void lend_server_free(struct lend_server *server);

/**
 * Listens at `path` with mode 0600. A socket there that nobody listens at is
 * replaced; the path is removed when the server is freed. -EADDRINUSE: somebody
 * listens there; -EACCES: that cannot be told; -EEXIST: something else is there;
 * -ENAMETOOLONG: above 107 bytes.
 */
LEND_API int lend_server_listen(struct lend_server *server, const char *path, struct lend_error *error);

/**
 * Takes a socket that listens, or that is connected to its only client. If it returns 0,
 * `fd` is the server's; after an error it stays the caller's. -ENOTSOCK, -EINVAL: it is no
 * stream socket of the Unix domain; -ENOTCONN: it neither listens nor is connected.
 */
LEND_API int lend_server_take(struct lend_server *server, int fd, struct lend_error *error);

/** A descriptor that is readable when lend_server_work() has work. It stays the server's, and the same. */
LEND_API int lend_server_fd(const struct lend_server *server);

/**
 * Does what there is to do, and returns: accepts a client, carries out what it asks,
 * sends what is left to send. At most some 64 messages a call, so that a device's own
 * work is not held up by a client. It blocks only as the slots do, and in
 * lend_server_read_memory() and its like. -ESHUTDOWN: the only client of a connected
 * socket is gone; else 0.
 */
LEND_API int lend_server_work(struct lend_server *server);

/** Whether a client is connected and has told its version. */
LEND_API bool lend_server_connected(const struct lend_server *server);

/**
 * The guest memory at [iova, iova + length) as pieces of the caller's memory, at most
 * `max`; a range that spans maps has several. `access`: what the caller will do, a set
 * of enum lend_access. They may be used until slot `unmap` for a part of it, or until
 * the slots `reset` or the client's end.
 *
 * Returns how many pieces. -EFAULT: a part is not mapped, or not for this access;
 * -EREMOTE: a part is reached by messages alone: use lend_server_read_memory();
 * -E2BIG: it has more than `max` pieces; -EINVAL: it is empty or wraps.
 *
 * The client can cut its file short while the caller uses a piece: the kernel sends
 * SIGBUS then. See lend_server_bus_error().
 */
LEND_API int lend_server_memory(struct lend_server *server, lend_iova_t iova, uint64_t length,
				unsigned access, struct iovec *out, unsigned max);

/**
 * Copies guest memory. By messages where there is no other way: it blocks until the
 * client has answered, for the whole copy 5 s at most, and 1 s for each MiB more; what
 * the client asks for meanwhile is kept, or carried out (lend_server_device.nests).
 * Better not in slots `read` and `write`: the client may not answer before it has their
 * answer.
 * -EFAULT: a part is not mapped, or not for this access, or went meanwhile; -EIO: the
 * client refused; -ECANCELED: it has asked for a reset, which comes next; -ETIMEDOUT and
 * -ENOTCONN: it did not answer, or is gone. After the first -ETIMEDOUT
 * it does not wait again, until the client has answered something.
 */
LEND_API int lend_server_read_memory(struct lend_server *server, lend_iova_t iova, void *data,
				     uint64_t length);
LEND_API int lend_server_write_memory(struct lend_server *server, lend_iova_t iova, const void *data,
				      uint64_t length);

/**
 * Called from the program's handler of SIGBUS with siginfo_t.si_addr, if the kernel sent
 * it (siginfo_t.si_code is above 0). True: the address is in guest memory of a server of
 * this process. The map counts as broken then, and has zeros in it: the handler returns,
 * and the access is done again. False: it is another error. Safe in a signal handler.
 */
LEND_API bool lend_server_bus_error(void *address);

/** What interrupts the client has switched on: LEND_IRQ_INTX, LEND_IRQ_MSI or LEND_IRQ_MSIX; -1: none. */
LEND_API int lend_server_irq_mode(const struct lend_server *server);

/**
 * Signals vector `vector` of MSI or MSI-X, whichever is on. If it is masked, or the
 * client does not listen to it, it is pending, and is signalled when that ends. Without
 * MSI and MSI-X it does nothing. One system call.
 */
LEND_API void lend_server_signal(struct lend_server *server, unsigned vector);

/**
 * Sets the level of the line. It is signalled, and masked, when it is up, not masked,
 * and not disabled in the command register; and again at each unmask while it is up.
 */
LEND_API void lend_server_line(struct lend_server *server, bool up);

/** Reads and sets bytes of the described config space: 0, or -EINVAL beyond its end. No slot is called. */
LEND_API int lend_server_config_read(const struct lend_server *server, unsigned offset, void *data,
				     unsigned length);
LEND_API int lend_server_config_set(struct lend_server *server, unsigned offset, const void *data,
				    unsigned length);

/** Where the `index`-th capability of the caller is in config space. 0: there is none. */
LEND_API unsigned lend_server_capability(const struct lend_server *server, unsigned index);

#ifdef __cplusplus
}
#endif
#endif
