/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/confine.h"

int confine_user(uid_t user, gid_t group)
{
	if (setgroups(0, NULL) || setresgid(group, group, group) || setresuid(user, user, user))
		return -errno;
	return 0;
}

int confine_privileges(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {0};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	return syscall(SYS_capset, &header, none) ? -errno : 0;
}

/* linux/landlock.h of the oldest kernel headers that this builds with does not have all of it. */
enum { LANDLOCK_VERSION_FLAG = 1, LANDLOCK_CREATE = 444, LANDLOCK_RESTRICT = 446 };

struct landlock_rules {
	uint64_t files, network, scopes;
};

int confine_files(void)
{
	struct landlock_rules none = {0};
	long version = syscall(LANDLOCK_CREATE, NULL, 0, LANDLOCK_VERSION_FLAG);
	unsigned rights = version >= 5 ? 16 : version >= 3 ? 15 : version >= 2 ? 14 : 13;
	size_t size = version >= 6 ? 24 : version >= 4 ? 16 : 8;
	long fd;
	int ret;

	if (version < 1)
		return 0;
	none.files = (1ull << rights) - 1;
	none.network = version >= 4 ? 3 : 0;
	none.scopes = version >= 6 ? 3 : 0;
	fd = syscall(LANDLOCK_CREATE, &none, size, 0);
	if (fd < 0)
		return -errno;
	ret = syscall(LANDLOCK_RESTRICT, (int)fd, 0) ? -errno : 0;
	close((int)fd);
	return ret;
}

/* libseccomp hands a program out by a descriptor alone. */
static int export(scmp_filter_ctx filter, struct sock_fprog *out)
{
	int fd = memfd_create("filter", MFD_CLOEXEC), ret;
	struct stat st;

	if (fd < 0)
		return -errno;
	ret = seccomp_export_bpf(filter, fd);
	if (!ret && fstat(fd, &st))
		ret = -errno;
	if (!ret) {
		out->len = (unsigned short)((size_t)st.st_size / sizeof(*out->filter));
		out->filter = malloc((size_t)st.st_size);
		if (!out->filter)
			ret = -ENOMEM;
		else if (pread(fd, out->filter, (size_t)st.st_size, 0) != st.st_size)
			ret = -EIO;
	}
	close(fd);
	if (ret)
		confine_free(out);
	return ret;
}

int confine_program(int (*add_rules)(scmp_filter_ctx filter, const void *opaque), const void *opaque,
		    bool log, struct sock_fprog *out)
{
	scmp_filter_ctx filter = seccomp_init(log ? SCMP_ACT_LOG : SCMP_ACT_KILL_PROCESS);
	int ret;

	*out = (struct sock_fprog){0};
	if (!filter)
		return -ENOMEM;
	/* The default ends one thread alone, and the process would live on without it. */
	ret = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, log ? SCMP_ACT_LOG : SCMP_ACT_KILL_PROCESS);
	ret = ret ? ret : seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	ret = ret ? ret : add_rules(filter, opaque);
	ret = ret ? ret : export(filter, out);
	seccomp_release(filter);
	return ret;
}

int confine_allow_memory(scmp_filter_ctx filter)
{
	static const int calls[] = {SCMP_SYS(mmap), SCMP_SYS(mprotect)};
	int ret = 0;

	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls) && !ret; i++)
		ret = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 1,
				       SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	return ret;
}

int confine_calls(const struct sock_fprog *program)
{
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, program) ? -errno : 0;
}

void confine_free(struct sock_fprog *program)
{
	free(program->filter);
	*program = (struct sock_fprog){0};
}
