/* SPDX-License-Identifier: MIT */
/*
 * The same cases on each backend: what stands behind the two tables of
 * lib/backend/backend.h behaves alike, whatever it is. A bench is one device in
 * one space; the cases reach its transport and its domain, and know nothing
 * else of it but what is written here.
 */
#ifndef TESTS_CONFORM_H
#define TESTS_CONFORM_H

#include <errno.h>
#include <string.h>

#include "lib/dma/space_private.h"
#include "lib/open/device.h"
#include "tests/unit/cmocka.h"

struct bench {
	const char *name;    /* fake, legacy, iommufd */
	const char *address; /* of the device; the fake has none */
	bool can_touch;      /* bytes of a mapped BAR can be read through the mapping */
	unsigned limit;      /* maps that the domain takes; 0: more than the cases try */
	struct lend_context *context;
	struct lend_space *space;
	struct lend_device *device;
	struct world *world; /* of the fake */
};

enum { PAGE = 4096 };

/** Opens what the command line named; the device's bus mastering is off then. */
int bench_open(void **state);
int bench_close(void **state);
/** Leaves out the case `name` where bench.c's table has it for this backend. Elsewhere the case fails, with
 * `why`. */
void bench_leave_out(const char *name, const char *why);
#define leave_out(why) bench_leave_out(__func__, why)
/** The one that there is; set by main() before the first case. */
extern struct bench bench;

static inline const struct domain_ops *domain_ops(void)
{
	return bench.space->domains[0].ops;
}

static inline void *domain(void)
{
	return bench.space->domains[0].opaque;
}

extern const struct CMUnitTest transport_cases[], interrupt_cases[], domain_cases[];
extern const size_t transport_case_count, interrupt_case_count, domain_case_count;

#define on_bench(test) cmocka_unit_test_setup_teardown(test, bench_open, bench_close)

#endif
