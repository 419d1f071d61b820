/* SPDX-License-Identifier: MIT */
/*
 * The insides of a survey. It is filled in this order: devices, nodes and
 * interfaces, uses, and last the words, which need the uses of all members of
 * a group.
 */
#ifndef LIB_HOST_SURVEY_SURVEY_H
#define LIB_HOST_SURVEY_SURVEY_H

#include "lend/survey.h"
#include "lib/host/sysfs.h"

/* A node in devtmpfs that a driver made for a device. */
struct node {
	char name[64];   /* "nvme0n1p1", "snd/controlC0": as below /dev */
	char kernel[40]; /* "nvme0n1p1", "controlC0": as in sysfs */
	char number[24]; /* "259:3" */
	bool is_block, is_partition;
	bool has_owner;
	struct lend_bdf owner;
};

/* An open file of a process: a node, or what stands for a device in another way. */
struct opened {
	char path[96];
	char number[24]; /* of a node whose name is not among the nodes: "259:3"; else empty */
	bool is_block;
	pid_t pid;
	char command[32];
};

/* One mount, of any mount namespace that can be seen. */
struct mount {
	char number[24];
	char source[96];
	char point[128];
};

/* A network interface of a device, in the network namespace that the survey is made in. */
struct interface {
	char name[32];
	long index; /* 0: not known */
	struct device *device;
	unsigned told;            /* addresses that are among the uses */
	bool has_inet, has_inet6; /* an address or a route is among the uses */
	bool has_default, has_default6;
	bool has_other; /* a route of another family is */
};

/* A socket that sends and receives frames of one interface, past all addresses. */
struct packet {
	unsigned long inode;
	struct interface *interface;
	bool has_process; /* the process is told */
};

/* What a part of the kernel works on without a link to it; see uses/ways.h. */
struct claim {
	enum lend_use_kind kind;
	char path[128];  /* "/dev/nvme0n1"; empty: `number` says it */
	char number[24]; /* "259:0" */
	char file[96];   /* the file on it that is meant; empty: the disk itself */
	char by[128];    /* "is behind /dev/loop0" */
	char above[40];  /* the disk that is made of it, as in sysfs; empty: none */
	char cure[96];
	bool weak; /* nothing new where the disk is seen to be mounted */
};

struct device {
	struct lend_survey_device seen;
	struct lend_use *uses;
};

struct lend_survey {
	struct lend_context *context;
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
	bool has_zfs;         /* one is mounted */
	bool hides_processes; /* procfs does not list those of other users */
	size_t hidden;        /* processes whose descriptors may not be listed */
	size_t hidden_mounts; /* processes whose mount namespace may not be asked for */
	const char *unseen[LEND_USE_CRASH + 1];
	char unseen_processes[160], unseen_mounts[160];
	int failed; /* the first -ENOMEM */
};

/**
 * Makes room for one more row of `size` bytes at the end of `*rows`, zeroed.
 * NULL: no memory, noted in the survey.
 */
void *survey_row(struct lend_survey *survey, void *rows, size_t *count, size_t size);

struct device *survey_device(struct lend_survey *survey, const struct lend_bdf *bdf);

/** Adds a use to a device. */
LEND_PRINTF(4, 5)
void survey_use(struct lend_survey *survey, struct device *device, enum lend_use_kind kind,
		const char *format, ...);

/** The command that ends the use that was added last; `word` is quoted for a shell where it must be. */
void survey_cure(struct device *device, const char *command, const char *word);

/** The same, as a whole; nothing where it does not fit. */
LEND_PRINTF(2, 3) void survey_command(struct device *device, const char *format, ...);

/** Notes what could not be looked at for want of rights; `what` is a string that stays. */
void survey_unseen(struct lend_survey *survey, enum lend_use_kind kind, const char *what);

/** Undoes mountinfo's and swaps' escapes, in place. */
void mounts_unescape(char *text);

/** Adds a word to the device's interfaces, if it fits. */
void survey_interface(struct device *device, const char *name);

/** The interface of that name, or number; NULL: it is no device's. */
struct interface *interface_named(const struct lend_survey *survey, const char *name);
struct interface *interface_at(const struct lend_survey *survey, long index);

void survey_nodes(struct lend_survey *survey);      /* nodes.c */
void survey_interfaces(struct lend_survey *survey); /* interfaces.c */
void survey_uses(struct lend_survey *survey);       /* uses/ways.c */
void survey_words(struct lend_survey *survey);      /* words.c */

/** The slot path of a device from the target of its link in bus/pci/devices. */
void slot_path(struct lend_context *context, const char *name, const char *target, char *out, size_t size);

/** What the driver tells, and what the device's configuration space has; "" where there is none. */
void device_serial(const char *dir, char out[64]);
void device_dsn(const char *dir, char out[24]);

/** The serial number that was remembered when this very device was taken; "": none (record.c). */
void host_known_serial(struct lend_context *context, const struct lend_survey_device *device, char out[64]);

/** Whether a device is a part of the computer that stays with the host: a bridge of whatever kind. */
bool is_of_the_host(const struct lend_survey_device *device);

/**
 * The device above this one that is no bridge, and that has it only as long as
 * a driver of the host works with it: a VMD, for the disks behind it. NULL: none.
 */
const struct lend_survey_device *survey_owner_above(const struct lend_survey *survey,
						    const struct lend_survey_device *device);

/** What another member of its group means for a device that is to be lent. */
enum member {
	MEMBER_FREE,  /* nothing: no driver that counts has it. Also what is not of the group */
	MEMBER_COMES, /* a driver of the host has it: it has to be taken too */
	MEMBER_BELOW, /* it is behind another member, and goes when that is taken */
	MEMBER_STAYS, /* a driver of the host has it, and it cannot be taken */
};

enum member survey_member(const struct lend_survey *survey, const struct lend_survey_device *device,
			  const struct lend_survey_device *other);

#endif
