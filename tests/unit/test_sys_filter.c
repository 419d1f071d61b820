/* SPDX-License-Identifier: MIT */
/*
 * A monitor that lets through what lend_syscalls() and lend_ioctls() name, and
 * nothing else: the library's whole life after the open, on the installed fake
 * device, behind such a filter. A call that a table lacks kills the child.
 */
#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "lend/fake.h"
#include "lend/lend.h"
#include "tests/unit/cmocka.h"

enum { VECTORS = 40, TABLE = 0x1000, PBA = 0x2000, PLACE = 0x10000000, RAM = 1 << 20 };

/* By the call itself: a sanitizer makes calls of its own in _exit(). */
static void end_child(int status)
{
	syscall(SYS_exit_group, status);
}

/* The line of a child that did not get what it expects, in what an exit status can hold. */
#define expect(what)                                                                                         \
	do {                                                                                                 \
		if (!(what))                                                                                 \
			end_child(__LINE__ % 250 + 1);                                                       \
	} while (0)

static int fds[VECTORS];

static int note_vector(void *host, void *peer, unsigned vector, int eventfd)
{
	(void)host, (void)peer;
	fds[vector] = eventfd;
	return 0;
}

static int forget_vector(void *host, void *peer, unsigned vector, int eventfd)
{
	(void)eventfd;
	return note_vector(host, peer, vector, -1);
}

static int take_bar(void *host, void *peer, const struct lend_bar_map *map)
{
	(void)host, (void)peer, (void)map;
	return 0;
}

static int drop_bar(void *host, void *peer, unsigned bar)
{
	(void)host, (void)peer, (void)bar;
	return 0;
}

static int commit(void *host, void *peer)
{
	(void)host, (void)peer;
	return 0;
}

static int set_route(void *host, void *peer, unsigned vector, uint64_t address, uint32_t data)
{
	(void)host, (void)peer, (void)vector, (void)address, (void)data;
	return 0;
}

/* Watches succeed, so that lines and masked vectors go by the loop. */
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

static const struct lend_host_ops ops = {
	.size = sizeof(ops),
	.bar_map = take_bar,
	.bar_unmap = drop_bar,
	.bar_commit = commit,
	.msi_set = set_route,
	.msi_commit = commit,
	.msi_attach = note_vector,
	.msi_detach = forget_vector,
	.watch = watch,
	.unwatch = unwatch,
};

static struct {
	struct lend_fake *fake;
	struct lend_context *context;
	struct lend_space *space;
	struct lend_device *device;
	struct lend_function *function;
	void *ram;
	int msix, exp;
} world;

static void open_all(void)
{
	struct lend_context_config context = {.size = sizeof(context), .quirks_dir = ""};
	struct lend_function_config config = {.size = sizeof(config), .p2p = LEND_P2P_ON};

	world.ram = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(world.ram != MAP_FAILED);
	world.fake = lend_fake_new();
	assert_int_equal(lend_fake_bar(world.fake, 0, 0, 0x4000), 0);
	world.msix = lend_fake_msix(world.fake, VECTORS, 0, TABLE, PBA);
	world.exp = lend_fake_capability(world.fake, PCI_CAP_ID_EXP, 0x3c);
	assert_true(world.msix > 0 && world.exp > 0);
	lend_fake_config(world.fake)[world.exp + PCI_EXP_FLAGS] = 2;
	lend_fake_config(world.fake)[PCI_INTERRUPT_PIN] = 1;
	lend_fake_vectors(world.fake, LEND_IRQ_INTX, 1);
	assert_int_equal(lend_context_new(&context, &world.context), 0);
	assert_int_equal(lend_space_new(world.context, &ops, &world, &world.space), 0);
	assert_int_equal(lend_fake_open(world.fake, world.space, NULL, &world.device, NULL), 0);
	assert_int_equal(lend_function_new(world.device, &config, &world.function, NULL), 0);
}

static void close_all(void)
{
	lend_function_free(world.function);
	lend_device_close(world.device);
	lend_space_free(world.space);
	lend_context_free(world.context);
}

static int no_code(scmp_filter_ctx filter, int call)
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
}

static void close_in(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	const char *const *names;
	const uint32_t *requests;
	size_t count = lend_syscalls(&names);
	int bad = !filter;

	for (size_t i = 0; i < count && !bad; i++)
		bad = seccomp_rule_add(filter, SCMP_ACT_ALLOW, seccomp_syscall_resolve_name(names[i]), 0);
	count = lend_ioctls(&requests);
	for (size_t i = 0; i < count && !bad; i++)
		bad = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
				       SCMP_A1_64(SCMP_CMP_MASKED_EQ, UINT32_MAX, requests[i]));
	bad = bad || no_code(filter, SCMP_SYS(mmap)) || no_code(filter, SCMP_SYS(mprotect)) ||
	      /* The child's own end. */
	      seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(exit_group), 0) || seccomp_load(filter);
	expect(!bad);
	seccomp_release(filter);
}

static void put(int offset, unsigned length, uint32_t value)
{
	lend_function_config_write(world.function, (unsigned)offset, length, value);
}

static void vector(unsigned number, bool masked)
{
	lend_function_bar_write(world.function, 0, TABLE + 16 * number, 8, 0xfee00000);
	lend_function_bar_write(world.function, 0, TABLE + 16 * number + 8, 8,
				number | (uint64_t)masked << 32);
}

static void start(void)
{
	struct lend_reset_report report;

	expect(lend_context_reset(world.context, &world.function, 1, &report, sizeof(report)) == 0);
	put(PCI_BASE_ADDRESS_0, 4, PLACE);
	put(PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

static void messages(void)
{
	put(world.msix + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
	for (unsigned i = 0; i < VECTORS; i++) {
		vector(i, false); /* its eventfd is made */
		expect(fds[i] >= 0);
	}
	vector(3, true);
	expect(lend_fake_interrupt(world.fake, LEND_IRQ_MSIX, 3) == 0);
	expect(lend_function_bar_read(world.function, 0, PBA, 8) == 1 << 3);
	vector(3, false);
	put(world.msix + PCI_MSIX_FLAGS, 2, 0);
	expect(lend_fake_interrupt(world.fake, LEND_IRQ_INTX, 0) == 0); /* the line is on again */
}

static void memory(void)
{
	struct lend_range ranges[2] = {
		{.length = RAM / 2,
		 .va = world.ram,
		 .fd = -1,
		 .access = LEND_ACCESS_READ | LEND_ACCESS_WRITE},
	};

	ranges[1] = ranges[0];
	ranges[1].iova = RAM;
	ranges[1].va = (uint8_t *)world.ram + RAM / 2;
	expect(lend_space_map(world.space, ranges, 2, NULL) == 0);
	expect(lend_space_unmap(world.space, 0, RAM / 2) == 0);
	/* It moves, and its peers with it. */
	put(PCI_BASE_ADDRESS_0, 4, 2 * PLACE);
	expect(lend_fake_mapped(world.fake) > RAM / 2);
}

static void state(void)
{
	static uint8_t bytes[1 << 20];

	expect(lend_function_state_size() <= sizeof(bytes));
	expect(lend_function_save(world.function, bytes, sizeof(bytes)) > 0);
	expect(lend_function_load(world.function, bytes, sizeof(bytes), NULL) == 0);
	expect(lend_function_bar_read(world.function, 0, 8, 4) != UINT32_MAX);
}

/* A device that has transactions pending, reports of which are lines of log, and the end. */
static void end(void)
{
	lend_fake_config(world.fake)[world.exp + PCI_EXP_DEVSTA] = PCI_EXP_DEVSTA_TRPND;
	lend_function_quiesce(world.function);
	start();
	lend_fake_die(world.fake, true);
	close_all();
}

static void life(void)
{
	close_in();
	start();
	messages();
	memory();
	state();
	end();
}

/* So that a filter which lets everything through is found out. */
static void a_call_of_none(void)
{
	close_in();
	syscall(SYS_getppid);
}

static int in_child(void (*fn)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		fn();
		end_child(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void the_tables_name_all_that_is_called(void **unused)
{
	int status;

	(void)unused;
	open_all();
	status = in_child(a_call_of_none);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
	status = in_child(life);
	close_all();
	lend_fake_free(world.fake);
	munmap(world.ram, RAM);
	assert_false(WIFSIGNALED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_tables_name_all_that_is_called),
	};

	return cmocka_run_group_tests_name("sys_filter", tests, NULL, NULL);
}
