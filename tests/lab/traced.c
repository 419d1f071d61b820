/* SPDX-License-Identifier: MIT */
/*
 * Takes the place of lend (LEND, a path given to the compiler), and writes down in L1 which system calls
 * its threads make once their filter is set.
 *
 * $LAB_RESULTS/calls-$LEND_CALLS-PROCESS gets a line "THREAD NUMBER" for a call, or "THREAD ioctl NUMBER",
 * when a thread of that name makes it for the first time: nothing is lost when a machine is killed. Each call
 * is stopped once, by a filter of its own, for the tracer; KVM_RUN is let pass, of which there are most by
 * far. The tracer is in no cgroup of a command, and nobody's child: it is not there for lend, nor for who
 * looks at what lend left.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/kvm.h>
#include <linux/ptrace.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* After linux/ptrace.h, of which glibc's has a part. */
extern long ptrace(int request, ...);

enum { MAX_TASKS = 512, MAX_SEEN = 2048, NAME_BYTES = 32, MAX_FILES = 1024 };

static struct task {
	pid_t id;
	char name[NAME_BYTES];
} tasks[MAX_TASKS]; /* those whose filter is set */

static struct seen {
	char name[NAME_BYTES];
	unsigned long call, request;
} seen[MAX_SEEN];

static size_t seen_count;
static FILE *out;

static void fail(const char *what)
{
	fprintf(stderr, "traced: %s: %s\n", what, strerror(errno));
	exit(1);
}

static struct task *task_of(pid_t id)
{
	for (size_t i = 0; i < MAX_TASKS; i++)
		if (tasks[i].id == id)
			return &tasks[i];
	return NULL;
}

/* "lend-vcpu0" and its like are one kind of threads. */
static void name_of(pid_t id, char name[NAME_BYTES])
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/comm", id);
	file = fopen(path, "re");
	if (!file || !fgets(name, NAME_BYTES, file))
		strcpy(name, "?");
	if (file)
		fclose(file);
	name[strcspn(name, "0123456789\n")] = '\0';
}

static void write_down(const struct task *task, unsigned long call, unsigned long request)
{
	for (size_t i = 0; i < seen_count; i++)
		if (seen[i].call == call && seen[i].request == request && !strcmp(seen[i].name, task->name))
			return;
	if (seen_count == MAX_SEEN)
		return;
	seen[seen_count].call = call;
	seen[seen_count].request = request;
	strcpy(seen[seen_count++].name, task->name);
	if (call == SYS_ioctl)
		fprintf(out, "%s ioctl %#lx\n", task->name, request);
	else
		fprintf(out, "%s %lu\n", task->name, call);
}

static void called(pid_t id)
{
	struct ptrace_syscall_info info;
	struct task *task = task_of(id);

	if (ptrace(PTRACE_GET_SYSCALL_INFO, id, sizeof(info), &info) < 0)
		return; /* it was killed */
	if (task) {
		write_down(task, info.seccomp.nr,
			   info.seccomp.nr == SYS_ioctl ? (unsigned)info.seccomp.args[1] : 0);
	} else if (info.seccomp.nr == SYS_seccomp && info.seccomp.args[0] == SECCOMP_SET_MODE_FILTER &&
		   info.seccomp.args[2]) { /* without a program: libseccomp asks what the kernel knows */
		task = task_of(0);
		if (!task)
			fail("too many threads");
		task->id = id;
		name_of(id, task->name);
	}
}

static void stopped(pid_t id, int status)
{
	int signal = WSTOPSIG(status);

	switch (status >> 16) {
	case PTRACE_EVENT_SECCOMP:
		called(id);
		break;
	case PTRACE_EVENT_STOP:
		if (signal != SIGTRAP) { /* a stopped process stays so until it is told to go on */
			ptrace(PTRACE_LISTEN, id, 0, 0);
			return;
		}
		break;
	case 0:
		ptrace(PTRACE_CONT, id, 0, signal);
		return;
	}
	ptrace(PTRACE_CONT, id, 0, 0);
}

static void watch(void)
{
	int status;
	pid_t id;

	while ((id = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
		if (id > 0 && WIFSTOPPED(status)) {
			stopped(id, status);
		} else if (id > 0) {
			struct task *task = task_of(id);

			if (task)
				task->id = 0;
		}
	}
}

static void leave_cgroup(void)
{
	int fd = open("/sys/fs/cgroup/cgroup.procs", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "0", 1) != 1)
		fail("/sys/fs/cgroup");
	close(fd);
}

static void trace(pid_t id, int ready)
{
	long options = PTRACE_O_TRACESECCOMP | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
		       PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC;

	setsid();
	leave_cgroup();
	if (ptrace(PTRACE_SEIZE, id, 0, options) < 0)
		fail("cannot trace");
	if (write(ready, "", 1) != 1)
		fail("the command is gone");
	/* What the command has open ends with the command. */
	for (int fd = 0; fd < MAX_FILES; fd++)
		if (fd != fileno(out))
			close(fd);
	watch();
}

static void begin_trace(void)
{
	pid_t id = getpid(), child;
	int ready[2];
	char path[4096], byte;

	snprintf(path, sizeof(path), "%s/calls-%s-%d", getenv("LAB_RESULTS"), getenv("LEND_CALLS"), id);
	out = fopen(path, "we");
	if (!out || pipe(ready))
		fail(path);
	setvbuf(out, NULL, _IOLBF, 0);
	child = fork();
	if (!child) {
		close(ready[0]);
		if (!fork())
			trace(id, ready[1]);
		_exit(0);
	}
	close(ready[1]);
	if (child < 0 || waitpid(child, NULL, 0) < 0 || read(ready[0], &byte, 1) != 1)
		fail("no tracer");
	close(ready[0]);
	fclose(out);
}

static void stop_each_call(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, KVM_RUN, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
	};
	struct sock_fprog program = {sizeof(filter) / sizeof(*filter), filter};

	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		fail("cannot have calls stop");
}

int main(int argc, char **argv)
{
	if (argc > 1 && getenv("LAB_RESULTS") && getenv("LEND_CALLS") &&
	    (!strcmp(argv[1], "run") || !strcmp(argv[1], "serve"))) {
		begin_trace();
		stop_each_call();
	}
	argv[0] = LEND;
	execv(LEND, argv);
	fail(LEND);
}
