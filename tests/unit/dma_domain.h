/* SPDX-License-Identifier: MIT */
/* A space with two domains that are played: each keeps a list of maps, and fails where it is told to. */
#ifndef TESTS_UNIT_DMA_DOMAIN_H
#define TESTS_UNIT_DMA_DOMAIN_H

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/dma/space_private.h"
#include "tests/unit/cmocka.h"

enum { MAPS = 64 };

struct domain {
	unsigned calls, fail_at; /* maps, and the one that fails, from 1 */
	int code;
	unsigned unmaps, unmap_fail_at; /* and unmaps */
	int refuses;                    /* what a user that wants to join is told */
	bool closed;
	unsigned count;
	struct {
		lend_iova_t iova;
		uint64_t length;
		uint8_t *va;
		int fd;
		unsigned access;
	} maps[MAPS];
	void (*on_map)(struct domain *domain); /* is called in each map; NULL: nothing is */
	size_t window_count;
	struct lend_iova_window windows[300];
};

static int domain_map(void *opaque, const struct domain_map *map)
{
	struct domain *domain = opaque;
	lend_iova_t iova = map->iova;
	uint64_t length = map->length;

	if (domain->on_map)
		domain->on_map(domain);
	if (++domain->calls == domain->fail_at)
		return domain->code;
	for (unsigned i = 0; i < domain->count; i++)
		assert_true(iova + length <= domain->maps[i].iova ||
			    domain->maps[i].iova + domain->maps[i].length <= iova);
	assert_true(domain->count < MAPS);
	domain->maps[domain->count].iova = iova;
	domain->maps[domain->count].length = length;
	domain->maps[domain->count].va = map->va;
	domain->maps[domain->count].fd = map->fd;
	domain->maps[domain->count++].access = map->access;
	return 0;
}

static int domain_unmap(void *opaque, lend_iova_t iova, uint64_t length)
{
	struct domain *domain = opaque;

	if (++domain->unmaps == domain->unmap_fail_at)
		return domain->code;
	for (unsigned i = 0; i < domain->count; i++) {
		if (domain->maps[i].iova != iova || domain->maps[i].length != length)
			continue;
		domain->maps[i] = domain->maps[--domain->count];
		return 0;
	}
	fail_msg("0x%llx is not mapped", (unsigned long long)iova);
	return -ENOENT;
}

static size_t domain_windows(void *opaque, struct lend_iova_window *out, size_t max)
{
	struct domain *domain = opaque;

	for (size_t i = 0; i < domain->window_count && i < max; i++)
		out[i] = domain->windows[i];
	return domain->window_count;
}

static int domain_attach(void *opaque, const struct domain_user *user)
{
	struct domain *domain = opaque;

	(void)user;
	return domain->refuses;
}

static int domain_detach(void *opaque, const struct domain_user *user)
{
	(void)opaque, (void)user;
	return 0;
}

static void domain_close(void *opaque)
{
	((struct domain *)opaque)->closed = true;
}

static int make(struct lend_context *context, const struct domain_user *user, const struct domain_ops **ops,
		void **domain, struct lend_error *error)
{
	static const struct domain_ops table = {
		domain_map, domain_unmap, domain_windows, domain_attach, domain_detach, domain_close, false,
	};

	(void)context, (void)error;
	*ops = &table;
	*domain = user->arg;
	return 0;
}

struct fixture {
	struct lend_context *context;
	struct lend_space *space;
	struct domain domains[2];
	unsigned log_lines;
	char line[512]; /* the last one */
	enum lend_log_level level;
	struct lend_error error;
};

static void count_line(void *opaque, enum lend_log_level level, const char *line)
{
	struct fixture *fixture = opaque;

	fixture->log_lines++;
	fixture->level = level;
	snprintf(fixture->line, sizeof(fixture->line), "%s", line);
	/* A line is logged without the lock: the monitor may call from there what it likes. */
	assert_int_equal(pthread_mutex_trylock(&fixture->space->lock), 0);
	pthread_mutex_unlock(&fixture->space->lock);
}

static inline int setup(void **state)
{
	static struct fixture fixture;
	struct lend_context_config config = {.size = sizeof(config), .log = count_line, .opaque = &fixture};
	struct lend_host_ops ops = {.size = sizeof(ops)};

	memset(&fixture, 0, sizeof(fixture));
	for (unsigned i = 0; i < 2; i++) {
		fixture.domains[i].code = -ENODEV;
		fixture.domains[i].window_count = 1;
		fixture.domains[i].windows[0].last = UINT64_MAX;
		fixture.domains[i].refuses = -EINVAL;
	}
	assert_int_equal(lend_context_new(&config, &fixture.context), 0);
	assert_int_equal(lend_space_new(fixture.context, &ops, NULL, &fixture.space), 0);
	*state = &fixture;
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *fixture = *state;

	lend_space_free(fixture->space);
	lend_context_free(fixture->context);
	assert_int_equal(fixture->domains[0].count, 0);
	assert_int_equal(fixture->domains[1].count, 0);
	return 0;
}

static inline int attach(struct fixture *fixture, unsigned index)
{
	struct domain_user user = {
		.make = make, .arg = &fixture->domains[index], .fd = (int)index, .name = "0000:05:00.0"};

	return space_attach(fixture->space, &user, &fixture->error);
}

static inline struct lend_range range(lend_iova_t iova, uint64_t length, uintptr_t va,
				      enum lend_range_kind kind)
{
	return (struct lend_range){
		.iova = iova, .length = length, .va = (void *)va, .fd = -1, .kind = kind, .merge = true};
}

static inline int add(struct fixture *fixture, lend_iova_t iova, uint64_t length, uintptr_t va,
		      enum lend_range_kind kind)
{
	struct lend_range one = range(iova, length, va, kind);

	return lend_space_map(fixture->space, &one, 1, &fixture->error);
}

#define in_fixture(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

#endif
