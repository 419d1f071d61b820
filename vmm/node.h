/* SPDX-License-Identifier: MIT */
/* Nodes of the host's memory (NUMA): which there are, whose processors are near, and memory from one of them.
 */
#ifndef VMM_NODE_H
#define VMM_NODE_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NODES_MAX = 1024, NODE_CPUS_MAX = 8192 };

/* The processors of the host: a kernel may have more of them than fit into one cpu_set_t. */
struct node_cpus {
	cpu_set_t sets[NODE_CPUS_MAX / CPU_SETSIZE];
};

/**
 * How many nodes this process may have memory of; `*has`: whether `node` is one of them. -ENOSYS: the
 * kernel knows no nodes.
 */
int node_count(unsigned node, bool *has);

/**
 * Memory of [base, base + size), none of which is there yet, comes from `node`: from that one alone
 * (`alone`), or as long as it has any. 0, or what mbind(2) says.
 */
int node_bind(void *base, uint64_t size, unsigned node, bool alone);

/**
 * The processors of `node` that this thread may run on, by the folder of sysfs. Returns their number;
 * 0: there is none, or it is not known.
 */
unsigned node_find_cpus(const char *sysfs, unsigned node, struct node_cpus *out);

#endif
