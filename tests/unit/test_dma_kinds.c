/* SPDX-License-Identifier: MIT */
/* Domains of different kinds behind one space, final errors of an attach, and the files behind maps. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dma/space_private.h"
#include "tests/unit/cmocka.h"

enum { MAPS = 16 };

struct domain {
	int answer; /* of attach */
	unsigned users, made, count;
	struct domain_map maps[MAPS];
	bool no_peers;
};

struct fixture {
	struct lend_context *context;
	struct lend_space *space;
	struct domain domains[3];
	unsigned log_lines;
	enum lend_log_level level;
	struct lend_error error;
};

static int domain_map(void *opaque, const struct domain_map *map)
{
	struct domain *domain = opaque;

	if (map->peer && domain->no_peers)
		return -EFAULT;
	assert_true(domain->count < MAPS);
	domain->maps[domain->count++] = *map;
	return 0;
}

static int domain_unmap(void *opaque, lend_iova_t iova, uint64_t length)
{
	struct domain *domain = opaque;

	for (unsigned i = 0; i < domain->count; i++) {
		if (domain->maps[i].iova != iova || domain->maps[i].length != length)
			continue;
		domain->maps[i] = domain->maps[--domain->count];
		return 0;
	}
	return -ENOENT;
}

static size_t domain_windows(void *opaque, struct lend_iova_window *out, size_t max)
{
	(void)opaque;
	if (max)
		out[0] = (struct lend_iova_window){0, UINT64_MAX};
	return 1;
}

static int domain_attach(void *opaque, const struct domain_user *user)
{
	struct domain *domain = opaque;

	(void)user;
	domain->users += !domain->answer;
	return domain->answer;
}

static int domain_detach(void *opaque, const struct domain_user *user)
{
	(void)user;
	((struct domain *)opaque)->users--;
	return 0;
}

static void domain_close(void *opaque)
{
	((struct domain *)opaque)->made--;
}

static int make(const struct domain_user *user, const struct domain_ops **ops, void **opaque)
{
	static const struct domain_ops table = {
		domain_map, domain_unmap, domain_windows, domain_attach, domain_detach, domain_close, false,
	};
	struct domain *domain = user->arg;

	domain->made++;
	domain->users++;
	*ops = &table;
	*opaque = domain;
	return 0;
}

static int make_one(struct lend_context *context, const struct domain_user *user,
		    const struct domain_ops **ops, void **domain, struct lend_error *error)
{
	(void)context, (void)error;
	return make(user, ops, domain);
}

static int make_other(struct lend_context *context, const struct domain_user *user,
		      const struct domain_ops **ops, void **domain, struct lend_error *error)
{
	(void)context, (void)error;
	return make(user, ops, domain);
}

static void count_line(void *opaque, enum lend_log_level level, const char *line)
{
	struct fixture *fixture = opaque;

	(void)line;
	fixture->log_lines++;
	fixture->level = level;
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct lend_context_config config = {.size = sizeof(config), .log = count_line, .opaque = fixture};
	struct lend_host_ops ops = {.size = sizeof(ops)};

	assert_int_equal(lend_context_new(&config, &fixture->context), 0);
	assert_int_equal(lend_space_new(fixture->context, &ops, NULL, &fixture->space), 0);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	lend_space_free(fixture->space);
	lend_context_free(fixture->context);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(fixture->domains[i].count, 0);
		assert_int_equal(fixture->domains[i].users, 0);
		assert_int_equal(fixture->domains[i].made, 0);
	}
	free(fixture);
	return 0;
}

static int attach(struct fixture *fixture, domain_make kind, unsigned domain, int fd)
{
	struct domain_user user = {
		.make = kind, .arg = &fixture->domains[domain], .fd = fd, .name = "0000:05:00.0"};

	return space_attach(fixture->space, &user, &fixture->error);
}

static int map(struct fixture *fixture, const struct lend_range *ranges, size_t count)
{
	return lend_space_map(fixture->space, ranges, count, &fixture->error);
}

/* A user only comes to domains of its own kind, and a range goes to all kinds. */
static void kinds_are_kept_apart(void **state)
{
	struct fixture *fixture = *state;
	const struct lend_range ram = {.iova = 0x1000, .length = 0x1000, .va = (void *)0x10000, .fd = -1};

	assert_int_equal(attach(fixture, make_one, 0, 10), 0);
	assert_int_equal(attach(fixture, make_other, 1, 11), 0);
	assert_int_equal(fixture->domains[0].users, 1);
	assert_int_equal(fixture->domains[1].users, 1);
	assert_int_equal(attach(fixture, make_one, 2, 12), 0);
	assert_int_equal(fixture->domains[0].users, 2);
	assert_int_equal(fixture->domains[2].made, 0);
	assert_int_equal(map(fixture, &ram, 1), 0);
	assert_int_equal(fixture->domains[0].count, 1);
	assert_int_equal(fixture->domains[1].count, 1);
	space_detach(fixture->space, 11);
	assert_int_equal(fixture->domains[1].count, 0);
	assert_int_equal(fixture->domains[0].count, 1);
}

/* "Does not fit" looks further, anything else is the answer. */
static void only_einval_looks_further(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(attach(fixture, make_one, 0, 10), 0);
	fixture->domains[0].answer = -EINVAL;
	assert_int_equal(attach(fixture, make_one, 1, 11), 0);
	assert_int_equal(fixture->domains[1].made, 1);
	fixture->domains[0].answer = -EPERM;
	assert_int_equal(attach(fixture, make_one, 2, 12), -EPERM);
	assert_int_equal(fixture->domains[2].made, 0);
	assert_non_null(strstr(fixture->error.text, "0000:05:00.0"));
	fixture->domains[0].answer = -EADDRINUSE;
	assert_int_equal(attach(fixture, make_one, 2, 12), -EADDRINUSE);
	assert_non_null(strstr(fixture->error.text, "reserved"));
}

static void a_file_goes_along(void **state)
{
	struct fixture *fixture = *state;
	const struct lend_range ranges[] = {
		{.iova = 0,
		 .length = 0x3000,
		 .va = (void *)0x10000,
		 .fd = 5,
		 .offset = 0x8000,
		 .merge = true},
		{.iova = 0x3000,
		 .length = 0x1000,
		 .va = (void *)0x13000,
		 .fd = 5,
		 .offset = 0xb000,
		 .merge = true},
		/* The same file anew: continues in memory, not in the file. */
		{.iova = 0x10000, .length = 0x1000, .va = (void *)0x30000, .fd = 6, .merge = true},
		{.iova = 0x11000, .length = 0x1000, .va = (void *)0x31000, .fd = 6, .merge = true},
	};
	const struct domain_map *maps = fixture->domains[0].maps;

	assert_int_equal(attach(fixture, make_one, 0, 10), 0);
	assert_int_equal(map(fixture, ranges, 4), 0);
	assert_int_equal(fixture->domains[0].count, 2);
	assert_int_equal(maps[0].length, 0x4000);
	assert_int_equal(maps[0].fd, 5);
	assert_int_equal(maps[0].offset, 0x8000);
	assert_int_equal(maps[1].length, 0x2000);
	assert_int_equal(maps[1].fd, -1);
}

/* 64 GiB as 64 times the same 1 GiB: one call. */
static void a_row_of_one_file_is_one_map(void **state)
{
	struct fixture *fixture = *state;
	struct lend_range ranges[64];
	const uint64_t gib = UINT64_C(1) << 30;

	for (unsigned i = 0; i < 64; i++)
		ranges[i] = (struct lend_range){.iova = i * gib,
						.length = gib,
						.va = (void *)(gib * (100 + i)),
						.fd = 5,
						.merge = true};
	assert_int_equal(attach(fixture, make_one, 0, 10), 0);
	assert_int_equal(map(fixture, ranges, 64), 0);
	assert_int_equal(fixture->domains[0].count, 1);
	assert_int_equal(fixture->domains[0].maps[0].length, 64 * gib);
}

static int map_bars(struct fixture *fixture)
{
	const struct lend_range bars[] = {
		{.iova = 0x1000, .length = 0x1000, .va = (void *)0x10000, .fd = -1, .kind = LEND_RANGE_BAR},
		{.iova = 0x4000, .length = 0x1000, .va = (void *)0x20000, .fd = -1, .kind = LEND_RANGE_BAR},
	};

	return map(fixture, bars, 2);
}

static void peers_are_said_once(void **state)
{
	struct fixture *fixture = *state;

	fixture->domains[0].no_peers = true;
	assert_int_equal(attach(fixture, make_one, 0, 10), 0);
	assert_int_equal(attach(fixture, make_one, 0, 11), 0);
	assert_int_equal(map_bars(fixture), 0);
	assert_int_equal(fixture->log_lines, 1);
	assert_int_equal(fixture->level, LEND_LOG_WARNING);
}

/* A device alone has no peer that could miss its BARs. */
static void alone_it_is_no_warning(void **state)
{
	struct fixture *fixture = *state;

	fixture->domains[0].no_peers = true;
	assert_int_equal(attach(fixture, make_one, 0, 10), 0);
	assert_int_equal(map_bars(fixture), 0);
	assert_int_equal(fixture->log_lines, 1);
	assert_int_equal(fixture->level, LEND_LOG_INFO);
}

#define in_fixture(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_fixture(kinds_are_kept_apart), in_fixture(only_einval_looks_further),
		in_fixture(a_file_goes_along),    in_fixture(a_row_of_one_file_is_one_map),
		in_fixture(peers_are_said_once),  in_fixture(alone_it_is_no_warning),
	};

	return cmocka_run_group_tests_name("dma_kinds", tests, NULL, NULL);
}
