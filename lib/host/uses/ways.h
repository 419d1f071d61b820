/* SPDX-License-Identifier: MIT */
/*
 * The ways in which a device can be in use: a table with a row for each (ways.c). A new
 * way needs a row, a finder in a file of its own, and two tests: of a device that is in
 * use by it, and of one that is not.
 *
 * Many parts of the kernel use a disk and sysfs has no link for that. Their finders note
 * a claim on a path, and storage.c compares claims with each node.
 */
#ifndef LIB_HOST_USES_WAYS_H
#define LIB_HOST_USES_WAYS_H

#include "lib/host/survey/survey.h"

/* What may be hidden from a user without rights. */
enum sees { SEES_ALL, SEES_PROCESSES, SEES_NAMESPACES };

struct way {
	enum lend_use_kind kind;
	const char *name;
	const char *looks_at;
	enum sees sees;
	void (*find)(struct lend_survey *survey); /* NULL: the finder of a row above finds it, too */
};

/* The table, in the order in which the finders run. */
extern const struct way host_ways[];
extern const size_t host_way_count;

/**
 * Adds a use: a process has a node of the device open, or with `interface` not NULL it
 * takes the frames of that interface. The cure is the command that ends its service.
 */
void survey_holder(struct lend_survey *survey, struct device *device, const struct opened *opened,
		   const char *interface);

/**
 * Adds a use to a device: `from`, which is `as` ("its virtual function"), is in use. The
 * cure is the same.
 */
void use_passed_on(struct lend_survey *survey, struct device *device, enum lend_use_kind kind,
		   const struct device *from, const char *as, const struct lend_use *use);

/** A route of IPv4 or IPv6; a prefix of 0 bits is the default route. */
struct route {
	int family;
	unsigned prefix;
	const void *to; /* the destination, in network byte order */
};

/** Add a use of an interface's device. A route is left out if its family was told already. */
void address_found(struct lend_survey *survey, struct interface *interface, const char *text);
void route_found(struct lend_survey *survey, struct interface *interface, const struct route *route);
void tunnel_found(struct lend_survey *survey, struct interface *interface, const char *name);
/** Another interface is above this one. */
void upper_found(struct lend_survey *survey, struct interface *interface, const char *name);

struct nlmsghdr;
/** A netlink_each_fn for links and routes of our namespace; `opaque` is the survey. */
void links_take(void *opaque, const struct nlmsghdr *message, size_t size);

/** Reads the sockets; before the descriptors of processes are walked over. */
void packets_read(struct lend_survey *survey);
/** Whether a descriptor's target ("socket:[123]") is one of them; notes the process that has it open. */
bool packets_has(const struct lend_survey *survey, const char *target);
void packets_opened(struct lend_survey *survey, const char *target, const struct opened *by);

/**
 * The command that stops the service or the container of a process, and its argument.
 * NULL: it is in none, or in one that is not to be stopped (units.c).
 */
const char *process_unit(struct lend_survey *survey, pid_t pid, char unit[80]);

/** The device that the target of the link `dir`/`name` is, or is below; NULL: none. */
struct device *survey_owner(struct lend_survey *survey, const char *dir, const char *name);

void survey_opened(struct lend_survey *survey);      /* opened.c */
void survey_mounts(struct lend_survey *survey);      /* mounts.c */
void survey_journals(struct lend_survey *survey);    /* journals.c */
void survey_pools(struct lend_survey *survey);       /* pools.c */
void survey_zfs(struct lend_survey *survey);         /* zfs.c */
void survey_swap(struct lend_survey *survey);        /* swap.c */
void survey_crash(struct lend_survey *survey);       /* swap.c */
void survey_hibernation(struct lend_survey *survey); /* swap.c */
void survey_loops(struct lend_survey *survey);       /* loops.c */
void survey_caches(struct lend_survey *survey);      /* caches.c */
void survey_targets(struct lend_survey *survey);     /* targets.c */
void survey_ports(struct lend_survey *survey);       /* ports.c */
void survey_shares(struct lend_survey *survey);      /* shares.c: 9p, virtiofs */
void survey_storage(struct lend_survey *survey);     /* storage.c: what uses disks */
void survey_network(struct lend_survey *survey);     /* network.c */
void survey_routes(struct lend_survey *survey);      /* routes.c */
void survey_links(struct lend_survey *survey);       /* links.c */
void survey_frames(struct lend_survey *survey);      /* frames.c */
void survey_packets(struct lend_survey *survey);     /* packets.c */
void survey_elsewhere(struct lend_survey *survey);   /* elsewhere.c */
void survey_namespaces(struct lend_survey *survey);  /* namespaces.c */
void survey_console(struct lend_survey *survey);     /* console.c */
void survey_early(struct lend_survey *survey);       /* early.c */
void survey_sound(struct lend_survey *survey);       /* sound.c */
void survey_children(struct lend_survey *survey);    /* children.c: mediated devices, DMA channels */
void survey_usb(struct lend_survey *survey);         /* usb.c */
void survey_vendors(struct lend_survey *survey);     /* vendors.c */
void survey_others(struct lend_survey *survey);      /* others.c: VFs, open nodes, VFIO */
void survey_parents(struct lend_survey *survey);     /* parents.c */

/**
 * Notes that a part of the kernel uses `path` (a node, a link to one, or a file of a
 * mounted file system), or the device with the number `path`, "259:3". `by` ends the
 * sentence: "/dev/nvme0n1 BY". NULL: out of memory.
 */
LEND_PRINTF(4, 5)
struct claim *survey_claim(struct lend_survey *survey, enum lend_use_kind kind, const char *path,
			   const char *by, ...);

/** The command that unmounts a point ends a claim; or the host runs from it. */
void claim_unmount(struct claim *claim, const char *point);

/** The host runs from what is claimed. */
void claim_stays(struct claim *claim);

/** Whether a mount point of our namespace is one that the host runs from. */
bool mounts_last(const char *point);

/** A disk, or what is made of it, and which mounts are of it. */
struct mounted {
	struct lend_survey *survey;
	struct device *device;
	const char *name; /* as a person knows it */
	bool (*is_of)(const void *opaque, const struct mount *mount);
	const void *opaque;
};

/** Notes where it is mounted, in the order in which that can be ended. False: nowhere. */
bool mounted_tell(const struct mounted *mounted);

/** Leaves the claim out if the disk is among the mounts. */
void claim_weak(struct claim *claim);

/** Sets the disk that is built on it, by its name in sysfs: its uses are uses of this one. */
void claim_above(struct claim *claim, const char *kernel);

/** Sets the command that ends the claim; none is set if it does not fit. */
LEND_PRINTF(2, 3) void claim_cure(struct claim *claim, const char *format, ...);

#endif
