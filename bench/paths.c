/* SPDX-License-Identifier: MIT */
/*
 * What liblend's hot paths cost on its device for tests: nanoseconds, and what each asks of the
 * hypervisor and of the device. One line of JSON.
 *
 *   paths                  all of them, and MSI-X with 1 to 2,048 vectors
 *   paths NAME COUNT       one of them, COUNT times in path_turn(), for callgrind
 *   paths --list           their names
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/turns.h"
#include "lend/fake.h"
#include "lend/lend.h"

enum { VECTORS_MAX = 2048, TABLE = 0x10000, PBA = 0x20000, BAR_SIZE = 0x40000, BAR_ADDRESS = 0x10000000 };
enum { TURNS = 21, READS = 20000, ENTRY = 16, MESSAGE = 0xfee00000, MSIX_ENABLE = 0x8000 };
enum { VENDOR = 0, COMMAND = 4, BAR0 = 0x10, TRAPPED = PBA + 0x1000 };

/* What the library asked of the hypervisor. */
struct monitor {
	unsigned changes;  /* of routes, since begin */
	unsigned routings; /* commits with changes */
	unsigned irqfds;
};

static void begin(void *host, void *peer)
{
	(void)host, (void)peer;
}

static int commit_bars(void *host, void *peer)
{
	(void)host, (void)peer;
	return 0;
}

static int bar_map(void *host, void *peer, const struct lend_bar_map *map)
{
	(void)host, (void)peer, (void)map;
	return 0;
}

static int bar_unmap(void *host, void *peer, unsigned bar)
{
	(void)host, (void)peer, (void)bar;
	return 0;
}

static int msi_set(void *host, void *peer, unsigned vector, uint64_t address, uint32_t data)
{
	(void)peer, (void)vector, (void)address, (void)data;
	((struct monitor *)host)->changes++;
	return 0;
}

static void msi_free(void *host, void *peer, unsigned vector)
{
	(void)peer, (void)vector;
	((struct monitor *)host)->changes++;
}

static int msi_commit(void *host, void *peer)
{
	struct monitor *monitor = host;

	(void)peer;
	monitor->routings += monitor->changes != 0;
	monitor->changes = 0;
	return 0;
}

static int irqfd(void *host, void *peer, unsigned vector, int eventfd)
{
	(void)peer, (void)vector, (void)eventfd;
	((struct monitor *)host)->irqfds++;
	return 0;
}

static int watch(void *host, int fd, lend_watch_fn fn, void *opaque)
{
	(void)host, (void)fd, (void)fn, (void)opaque;
	return 0;
}

static int unwatch(void *host, int fd)
{
	(void)host, (void)fd;
	return 0;
}

static void settle(void *host)
{
	(void)host;
}

static const struct lend_host_ops ops = {
	.size = sizeof(ops),
	.bar_begin = begin,
	.bar_map = bar_map,
	.bar_unmap = bar_unmap,
	.bar_commit = commit_bars,
	.msi_begin = begin,
	.msi_set = msi_set,
	.msi_free = msi_free,
	.msi_commit = msi_commit,
	.msi_attach = irqfd,
	.msi_detach = irqfd,
	.watch = watch,
	.unwatch = unwatch,
	.settle = settle,
};

struct stage {
	struct monitor monitor;
	struct lend_fake *fake;
	struct lend_context *context;
	struct lend_space *space;
	struct lend_device *device;
	struct lend_function *function;
	unsigned msix, vectors;
};

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "paths: %s\n", what);
	exit(1);
}

static void open_stage(struct stage *s, unsigned vectors)
{
	const struct lend_context_config quiet = {.size = sizeof(quiet), .quirks_dir = ""};
	const struct lend_function_config config = {.size = sizeof(config), .no_intx = true};
	struct lend_reset_report report;
	struct lend_error error = {"out of memory"};
	int msix;

	*s = (struct stage){.fake = lend_fake_new(), .vectors = vectors};
	must(s->fake && !lend_fake_bar(s->fake, 0, 0, BAR_SIZE), "no device");
	msix = lend_fake_msix(s->fake, vectors, 0, TABLE, PBA);
	must(msix > 0, "no MSI-X");
	s->msix = (unsigned)msix;
	must(!lend_context_new(&quiet, &s->context) &&
		     !lend_space_new(s->context, &ops, &s->monitor, &s->space) &&
		     !lend_fake_open(s->fake, s->space, NULL, &s->device, &error) &&
		     !lend_function_new(s->device, &config, &s->function, &error) &&
		     !lend_context_reset(s->context, &s->function, 1, &report, sizeof(report)),
	     error.text);
	lend_function_config_write(s->function, BAR0, 4, BAR_ADDRESS);
	lend_function_config_write(s->function, COMMAND, 2, 6);
}

static void close_stage(struct stage *s)
{
	lend_function_free(s->function);
	lend_device_close(s->device);
	lend_space_free(s->space);
	lend_context_free(s->context);
	lend_fake_free(s->fake);
}

static void entry(struct stage *s, unsigned vector, unsigned field, uint32_t value)
{
	lend_function_bar_write(s->function, 0, TABLE + vector * ENTRY + field, 4, value);
}

static void unmask_all(struct stage *s)
{
	for (unsigned i = 0; i < s->vectors; i++) {
		entry(s, i, 0, MESSAGE);
		entry(s, i, 8, i);
		entry(s, i, 12, 0);
	}
}

static void msix_on(struct stage *s)
{
	unmask_all(s);
	lend_function_config_write(s->function, s->msix + 2, 2, MSIX_ENABLE);
}

/* ---- The paths, each once. ---- */

static void config_read(struct stage *s)
{
	lend_function_config_read(s->function, BAR0, 4);
}

static void config_read_own(struct stage *s)
{
	lend_function_config_read(s->function, VENDOR, 4);
}

static void config_write(struct stage *s)
{
	lend_function_config_write(s->function, COMMAND, 2, 6);
}

static void bar_read(struct stage *s)
{
	lend_function_bar_read(s->function, 0, TRAPPED, 4);
}

static void table_read(struct stage *s)
{
	lend_function_bar_read(s->function, 0, TABLE, 4);
}

static void mask_unmask(struct stage *s)
{
	entry(s, 1, 12, 1);
	entry(s, 1, 12, 0);
}

static void move_message(struct stage *s)
{
	static uint32_t data;

	entry(s, 1, 12, 1);
	entry(s, 1, 8, ++data);
	entry(s, 1, 12, 0);
}

static const struct path {
	const char *name;
	void (*once)(struct stage *s);
} paths[] = {
	{"config_read", config_read},   {"config_read_device", config_read_own},
	{"config_write", config_write}, {"bar_read", bar_read},
	{"table_read", table_read},     {"mask_unmask", mask_unmask},
	{"move_message", move_message},
};
enum { PATHS = sizeof(paths) / sizeof(paths[0]) };

/** Callgrind counts what is done here. */
__attribute__((noinline)) void path_turn(struct stage *s, const struct path *path, unsigned count);

void path_turn(struct stage *s, const struct path *path, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		path->once(s);
}

static void measure(struct stage *s, const struct path *path)
{
	double turns[TURNS];
	struct monitor before;
	unsigned calls;

	path_turn(s, path, READS / 10);
	before = s->monitor;
	calls = lend_fake_calls(s->fake);
	path_turn(s, path, 1);
	printf("\"%s\": {\"routings\": %u, \"irqfds\": %u, \"calls\": %u, ", path->name,
	       s->monitor.routings - before.routings, s->monitor.irqfds - before.irqfds,
	       lend_fake_calls(s->fake) - calls);
	for (unsigned i = 0; i < TURNS; i++) {
		double from = now();

		path_turn(s, path, READS);
		turns[i] = (now() - from) * 1e3 / READS;
	}
	printf("\"ns\": [");
	for (unsigned i = 0; i < TURNS; i++)
		printf("%s%.2f", i ? ", " : "", turns[i]);
	printf("]}, ");
}

/* A driver gives all vectors a message and turns MSI-X on. Of the turns the shortest: no other work is in it.
 */
static void measure_vectors(unsigned vectors, const char *end)
{
	double least = 0;
	struct stage s;

	for (unsigned i = 0; i < TURNS; i++) {
		double from, took;

		open_stage(&s, vectors);
		from = now();
		msix_on(&s);
		took = now() - from;
		least = i && least < took ? least : took;
		close_stage(&s);
	}
	printf("\"%u\": %.3f%s", vectors, least, end);
}

int main(int argc, char **argv)
{
	struct stage s;

	if (argc > 1 && !strcmp(argv[1], "--list")) {
		for (unsigned i = 0; i < PATHS; i++)
			puts(paths[i].name);
		return 0;
	}
	open_stage(&s, 8);
	msix_on(&s);
	if (argc > 2) {
		for (unsigned i = 0; i < PATHS; i++)
			if (!strcmp(paths[i].name, argv[1]))
				path_turn(&s, &paths[i], (unsigned)atoi(argv[2]));
	} else {
		printf("{");
		for (unsigned i = 0; i < PATHS; i++)
			measure(&s, &paths[i]);
		printf("\"vectors_us\": {");
		for (unsigned vectors = 1; vectors <= VECTORS_MAX; vectors *= 2)
			measure_vectors(vectors, vectors == VECTORS_MAX ? "}}\n" : ", ");
	}
	close_stage(&s);
	return 0;
}
