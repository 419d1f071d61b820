/* SPDX-License-Identifier: MIT */
/* The exam (docs/security.md): what is watched before the sandbox is entered is watched in it. */
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"
#include "vmm/machine.h"
#include "vmm/sandbox.h"

static unsigned rings;

static void ring(void *opaque)
{
	uint64_t count;

	rings += read(*(int *)opaque, &count, sizeof(count)) == sizeof(count) && count == 1;
}

/* The process that made an eventfd of a device is the one that enters the sandbox: no fork lies between. */
static int live_in_the_sandbox(void)
{
	static struct vmm vmm; /* without processors */
	const struct vmm_sandbox sandbox = {0};
	uint64_t one = 1;
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd < 0 || loop_init(&vmm.loop) || loop_add(&vmm.loop, fd, EPOLLIN, ring, &fd))
		return 1;
	if (vmm_sandbox(&vmm, &sandbox, NULL))
		return 2;
	for (unsigned i = 0; i < 3; i++)
		if (write(fd, &one, sizeof(one)) != sizeof(one) || loop_once(&vmm.loop))
			return 3;
	return rings == 3 ? 0 : 4;
}

static void crosvm_9ba31d30e_eventfds_outlive_the_sandbox(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	assert_true(pid >= 0);
	if (!pid)
		syscall(SYS_exit_group, live_in_the_sandbox());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crosvm_9ba31d30e_eventfds_outlive_the_sandbox),
	};

	return cmocka_run_group_tests_name("exam_sandbox", tests, NULL, NULL);
}
