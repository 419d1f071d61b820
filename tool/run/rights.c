/* SPDX-License-Identifier: MIT */
/*
 * The keeper outlives the start: it takes devices that come later and gives back those that
 * go, starts servers again, and ends the machine. A row is here for one of these alone.
 */
#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tool/run/rights.h"

static const unsigned char kept[] = {
	/* Config space of a device that is taken, beyond its first 64 bytes; passt's name spaces. */
	CAP_SYS_ADMIN,
	/* Images and nodes of other users. */
	CAP_DAC_OVERRIDE,
	/* The node of a device goes back to whom it had before (lend bind --user). */
	CAP_CHOWN,
	CAP_FOWNER,
	/* Ending a machine that has become another user (-user). */
	CAP_KILL,
	/* vfio-pci, for a device that is taken later. */
	CAP_SYS_MODULE,
	/* Which process has a device that cannot be taken, for the sentence. */
	CAP_SYS_PTRACE,
	/* A tap of -net, for a server that is started again. */
	CAP_NET_ADMIN,
	/* passt becomes nobody, and drops what it has itself. */
	CAP_SETUID,
	CAP_SETGID,
	CAP_SETPCAP,
	/* Limits of a server that is started again: a device's memory is locked. */
	CAP_SYS_RESOURCE,
	CAP_IPC_LOCK,
};

uint64_t rights_kept(void)
{
	uint64_t mask = 0;

	for (size_t i = 0; i < sizeof(kept); i++)
		mask |= UINT64_C(1) << kept[i];
	return mask;
}

int rights_drop(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];
	uint64_t mask = rights_kept();

	/* Up to the last that this kernel knows. Who may not drop one has none. */
	for (unsigned i = 0; prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++)
		if (!(mask >> i & 1) && prctl(PR_CAPBSET_DROP, i, 0, 0, 0) && errno != EPERM)
			return -errno;
	if (syscall(SYS_capget, &header, data))
		return -errno;
	for (unsigned i = 0; i < 2; i++) {
		data[i].effective &= (uint32_t)(mask >> 32 * i);
		data[i].permitted &= (uint32_t)(mask >> 32 * i);
		/* With it goes what is ambient: what is kept is also a server's that a user starts again. */
		data[i].inheritable &= (uint32_t)(mask >> 32 * i);
	}
	if (syscall(SYS_capset, &header, data) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	return 0;
}
