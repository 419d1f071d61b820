/* SPDX-License-Identifier: MIT */
/* What sysfs says of a virtual function and the physical one that it was made of; see token_owner.h. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/context.h"
#include "lib/error.h"
#include "lib/nodes.h"
#include "lib/open/token_owner.h"

enum kind {
	KIND_UNKNOWN,
	KIND_NEITHER,
	KIND_PHYSICAL, /* it can have virtual functions */
	KIND_VIRTUAL,
};

static bool join(char out[PATH_MAX], const struct lend_context *context, const char *name, const char *file)
{
	return snprintf(out, PATH_MAX, "%s/bus/pci/devices/%s/%s", context_sysfs(context), name, file) <
	       PATH_MAX;
}

/* What `host` is; of a virtual function also what it was made of. */
static enum kind look(struct lend_context *context, const struct lend_host_device *host,
		      struct lend_host_device *physical)
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *name;
	ssize_t length;

	if (!context || host->is_mdev)
		return host->is_mdev ? KIND_NEITHER : KIND_UNKNOWN;
	if (!host->is_vf)
		return !join(path, context, host->name, "sriov_totalvfs") || access(path, F_OK)
			       ? KIND_NEITHER
			       : KIND_PHYSICAL;
	length = join(path, context, host->name, "physfn") ? readlink(path, target, sizeof(target) - 1) : -1;
	if (length < 0)
		return KIND_UNKNOWN;
	target[length] = '\0';
	name = strrchr(target, '/');
	return lend_host_find(context, name ? name + 1 : target, physical, sizeof(*physical), NULL)
		       ? KIND_UNKNOWN
		       : KIND_VIRTUAL;
}

static int say_none_given(const struct lend_host_device *host, const struct lend_host_device *physical,
			  struct lend_error *error)
{
	return error_say(
		error, -EACCES,
		"%s: no VF token was given; it is a virtual function of %s, which is with %s: give the "
		"token that the user of %s has set, with vf-token=",
		host->name, physical->name, physical->driver, physical->name);
}

int token_check(struct lend_context *context, const struct lend_host_device *host, const char *token,
		struct lend_error *error)
{
	struct lend_host_device physical;
	enum kind kind = look(context, host, &physical);
	bool due = kind == KIND_VIRTUAL && nodes_ask_for_token(physical.driver);

	if (!token)
		return due ? say_none_given(host, &physical, error) : 0;
	if (kind == KIND_VIRTUAL && !due)
		return error_say(
			error, -EINVAL,
			"%s takes no VF token: it is a virtual function of %s, which is with %s and not "
			"with vfio-pci; leave vf-token= out",
			host->name, physical.name, physical.driver[0] ? physical.driver : "no driver");
	if (kind == KIND_NEITHER)
		return error_say(error, -EINVAL,
				 "%s takes no VF token: it is no virtual function, and can have none; leave "
				 "vf-token= out",
				 host->name);
	return 0;
}

int token_say_refused(struct lend_context *context, const struct lend_host_device *host, bool given,
		      struct lend_error *error)
{
	struct lend_host_device physical;
	enum kind kind = look(context, host, &physical);

	if (kind == KIND_PHYSICAL)
		return error_say(
			error, -EACCES,
			"%s: %s; its virtual functions are in use: give the token that they were opened "
			"with, as vf-token=",
			host->name, given ? "the VF token is not the right one" : "no VF token was given");
	if (given)
		return error_say(
			error, -EACCES,
			"%s: the VF token is not the one that the user of its physical function%s%s has "
			"set; give that one with vf-token=",
			host->name, kind == KIND_VIRTUAL ? " " : "",
			kind == KIND_VIRTUAL ? physical.name : "");
	if (kind == KIND_VIRTUAL)
		return say_none_given(host, &physical, error);
	return error_say(error, -EACCES,
			 "%s: no VF token was given; it is a virtual function whose physical one is with "
			 "vfio-pci: give the token that the user of that one has set, with vf-token=",
			 host->name);
}

int token_say_not_taken(const struct lend_host_device *host, struct lend_error *error)
{
	return error_say(error, -EINVAL,
			 "%s takes no VF token: it is no virtual function of a device that is with vfio-pci; "
			 "leave vf-token= out",
			 host->name);
}
