/* SPDX-License-Identifier: MIT */
/* See node.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/node.h"

enum { BITS = 8 * sizeof(unsigned long) };

int node_count(unsigned node, bool *has)
{
	unsigned long nodes[NODES_MAX / BITS] = {0};
	int count = 0;

	*has = false;
	if (syscall(SYS_get_mempolicy, NULL, nodes, NODES_MAX, NULL, MPOL_F_MEMS_ALLOWED))
		return -errno;
	for (unsigned i = 0; i < NODES_MAX / BITS; i++)
		count += __builtin_popcountl(nodes[i]);
	*has = node < NODES_MAX && nodes[node / BITS] >> node % BITS & 1;
	return count;
}

int node_bind(void *base, uint64_t size, unsigned node, bool alone)
{
	unsigned long nodes[NODES_MAX / BITS] = {0};

	if (node >= NODES_MAX)
		return -EINVAL;
	nodes[node / BITS] = 1ul << node % BITS;
	/* The kernel takes one bit less than it is told. */
	return syscall(SYS_mbind, base, size, alone ? MPOL_BIND : MPOL_PREFERRED, nodes, NODES_MAX + 1, 0)
		       ? -errno
		       : 0;
}

unsigned node_find_cpus(const char *sysfs, unsigned node, struct node_cpus *out)
{
	char path[256];
	unsigned count = 0;

	if (sched_getaffinity(0, sizeof(out->sets), out->sets))
		return 0;
	for (unsigned cpu = 0; cpu < NODE_CPUS_MAX; cpu++) {
		if (!CPU_ISSET_S(cpu, sizeof(out->sets), out->sets))
			continue;
		/* A link; the folder of the processor is not looked at. */
		snprintf(path, sizeof(path), "%.200s/devices/system/node/node%u/cpu%u", sysfs, node, cpu);
		if (faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW))
			CPU_CLR_S(cpu, sizeof(out->sets), out->sets);
		else
			count++;
	}
	return count;
}
