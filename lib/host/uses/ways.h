/* SPDX-License-Identifier: MIT */
/*
 * The ways in which a device can be in use, one row each (ways.c). Whoever
 * adds a way adds a row, a finder in a file of its own, and a test of what is
 * in use by it and of what is not.
 *
 * Many parts of the kernel work on a disk without a link to it in sysfs: their
 * finders note a claim on a path, and storage.c compares it with each node.
 */
#ifndef LIB_HOST_USES_WAYS_H
#define LIB_HOST_USES_WAYS_H

#include "lib/host/survey/survey.h"

/* What only someone with rights sees the whole of. */
enum sees { SEES_ALL, SEES_PROCESSES, SEES_NAMESPACES };

struct way {
	enum lend_use_kind kind;
	const char *name;
	const char *looks_at;
	enum sees sees;
	void (*find)(struct lend_survey *survey); /* NULL: a row above finds it as well */
};

/* In the order in which they are looked at. */
extern const struct way host_ways[];
extern const size_t host_way_count;

/**
 * Notes that a process has a node of the device open, with the command that
 * ends its service; `interface`: that it takes the frames of that interface. May be NULL.
 */
void survey_holder(struct lend_survey *survey, struct device *device, const struct opened *opened,
		   const char *interface);

/** A route of IPv4 or IPv6; a prefix of 0 bits is the default route. */
struct route {
	int family;
	unsigned prefix;
	const void *to; /* in network order */
};

/** Notes what an interface has; a route only where nothing of its family was told. */
void address_found(struct lend_survey *survey, struct interface *interface, const char *text);
void route_found(struct lend_survey *survey, struct interface *interface, const struct route *route);
void tunnel_found(struct lend_survey *survey, struct interface *interface, const char *name);

/** A netlink_each_fn for links and routes of our namespace; `opaque` is the survey. */
struct nlmsghdr;
void links_take(void *opaque, const struct nlmsghdr *message, size_t size);

/** Reads which sockets there are, before processes' descriptors are walked over; and each that is found
 * there. */
void packets_read(struct lend_survey *survey);
bool packets_has(const struct lend_survey *survey, const char *target);
void packets_opened(struct lend_survey *survey, const char *target, const struct opened *by);

/**
 * The command that stops the service or the container that a process belongs
 * to, and what to give it; NULL: it is in none, or in one that is not to be stopped (units.c).
 */
const char *process_unit(struct lend_context *context, pid_t pid, char unit[80]);

/** The device that the link `dir`/`name` leads to or below; NULL: none. */
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
void survey_storage(struct lend_survey *survey);     /* storage.c: what uses disks */
void survey_network(struct lend_survey *survey);     /* network.c */
void survey_routes(struct lend_survey *survey);      /* routes.c */
void survey_links(struct lend_survey *survey);       /* links.c */
void survey_packets(struct lend_survey *survey);     /* packets.c */
void survey_elsewhere(struct lend_survey *survey);   /* elsewhere.c */
void survey_namespaces(struct lend_survey *survey);  /* namespaces.c */
void survey_console(struct lend_survey *survey);     /* console.c */
void survey_sound(struct lend_survey *survey);       /* sound.c */
void survey_children(struct lend_survey *survey);    /* children.c: mediated devices, DMA channels */
void survey_usb(struct lend_survey *survey);         /* usb.c */
void survey_vendors(struct lend_survey *survey);     /* vendors.c */
void survey_others(struct lend_survey *survey);      /* others.c: VFs, open nodes, VFIO */
void survey_parents(struct lend_survey *survey);     /* parents.c */

/**
 * Notes that a part of the kernel works on `path` (a node, a link to one, or a
 * file of a mounted file system) or on the device `path` "259:3". `by` ends a
 * sentence: "/dev/nvme0n1 BY". NULL: no memory.
 */
LEND_PRINTF(4, 5)
struct claim *survey_claim(struct lend_survey *survey, enum lend_use_kind kind, const char *path,
			   const char *by, ...);

/** Nothing is said of a claim where the disk is seen to be mounted. */
void claim_weak(struct claim *claim);

/** The disk that is made of it, by its name in sysfs: what uses that uses this. */
void claim_above(struct claim *claim, const char *kernel);

/** The command that ends a claim; none where it does not fit. */
LEND_PRINTF(2, 3) void claim_cure(struct claim *claim, const char *format, ...);

#endif
