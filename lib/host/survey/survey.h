/* SPDX-License-Identifier: MIT */
/*
 * The data of a survey. It is filled in this order: devices, nodes, interfaces,
 * uses, and last the words, which need the uses of all members of a group.
 */
#ifndef LIB_HOST_SURVEY_SURVEY_H
#define LIB_HOST_SURVEY_SURVEY_H

#include "lend/survey.h"
#include "lib/host/survey/look.h"
#include "lib/host/sysfs.h"

/* Room for the kinds of uses; a test compares it with the public list. */
enum { USE_KINDS_MAX = 64 };

/* A node in devtmpfs that a driver made for a device. */
struct node {
	char name[64];   /* "nvme0n1p1", "snd/controlC0": as below /dev */
	char kernel[40]; /* "nvme0n1p1", "controlC0": as in sysfs */
	char number[24]; /* "259:3" */
	char whole[40];  /* of a partition: the disk that it is of, as in sysfs; else empty */
	bool is_block, is_partition;
	bool has_owner;
	struct lend_bdf owner;
};

/* A file that a process has open: a node, or another file that belongs to a device. */
struct opened {
	char path[96];
	char number[24]; /* "259:3", if the name is none of the nodes; else empty */
	bool is_block;
	pid_t pid;
	char command[32];
};

/* A mount, in any mount namespace that this user can see. */
struct mount {
	char number[24];
	char source[96];
	char point[128];
	int id, parent;    /* of that namespace: a parent is what it is mounted on */
	pid_t process;     /* one in the namespace; 0: it is ours */
	const char *share; /* "9p" or "virtiofs": the source is a tag; NULL: any other */
};

/* A network interface of a device, in the network namespace that the survey is made in. */
struct interface {
	char name[32];
	long index; /* 0: not known */
	struct device *device;
	unsigned told;                  /* how many of its addresses are among the uses */
	bool has_inet, has_inet6;       /* an address or a route is among the uses */
	bool has_default, has_default6; /* the default route is */
	bool has_other;                 /* a route of another family is */
};

/* A socket that sends and receives frames of an interface itself (AF_PACKET). */
struct packet {
	unsigned long inode;
	struct interface *interface;
	bool has_process; /* its process is among the uses */
};

/* A claim: a part of the kernel works on a path, and sysfs has no link for that (uses/ways.h). */
struct claim {
	enum lend_use_kind kind;
	char path[128];  /* "/dev/nvme0n1"; empty: `number` is used */
	char number[24]; /* "259:0" */
	char file[96];   /* the file on that disk; empty: the claim is on the disk itself */
	char by[128];    /* "is behind /dev/loop0" */
	char above[40];  /* the disk that is made of it, as in sysfs; empty: none */
	char cure[96];   /* a command; empty: none */
	bool stays;      /* the host runs from it */
	bool weak;       /* left out if the disk is among the mounts */
};

struct device {
	struct lend_survey_device seen;
	struct lend_use *uses;
};

struct lend_survey {
	struct lend_context *context;
	bool names_only; /* what uses the devices is not looked for */
	struct device *devices;
	size_t device_count;
	struct node *nodes;
	size_t node_count;
	struct interface *interfaces;
	size_t interface_count;
	struct packet *packets;
	size_t packet_count;
	struct opened *opened;
	size_t opened_count;
	struct mount *mounts;
	size_t mount_count;
	struct claim *claims;
	size_t claim_count;
	bool has_zfs;         /* a file system of ZFS is mounted */
	char root_pool[64];   /* the pool of ZFS that the host runs from; empty: none */
	bool hides_processes; /* procfs does not list those of other users */
	size_t hidden;        /* processes whose descriptors may not be listed */
	size_t hidden_mounts; /* processes whose mount namespace may not be asked for */
	uint64_t looking;     /* the kinds of uses that are looked for now (look.h) */
	struct unread *unread;
	size_t unread_count;
	const char *unseen[USE_KINDS_MAX];
	char unseen_processes[160], unseen_mounts[160];
	int failed; /* the first -ENOMEM */
};

/**
 * Adds a zeroed row of `size` bytes at the end of `*rows`. NULL: out of memory, which
 * the survey notes.
 */
void *survey_row(struct lend_survey *survey, void *rows, size_t *count, size_t size);

/** Looks at one function; -ENOMEM. One that is not there is not added. */
int survey_add(struct lend_survey *survey, const struct lend_bdf *bdf);
/** When all are added: sorts them, and reads what the list of devices does not say. */
void survey_added(struct lend_survey *survey);

/**
 * A survey of some devices, of the others of their groups and of those on their
 * buses, without any use: for who is about to open them. Errors as lend_survey_new().
 */
int survey_near(struct lend_context *context, const struct lend_bdf *devices, size_t count,
		struct lend_survey **out);

/** The device at an address; NULL: there is none. */
struct device *survey_device(struct lend_survey *survey, const struct lend_bdf *bdf);

/** Adds a use to a device. */
LEND_PRINTF(4, 5)
void survey_use(struct lend_survey *survey, struct device *device, enum lend_use_kind kind,
		const char *format, ...);

/* Characters that a shell takes as they are, also between quotes. */
#define SHELL_PLAIN "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_.:@-"

/** Whether a command may have a word as it is, which it has from outside. */
bool survey_is_plain(const char *word);

/** Sets the command that ends the use that was added last. `word` is quoted for a shell if that is needed. */
void survey_cure(struct device *device, const char *command, const char *word);

/** The same with a whole command; none is set if it does not fit. */
LEND_PRINTF(2, 3) void survey_command(struct device *device, const char *format, ...);

/** Nothing ends the use that was added last while this host runs: it runs from it. */
void survey_stays(struct device *device);

/** The use of a device that nothing ends; NULL: there is none. */
const struct lend_use *survey_stays_by(const struct lend_survey_device *device);

/** Notes what this user may not look at. `what` must live as long as the survey. */
void survey_unseen(struct lend_survey *survey, enum lend_use_kind kind, const char *what);

/** Replaces, in place, the escapes of mountinfo and swaps by the characters. */
void mounts_unescape(char *text);

/** Adds a word to the device's interfaces, if it fits. */
void survey_interface(struct device *device, const char *name);

/** The interface with this name, or number; NULL: it belongs to no device. */
struct interface *interface_named(const struct lend_survey *survey, const char *name);
struct interface *interface_at(const struct lend_survey *survey, long index);

/** The adapter whose port of Fibre Channel has this name, 16 hexadecimal digits. False: there is none. */
bool fibre_port(struct lend_survey *survey, const char *name, struct lend_bdf *out);

/** The adapter by which the NVMe controller of this folder is reached. False: it is not by Fibre Channel. */
bool fibre_controller(struct lend_survey *survey, const char *dir, struct lend_bdf *out);

void survey_nodes(struct lend_survey *survey);      /* nodes.c */
void survey_interfaces(struct lend_survey *survey); /* interfaces.c */
void survey_uses(struct lend_survey *survey);       /* uses/ways.c */
void survey_words(struct lend_survey *survey);      /* words.c */

/** The slot path of a device from the target of its link in bus/pci/devices. */
void slot_path(struct lend_context *context, const char *name, const char *target, char *out, size_t size);

/** The serial number that the driver tells, and the one in the device's config space; "": none. */
void device_serial(const char *dir, char out[64]);
void device_dsn(const char *dir, char out[24]);

/** The serial number that was stored when this device was taken; "": none (taking/record.c). */
void host_known_serial(struct lend_context *context, const struct lend_survey_device *device, char out[64]);

/** Whether a device stays with the host because it is a bridge of some kind. */
bool is_of_the_host(const struct lend_survey_device *device);

/**
 * The device above this one that is no bridge, as a VMD for the disks behind it:
 * they are only there while a driver of the host has the VMD. NULL: there is none.
 */
const struct lend_survey_device *survey_owner_above(const struct lend_survey *survey,
						    const struct lend_survey_device *device);

/** What another member of its group means for a device that is to be lent. */
enum member {
	MEMBER_FREE,  /* nothing: no driver of the host has it, or it is not in the group */
	MEMBER_COMES, /* a driver of the host has it, so it has to be taken, too */
	MEMBER_BELOW, /* it is behind another member, and vanishes when that is taken */
	MEMBER_STAYS, /* a driver of the host has it, and it cannot be taken */
};

/** What `other` means for `device`. */
enum member survey_member(const struct lend_survey *survey, const struct lend_survey_device *device,
			  const struct lend_survey_device *other);

#endif
