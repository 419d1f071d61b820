/* SPDX-License-Identifier: MIT */
/*
 * What a process may do after vmm_sandbox(), tried for each call in a child of
 * its own: what is not needed ends it with SIGSYS, what is needed works.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <linux/vfio.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/* Before cmocka.h, which has a macro fail(). */
#include "vmm/exits.h"
#include "vmm/sandbox.c"

#include "tests/unit/cmocka.h"

/* A descriptor of which each ioctl is unknown: what passes the filter fails with ENOTTY. */
static int plain = -1;
static pid_t tester; /* another process; the children may not ask for their parent */
static const char path[] = "/etc/passwd";
static const struct vmm_firmware_config *firmware; /* of the machine that enters the sandbox */

static unsigned ports;   /* of the same */
static enum class class; /* of the thread that makes the call; 0: the loop's, by vmm_sandbox() */
static struct vmm_sandbox sandbox;

static void enter_sandbox(void)
{
	static struct vmm vmm; /* without processors */
	const struct rlimit none = {0};
	struct sock_fprog list;

	setrlimit(RLIMIT_CORE, &none);
	vmm.config.firmware = firmware;
	vmm.config.ports = ports;
	worker_init(&vmm.plugs.worker);
	if (class) {
		if (confine_privileges() || program(&vmm, &sandbox, class, &list, NULL) ||
		    confine_calls(&list))
			syscall(SYS_exit_group, 99);
	} else if (vmm_sandbox(&vmm, &sandbox, NULL)) {
		syscall(SYS_exit_group, 99);
	}
}

/* The signal that ended the child; -1: it came to its end. */
static int outcome(void (*call)(void))
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		enter_sandbox();
		call();
		syscall(SYS_exit_group, 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status))
		assert_int_equal(WEXITSTATUS(status), 0);
	return WIFSIGNALED(status) ? WTERMSIG(status) : -1;
}

#define CALL(name, ...)                                                                                      \
	static void name(void)                                                                               \
	{                                                                                                    \
		syscall(__VA_ARGS__);                                                                        \
	}

CALL(open_file, SYS_open, path, O_RDONLY)
CALL(openat_file, SYS_openat, AT_FDCWD, path, O_RDONLY)
CALL(make_vm, SYS_ioctl, plain, KVM_CREATE_VM, 0)
/* The kernel looks at 32 bits of the number: what stands above them must not hide it. */
CALL(make_vm_upper, SYS_ioctl, plain, 1ull << 32 | KVM_CREATE_VM, 0)
CALL(push_input, SYS_ioctl, plain, TIOCSTI, path)
CALL(get_group, SYS_ioctl, plain, VFIO_GROUP_GET_DEVICE_FD, path)
CALL(map_code, SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
CALL(make_code, SYS_mprotect, (uintptr_t)path & ~4095ul, 4096, PROT_READ | PROT_EXEC)
CALL(make_socket, SYS_socket, 1, 1, 0)
CALL(make_process, SYS_clone, SIGCHLD, 0, 0, 0, 0)
CALL(run_program, SYS_execve, path, NULL, NULL)
CALL(signal_other, SYS_tgkill, tester, tester, 0)
CALL(kill_other, SYS_kill, 1, 0)
CALL(trace, SYS_ptrace, 0, 0, 0, 0)
CALL(stat_path, SYS_newfstatat, AT_FDCWD, path, NULL, 0)
CALL(stat_path_empty, SYS_newfstatat, AT_FDCWD, path, NULL, AT_EMPTY_PATH)
CALL(set_dumpable, SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0)
CALL(set_name, SYS_prctl, PR_SET_NAME, path, 0, 0, 0)
CALL(run_guest, SYS_ioctl, plain, KVM_RUN, 0)
CALL(become_root, SYS_setuid, 0)
/* The x32 calls have the same numbers with bit 30 set, and would slip past a list that ignores it. */
CALL(x32_read, 0x40000000 | SYS_read, plain, NULL, 0)

static void what_is_not_needed_ends_the_process(void **state)
{
	static const struct {
		const char *name;
		void (*call)(void);
	} rows[] = {
		{"open", open_file},
		{"openat", openat_file},
		{"KVM_CREATE_VM", make_vm},
		{"KVM_CREATE_VM with upper bits", make_vm_upper},
		{"TIOCSTI", push_input},
		{"VFIO_GROUP_GET_DEVICE_FD", get_group},
		{"mmap of code", map_code},
		{"mprotect to code", make_code},
		{"socket", make_socket},
		{"clone", make_process},
		{"execve", run_program},
		{"tgkill of another process", signal_other},
		{"kill", kill_other},
		{"ptrace", trace},
		{"newfstatat of a path", stat_path},
		{"newfstatat of a path with AT_EMPTY_PATH", stat_path_empty},
		{"prctl", set_dumpable},
		{"prctl of a name", set_name},
		{"KVM_RUN by the loop", run_guest},
		{"setuid", become_root},
		{"x32", x32_read},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int signal = outcome(rows[i].call);

		if (signal != SIGSYS)
			fail_msg("%s: %d in place of SIGSYS", rows[i].name, signal);
	}
}

static void check(bool good)
{
	if (!good)
		syscall(SYS_exit_group, 98);
}

static void work(void)
{
	struct kvm_userspace_memory_region region = {0};
	int fd = eventfd(0, EFD_NONBLOCK);
	uint64_t value = 1, size;
	void *memory;

	check(fd >= 0 && write(fd, &value, 8) == 8 && read(fd, &value, 8) == 8 && !close(fd));
	check(!boot_size(plain, &size) && size == 5);
	check(pread(plain, &value, 5, 0) == 5);
	memory = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	check(memory != MAP_FAILED && !munmap(memory, 1 << 20));
	memory = malloc(16 << 20);
	check(memory != NULL);
	free(memory);
	/* They pass the filter, and the file knows nothing of them. */
	check(ioctl(plain, KVM_SET_USER_MEMORY_REGION, &region) < 0 && errno == ENOTTY);
	check(ioctl(plain, KVM_SET_REGS, 0) < 0 && errno == ENOTTY);
	check(ioctl(plain, VFIO_DEVICE_SET_IRQS, &region) < 0 && errno == ENOTTY);
	check(ioctl(plain, VFIO_DEVICE_PCI_HOT_RESET, &region) < 0 && errno == ENOTTY);
	check(!syscall(SYS_tgkill, getpid(), (pid_t)syscall(SYS_gettid), 0));
	check(signal(SIGUSR2, SIG_IGN) != SIG_ERR);
}

static void what_is_needed_works(void **state)
{
	(void)state;
	assert_int_equal(outcome(work), -1);
}

static int waiting[2];

static void wait_for_parent(void)
{
	char byte;

	if (read(waiting[0], &byte, 1) < 0)
		return;
}

static void line_of(const char *text, const char *name, char out[64])
{
	const char *at = strstr(text, name);

	assert_non_null(at);
	assert_int_equal(sscanf(at + strlen(name), "%63s", out), 1);
}

/* Seen from outside: the child cannot ask any more. */
static void capabilities_are_gone(void **state)
{
	static const char *const sets[] = {"CapInh:", "CapPrm:", "CapEff:", "CapAmb:"};
	char name[64], text[4096] = "", value[64] = "0";
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(waiting), 0);
	pid = fork();
	if (!pid) {
		close(waiting[1]);
		enter_sandbox();
		wait_for_parent();
		syscall(SYS_exit_group, 0);
	}
	close(waiting[0]);
	snprintf(name, sizeof(name), "/proc/%d/status", pid);
	while (strcmp(value, "2")) { /* until the filter is there; CI bounds it */
		int fd = open(name, O_RDONLY | O_CLOEXEC);
		ssize_t length = read(fd, text, sizeof(text) - 1);

		assert_true(length > 0);
		text[length] = '\0';
		close(fd);
		line_of(text, "Seccomp:", value);
		assert_null(strstr(text, "State:\tZ"));
	}
	line_of(text, "NoNewPrivs:", value);
	assert_string_equal(value, "1");
	for (unsigned i = 0; i < 4; i++) {
		line_of(text, sets[i], value);
		assert_int_equal(strtoull(value, NULL, 16), 0);
	}
	close(waiting[1]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void store_variables(void)
{
	if (pwrite(plain, "plain", 5, 0) == 5)
		fdatasync(plain);
}

static void variables_are_stored_by_firmware_alone(void **state)
{
	static const struct vmm_firmware_config some;

	(void)state;
	assert_int_equal(outcome(store_variables), SIGSYS);
	firmware = &some;
	assert_int_equal(outcome(store_variables), -1);
	class = VCPU;
	assert_int_equal(outcome(store_variables), -1);
	class = WORKER;
	assert_int_equal(outcome(store_variables), SIGSYS);
	class = 0;
	firmware = NULL;
}

CALL(get_registers, SYS_ioctl, plain, KVM_GET_REGS, 0)
CALL(set_registers, SYS_ioctl, plain, KVM_SET_REGS, 0)
CALL(give_to_vfio, SYS_ioctl, plain, KVM_SET_DEVICE_ATTR, 0)
CALL(wait_for_events, SYS_epoll_wait, plain, NULL, 0, 0)
CALL(choose, SYS_getrandom, NULL, 0, 0)
CALL(end_thread, SYS_exit, 0)
CALL(hear_anybody, SYS_recvfrom, plain, NULL, 0, 0, NULL, 0)
CALL(bind_device, SYS_ioctl, plain, VFIO_DEVICE_FEATURE, 0)
CALL(make_timer, SYS_timerfd_create, 0, 0)
CALL(name_server, SYS_getpeername, plain, NULL, NULL)
CALL(set_socket, SYS_setsockopt, plain, 0, 0, NULL, 0)
CALL(route, SYS_ioctl, plain, KVM_SET_GSI_ROUTING, 0)
CALL(interrupt, SYS_ioctl, plain, KVM_SIGNAL_MSI, 0)

/* What one class of threads needs is nothing that another may do. */
static void each_thread_has_its_own_list(void **state)
{
	static const struct {
		const char *name;
		void (*call)(void);
		unsigned classes, ports;
	} rows[] = {
		{"KVM_RUN", run_guest, VCPU, 0},
		{"KVM_GET_REGS", get_registers, VCPU, 0},
		{"KVM_SET_REGS", set_registers, LOOP, 0},
		{"KVM_SET_DEVICE_ATTR", give_to_vfio, LOOP | WORKER, 0},
		{"epoll_wait", wait_for_events, LOOP, 0},
		{"getrandom", choose, LOOP, 0},
		{"exit", end_thread, VCPU | WORKER, 0},
		{"recvfrom", hear_anybody, 0, 1},
		{"VFIO_DEVICE_FEATURE", bind_device, 0, 0},
		{"VFIO_DEVICE_FEATURE with ports", bind_device, WORKER, 1},
		{"timerfd_create", make_timer, 0, 0},
		{"timerfd_create with ports", make_timer, LOOP, 1},
		{"getpeername with ports", name_server, WORKER, 1},
		{"setsockopt with ports", set_socket, 0, 1},
		{"KVM_SET_GSI_ROUTING", route, ALL, 0},
		{"KVM_SIGNAL_MSI", interrupt, LOOP, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		for (class = LOOP; class <= WORKER; class <<= 1) {
			int end;

			ports = rows[i].ports;
			end = outcome(rows[i].call);
			if ((end == -1) != !!(rows[i].classes & class))
				fail_msg("%s by class %d: %d", rows[i].name, class, end);
		}
	class = 0;
	ports = 0;
}

/* A processor that cannot go on asks where the guest is, wakes the loop, and leaves the sentence. */
static void stop_for(unsigned reason, const char *sentence)
{
	static struct kvm_run run;
	struct vmm vmm = {.request_fd = eventfd(0, EFD_NONBLOCK)};
	struct vcpu vcpu = {.all = &vmm.vcpus, .run = &run, .fd = plain};
	uint64_t count;

	vmm.vcpus.ops = &machine_vcpu_ops;
	vmm.vcpus.opaque = &vmm;
	run.exit_reason = reason;
	if (reason)
		exit_handle(&vcpu);
	for (unsigned i = 0; i < 3 && !reason; i++)
		exit_fault(&vcpu);
	check(vmm.request == REQUEST_FATAL && strstr(vmm.request_text, sentence));
	check(read(vmm.request_fd, &count, sizeof(count)) == sizeof(count));
}

static void stop_for_each_reason(void)
{
	stop_for(0, "(EFAULT at");
	stop_for(KVM_EXIT_INTERNAL_ERROR, "internal error");
	stop_for(KVM_EXIT_FAIL_ENTRY, "cannot enter the guest");
	stop_for(KVM_EXIT_SHUTDOWN, "triple fault");
	stop_for(KVM_EXIT_DEBUG, "not handled");
}

static void a_processor_that_cannot_go_on_may_say_so(void **state)
{
	(void)state;
	class = VCPU;
	assert_int_equal(outcome(stop_for_each_reason), -1);
	class = 0;
}

/* The kernel's log has it, which is not looked at here. */
static void a_list_that_logs_lets_all_through(void **state)
{
	(void)state;
	sandbox.log = true;
	assert_int_equal(outcome(open_file), -1);
	sandbox.log = false;
}

/* Landlock alone: no list of calls is there yet. */
static void open_by_name(void)
{
	check(open(path, O_RDONLY | O_CLOEXEC) < 0 && errno == EACCES);
	check(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC) < 0 && errno == EACCES);
	check(mkdir("/tmp/lend-no-such-folder", 0700) < 0 && errno == EACCES);
	check(pread(plain, (char[5]){0}, 5, 0) == 5);
}

static void files_cannot_be_opened(void **state)
{
	pid_t pid;
	int status;

	(void)state;
	if (syscall(444, NULL, 0, 1) < 1)
		skip(); /* a kernel without Landlock */
	pid = fork();
	if (!pid) {
		if (confine_privileges() || confine_files())
			syscall(SYS_exit_group, 99);
		open_by_name();
		syscall(SYS_exit_group, 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void is_another(void)
{
	uid_t uids[3];
	gid_t gids[3];

	check(!getresuid(&uids[0], &uids[1], &uids[2]) && !getresgid(&gids[0], &gids[1], &gids[2]));
	for (unsigned i = 0; i < 3; i++)
		check(uids[i] == 12345 && gids[i] == 23456);
	check(getgroups(0, NULL) == 0);
	check(setresuid(0, 0, 0) < 0 && errno == EPERM);
}

/* Before the list, which lets nobody ask who it is. */
static void root_becomes_another_user(void **state)
{
	pid_t pid;
	int status;

	(void)state;
	if (geteuid())
		skip();
	pid = fork();
	if (!pid) {
		sandbox = (struct vmm_sandbox){true, 12345, 23456, true};
		enter_sandbox();
		is_another();
		syscall(SYS_exit_group, 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static int group_setup(void **state)
{
	(void)state;
	tester = getpid();
	plain = memfd_create("plain", MFD_CLOEXEC);
	return plain < 0 || write(plain, "plain", 5) != 5;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_needed_ends_the_process),
		cmocka_unit_test(what_is_needed_works),
		cmocka_unit_test(capabilities_are_gone),
		cmocka_unit_test(variables_are_stored_by_firmware_alone),
		cmocka_unit_test(each_thread_has_its_own_list),
		cmocka_unit_test(a_processor_that_cannot_go_on_may_say_so),
		cmocka_unit_test(a_list_that_logs_lets_all_through),
		cmocka_unit_test(files_cannot_be_opened),
		cmocka_unit_test(root_becomes_another_user),
	};

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
