/* SPDX-License-Identifier: MIT */
/* See limits.h. liblend computes what is needed and judges the limits, so that lend check says the same. */
#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>

#include "lend/check.h"
#include "vmm/error.h"
#include "vmm/kvm.h"
#include "vmm/limits.h"

/* Raises the soft limit to the hard one, and both to `least` where this process may raise the hard one. */
static void raise_limit(struct vmm *vmm, int resource, const char *what, rlim_t least)
{
	struct rlimit now, want;

	if (getrlimit((__rlimit_resource_t)resource, &now))
		return;
	want.rlim_cur = want.rlim_max = now.rlim_max < least ? least : now.rlim_max;
	if (setrlimit((__rlimit_resource_t)resource, &want)) {
		want.rlim_cur = want.rlim_max = now.rlim_max;
		if (setrlimit((__rlimit_resource_t)resource, &want))
			return;
	}
	if (want.rlim_cur == RLIM_INFINITY && now.rlim_cur != RLIM_INFINITY)
		vmm_log(vmm, LEND_LOG_INFO, "the limit of %s is raised from %llu to none", what,
			(unsigned long long)now.rlim_cur);
	else if (want.rlim_cur > now.rlim_cur)
		vmm_log(vmm, LEND_LOG_INFO, "the limit of %s is raised from %llu to %llu", what,
			(unsigned long long)now.rlim_cur, (unsigned long long)want.rlim_cur);
}

static void add_function(struct lend_check_needs *needs, const struct assigned *assigned)
{
	const struct lend_device_info *info = lend_device_info(assigned->device);
	unsigned vectors =
		info->vectors[LEND_IRQ_MSIX] ? info->vectors[LEND_IRQ_MSIX] : info->vectors[LEND_IRQ_MSI];

	needs->vectors += vectors;
	needs->iommufd |= info->backend == LEND_BACKEND_IOMMUFD;
	for (unsigned i = 0; i < LEND_DEVICE_BARS; i++)
		needs->areas += (unsigned)lend_device_areas(assigned->device, i, NULL, 0);
	if (vectors <= needs->widest_vectors)
		return;
	needs->widest = assigned->name;
	needs->widest_vectors = vectors;
}

/* A device behind a socket pins nothing. */
static bool is_pinned(const struct vmm *vmm)
{
	for (unsigned i = 0; i < vmm->config.device_count; i++)
		if (vmm->config.devices[i].backend != LEND_BACKEND_USER)
			return true;
	return false;
}

/* A device that is not open yet counts as one function; how many vectors it has is not known. */
static void sum_up(const struct vmm *vmm, struct lend_check_needs *needs)
{
	int routes = hv_check(vmm->vm, KVM_CAP_IRQ_ROUTING);

	*needs = (struct lend_check_needs){
		.size = sizeof(*needs),
		.memory = is_pinned(vmm) ? vmm->config.memory : 0,
		.processors = vmm->config.cpus,
		.functions = vmm->config.device_count,
		.routes = routes > 0 ? (unsigned)routes : 0,
	};
	for (const struct assigned *at = NULL; (at = assigned_next(vmm, at));)
		if (at->device)
			add_function(needs, at);
}

static int judge(struct vmm *vmm, const struct lend_check_row *row, struct lend_error *error)
{
	struct lend_error sentence;

	if (row->verdict != LEND_FAILED && row->verdict != LEND_NOTE)
		return 0;
	lend_check_sentence(row, &sentence);
	if (row->verdict == LEND_FAILED)
		return fail(error, -EMFILE, "%s", sentence.text);
	vmm_log(vmm, LEND_LOG_WARNING, "%s", sentence.text);
	return 0;
}

/*
 * What may be locked once devices have come: type1 charges each container for all of the memory, and a
 * device can need one of its own. Devices that are here already count in lend_check_needs.
 */
static uint64_t locked_later(const struct vmm *vmm, const struct lend_check_needs *needs)
{
	return vmm->config.ports ? vmm->config.memory * (vmm->config.ports + 1) : needs->memory;
}

int limits_check(struct vmm *vmm, struct lend_error *error)
{
	struct lend_check_needs needs;
	const struct lend_check_row *row;
	struct lend_check *check;
	int ret;

	sum_up(vmm, &needs);
	raise_limit(vmm, RLIMIT_NOFILE, "open files", 0);
	/* Root is held to no limit, but the user that its machine becomes (-user) is held to this one. */
	raise_limit(vmm, RLIMIT_NPROC, "threads", RLIM_INFINITY);
	raise_limit(vmm, RLIMIT_MEMLOCK, "locked memory", locked_later(vmm, &needs));
	ret = lend_check_limits(vmm->context, &needs, &check, error);
	if (ret)
		return ret;
	for (size_t i = 0; !ret && (row = lend_check_at(check, i)); i++)
		ret = judge(vmm, row, error);
	lend_check_free(check);
	return ret;
}
