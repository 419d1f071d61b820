/* SPDX-License-Identifier: MIT */
/*
 * A machine raises its limits itself, and is refused where they do not suffice:
 * on the real limits of a process, with a device of 2048 vectors whose
 * interrupts need them.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/test_pci_msix.h"
#include "vmm/kvm.h"
#include "vmm/limits.h"

enum { NOBODY = 65534, VECTORS = 2048 };

static char said[4096]; /* lines of log */

int hv_check(int fd, unsigned capability)
{
	(void)fd;
	return capability == KVM_CAP_IRQ_ROUTING ? 1024 : 0;
}

void vmm_log(struct vmm *vmm, enum lend_log_level level, const char *format, ...)
{
	size_t used = strlen(said);
	va_list args;

	(void)vmm, (void)level;
	va_start(args, format);
	vsnprintf(said + used, sizeof(said) - used, format, args);
	va_end(args);
}

static struct world *start_wide(void)
{
	struct world *world = world_new();

	world_nvme(world);
	world_msix(world, VECTORS, 0, 0x8000, 0, 0x4000);
	world_bar(world, 0, 4, 0x20000);
	assert_int_equal(world_open(world), 0);
	world_start(world);
	world->mute = true;
	return world;
}

static struct vmm machine(struct world *world, struct assigned *assigned)
{
	static const struct vmm_device_config device = {.host = "0000:05:00.0", .fd = -1};

	*assigned = (struct assigned){.device = world->device, .function = world->function};
	strcpy(assigned->name, "0000:05:00.0");
	return (struct vmm){
		.config = {.cpus = 1, .devices = &device, .device_count = 1, .memory = 64 << 10},
		.context = world->context,
		.assigned = {assigned},
		.assigned_count = 1,
	};
}

static unsigned that_interrupt(const struct world *world)
{
	unsigned count = 0;

	for (unsigned i = 0; i < VECTORS; i++)
		count += world->irq_fds[i] >= 0;
	return count;
}

/* In a child, as a user who may raise no hard limit. */
static void as_user(rlim_t soft, rlim_t hard, void (*body)(void))
{
	const struct rlimit files = {.rlim_cur = soft, .rlim_max = hard};
	int status;
	pid_t pid = fork();

	if (!pid) {
		if ((!geteuid() && setuid(NOBODY)) || setrlimit(RLIMIT_NOFILE, &files))
			_exit(99);
		body();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

static void all_interrupt(void)
{
	struct world *world = start_wide();
	struct lend_error error = {""};
	struct assigned assigned;
	struct vmm vmm = machine(world, &assigned);
	struct rlimit limit;

	if (limits_check(&vmm, &error))
		fail_msg("%s", error.text);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(limit.rlim_cur, 4096);
	assert_non_null(strstr(said, "the limit of open files is raised from 256 to 4096"));
	/* KVM has 1000 routes beside those of the pins here: that is said and no refusal. */
	assert_non_null(strstr(said, "2048 interrupt vectors, and KVM takes 1000"));
	control(world, ENABLE);
	for (unsigned i = 0; i < VECTORS; i++)
		unmask(world, i);
	assert_int_equal(that_interrupt(world), VECTORS);
	stop(world);
}

static void is_refused(void)
{
	struct world *world = start_wide();
	struct lend_error error = {""};
	struct assigned assigned;
	struct vmm vmm = machine(world, &assigned);

	assert_int_equal(limits_check(&vmm, &error), -EMFILE);
	assert_non_null(strstr(error.text, "1024 files open at once, and the machine can need 2141"));
	assert_non_null(strstr(error.text, "2048 of them of 0000:05:00.0"));
	assert_non_null(strstr(error.text, "ulimit -n"));
	assert_non_null(strstr(error.text, "LimitNOFILE="));
	/* Before it is open nothing of its vectors is known. */
	vmm.assigned_count = 0;
	assert_int_equal(limits_check(&vmm, &error), 0);
	stop(world);
}

static void ours_vectors_all_interrupt_above_the_soft_limit(void **state)
{
	(void)state;
	as_user(256, 4096, all_interrupt);
}

static void a_hard_limit_that_is_too_low_refuses_the_machine(void **state)
{
	(void)state;
	as_user(256, 1024, is_refused);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ours_vectors_all_interrupt_above_the_soft_limit),
		cmocka_unit_test(a_hard_limit_that_is_too_low_refuses_the_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
