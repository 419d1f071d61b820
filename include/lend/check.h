/* SPDX-License-Identifier: MIT */
/*
 * Everything between now and a started machine, as data: for the computer, for
 * this user, and for each device, one row a condition, with what cures it. No
 * device is opened and nothing is changed. Any thread. Making a check reads files,
 * and may block for as long as the kernel does; the others do not block.
 */
#ifndef LEND_CHECK_H
#define LEND_CHECK_H

#include "survey.h"

#ifdef __cplusplus
extern "C" {
#endif

enum lend_verdict {
	LEND_PASSED,
	LEND_NOTE,    /* worth knowing; hinders nothing */
	LEND_UNKNOWN, /* it cannot be told from here */
	LEND_FAILED,
};

struct lend_ids;

struct lend_check_row {
	size_t size;                 /* as the library has it */
	const char *topic;           /* one of a fixed set of words: "iommu", "group", ...; static */
	char device[LEND_NAME_SIZE]; /* its address; empty: the computer, or the user */
	enum lend_verdict verdict;
	char text[320];
	/* What cures it; empty where it is none of that kind. */
	char command[320];        /* for a shell, as root */
	char kernel_argument[64]; /* for the kernel's command line, and then a reboot */
	char advice[256];         /* for a person */
};

struct lend_check_options {
	size_t size;
	uint64_t memory;     /* of the machine, in bytes; 0: 512 MiB */
	uint64_t huge_page;  /* bytes of the huge pages that it is made of; 0: none */
	const char *user;    /* the name of who is to run the machine; NULL: root, or not told */
	pid_t shell;         /* the process whose limits a cure raises; 0: none */
	unsigned processors; /* of the machine; 0: 1 */
	bool has_node;       /* its memory is to come from `node` of the computer; else from the devices' */
	unsigned node;
	/*
	 * Only what a monitor asks before it touches anything: KVM, an IOMMU, each device
	 * with its group and its bus, nodes, limits, memory. Nobody else's files are looked
	 * at, so that it takes a millisecond; what uses a device is not said.
	 */
	bool starting;
	/*
	 * The ids that the guest is to find instead of the devices' own: one for each device,
	 * in their order (function.h). Rules and quirks are those of these ids. NULL: none.
	 */
	const struct lend_ids *ids;
	/*
	 * The device is opened for a machine that another process runs: KVM, memory and
	 * processors are not asked about.
	 */
	bool device_alone;
	/*
	 * The processors of the computer that the machine's are to stay on, in the machine's order;
	 * `pin_count` of them, 0: it runs on any.
	 */
	const unsigned *pin;
	size_t pin_count;
};

/**
 * What a machine takes of what the kernel limits, in the process that runs it.
 * Fields that are 0 take nothing.
 */
struct lend_check_needs {
	size_t size;
	uint64_t memory;         /* of the guest, in bytes: it is locked for the devices */
	unsigned processors;     /* threads of the monitor, with a descriptor each */
	unsigned functions;      /* devices */
	unsigned vectors;        /* interrupt vectors of all of them: MSI-X, or else MSI */
	unsigned hidden;         /* devices whose vectors are not in that number, because nobody knows them */
	unsigned areas;          /* parts of BARs that are mapped, of all of them */
	const char *widest;      /* the device that has most vectors, for the sentences; NULL: none */
	unsigned widest_vectors; /* and how many */
	unsigned routes;         /* that the hypervisor has for a machine; 0: as many as Linux' KVM */
	bool iommufd;            /* devices are opened by iommufd, which counts locked memory by user */
};

struct lend_check;

/**
 * Checks; `options` may be NULL. -ENODEV: there is no such device; -ENOMEM; -EINVAL, -E2BIG:
 * the options' size is that of no version; else why sysfs cannot be read. Each with a sentence.
 */
LEND_API int lend_check_new(struct lend_context *context, const struct lend_bdf *devices, size_t count,
			    const struct lend_check_options *options, struct lend_check **out,
			    struct lend_error *error);

/**
 * Checks the limits of this process alone: descriptors, watches, threads, maps,
 * DMA maps, routes, locked memory. It is the part of lend_check_new() that a
 * monitor asks again once it has opened its devices and raised its limits. Of
 * a limit that suffices there may be no row. -ENOMEM; -EINVAL, -E2BIG: the size of the
 * needs is that of no version. Each with a sentence.
 */
LEND_API int lend_check_limits(struct lend_context *context, const struct lend_check_needs *needs,
			       struct lend_check **out, struct lend_error *error);
LEND_API void lend_check_free(struct lend_check *check);

/** The rows in the order in which they are to be cured; NULL beyond the end. */
LEND_API const struct lend_check_row *lend_check_at(const struct lend_check *check, size_t index);

/** Whether no row failed. */
LEND_API bool lend_check_passed(const struct lend_check *check);

/**
 * Writes a row as one sentence: the device, what is so, and what cures it. A cure
 * that would not fit as a whole is left out.
 */
LEND_API void lend_check_sentence(const struct lend_check_row *row, struct lend_error *out);

#ifdef __cplusplus
}
#endif
#endif
