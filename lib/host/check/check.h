/* SPDX-License-Identifier: MIT */
/* The data of a check. Rows are added in the order in which they are to be cured. */
#ifndef LIB_HOST_CHECK_CHECK_H
#define LIB_HOST_CHECK_CHECK_H

#include "lend/check.h"
#include "lib/host/survey/survey.h"
#include "lib/rules/rules.h"

struct lend_check {
	struct lend_context *context;
	struct lend_survey *survey;
	const struct lend_survey_device **devices;
	size_t device_count;
	struct lend_check_options options;
	struct lend_check_row *rows;
	size_t row_count;
	const struct rules *rules;   /* of the user; NULL: there are none, or a row says what is wrong */
	bool has_iommu;              /* an IOMMU is on, but perhaps not for each device */
	struct lend_check_row spare; /* used if memory runs out; the check fails then */
};

/** Adds a row; never NULL. */
LEND_PRINTF(5, 6)
struct lend_check_row *check_row(struct lend_check *check, const char *topic,
				 const struct lend_survey_device *device, enum lend_verdict verdict,
				 const char *format, ...);

/** Fills one of a row's cures. */
#define CHECK_CURE(row, field, ...) snprintf((row)->field, sizeof((row)->field), __VA_ARGS__)

/** Whether a member of its group that is not checked itself keeps it from being lent. */
bool check_is_hindered(const struct lend_check *check, const struct lend_survey_device *device);

/* A parameter of the kernel, and the value of it that switches something off; NULL: it has no value. */
struct cmdline_switch {
	const char *name, *off;
	const char *on; /* the value that undoes it, if it comes later; NULL: none does */
};

/** Whether the kernel's command line has one of them in effect; `out`: the parameter as it is there. */
bool cmdline_off(struct lend_check *check, const struct cmdline_switch *switches, size_t count, char out[64]);

/** Whether it has that value of a parameter. */
bool cmdline_has(struct lend_check *check, const char *name, const char *value);

/** Whether the flags of the processor have this one; false where there are none. */
bool check_processor_has(struct lend_check *check, const char *flag);

/** Fills in why no IOMMU is on, and what switches it on (check_iommu.c). */
void check_explain_no_iommu(struct lend_check *check, struct lend_check_row *row);

void check_computer(struct lend_check *check); /* IOMMU, interrupt remapping, vfio-pci, KVM */
void check_kernel(struct lend_check *check);   /* kernels that are known to lack a fix */
void check_user(struct lend_check *check);     /* nodes, limits, memory */
void check_memory(struct lend_check *check);
void check_populate(struct lend_check *check); /* how long that takes; it takes a little of it */
void check_node_of(struct lend_check *check, const struct lend_survey_device *device);
void check_processors(struct lend_check *check); /* those that the guest's are pinned to */
/** The node that memory was asked for of, or that of the first device that has one; -1: any. */
int check_wanted_node(const struct lend_check *check);
void check_limits(struct lend_check *check, const struct lend_check_needs *needs);
void check_device(struct lend_check *check, const struct lend_survey_device *device);
void check_group(struct lend_check *check, const struct lend_survey_device *device);
void check_acs(struct lend_check *check, const struct lend_survey_device *device);
void check_rules(struct lend_check *check); /* the user's files of rules; before each device */
void check_rules_of(struct lend_check *check, const struct lend_survey_device *device);
void check_reset(struct lend_check *check, const struct lend_survey_device *device);
void check_reserved(struct lend_check *check, const struct lend_survey_device *device);
void check_line(struct lend_check *check, const struct lend_survey_device *device);
void check_bars(struct lend_check *check, const struct lend_survey_device *device);

/** The ids that the guest is to find: those of the options, or the device's own. */
struct rule_ids check_ids(const struct lend_check *check, const struct lend_survey_device *device);

/** The device's config space, as far as this user may read it. The caller frees it. NULL: nothing of it. */
unsigned char *check_config(const struct lend_check *check, const struct lend_survey_device *device,
			    size_t *length);

/**
 * The offset of the standard capability `id`, of which `bytes` bytes are there; 0: there is
 * none, or this user may not read it. `config` may be NULL.
 */
unsigned check_capability(const unsigned char *config, size_t length, unsigned id, unsigned bytes);

/* What config space says of a device's message interrupts. */
struct check_messages {
	bool known;       /* this user may read it */
	unsigned vectors; /* those of MSI-X, or else those of MSI */
	int table_bar;    /* the BAR of the MSI-X table; -1: none */
};

void check_messages(struct lend_check *check, const struct lend_survey_device *device,
		    struct check_messages *out);

#endif
