/* SPDX-License-Identifier: MIT */
/* The context: the log's sink, the roots of pseudo file systems, and the registries of open things. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/context.h"
#include "lib/context_private.h"
#include "lib/sized.h"

int lend_context_new(const struct lend_context_config *config, struct lend_context **out)
{
	struct lend_context_config given = {.size = sizeof(given)};
	struct lend_context *context;
	int ret = config ? sized_take(&given, sizeof(given), config, sizeof(given.size) + 1) : 0;

	if (ret < 0)
		return ret;
	context = calloc(1, sizeof(*context));
	if (!context)
		return -ENOMEM;
	pthread_mutex_init(&context->groups.lock, NULL);
	pthread_mutex_init(&context->devices.lock, NULL);
	pthread_mutex_init(&context->rules.lock, NULL);
	pthread_mutex_init(&context->boards.lock, NULL);
	pthread_mutex_init(&context->iommufd.lock, NULL);
	context->iommufd.fd = -1;
	context->log = given.log;
	context->opaque = given.opaque;
	context->sysfs_root = strdup(given.sysfs_root ? given.sysfs_root : "/sys");
	context->dev_root = strdup(given.dev_root ? given.dev_root : "/dev");
	context->proc_root = strdup(given.proc_root ? given.proc_root : "/proc");
	context->state_root = strdup(given.state_root ? given.state_root : "/run/lend");
	context->config_root = strdup(given.config_root ? given.config_root : "/etc/lend");
	context->rules.directory = strdup(given.quirks_dir ? given.quirks_dir : "/etc/lend/quirks.d");
	if (!context->sysfs_root || !context->dev_root || !context->proc_root || !context->state_root ||
	    !context->config_root || !context->rules.directory) {
		lend_context_free(context);
		return -ENOMEM;
	}
	*out = context;
	return 0;
}

void lend_context_free(struct lend_context *context)
{
	if (!context)
		return;
	free(context->sysfs_root);
	free(context->dev_root);
	free(context->proc_root);
	free(context->state_root);
	free(context->config_root);
	free(context->rules.directory);
	if (context->rules.free)
		context->rules.free(context->rules.rules);
	if (context->boards.free)
		context->boards.free(context->boards.first);
	pthread_mutex_destroy(&context->boards.lock);
	pthread_mutex_destroy(&context->rules.lock);
	pthread_mutex_destroy(&context->groups.lock);
	pthread_mutex_destroy(&context->devices.lock);
	pthread_mutex_destroy(&context->iommufd.lock);
	if (context->iommufd.fd >= 0)
		close(context->iommufd.fd);
	free(context);
}

const char *context_sysfs(const struct lend_context *context)
{
	return context->sysfs_root;
}

const char *context_dev(const struct lend_context *context)
{
	return context->dev_root;
}

const char *context_proc(const struct lend_context *context)
{
	return context->proc_root;
}

const char *context_state(const struct lend_context *context)
{
	return context->state_root;
}

const char *context_config(const struct lend_context *context)
{
	return context->config_root;
}

struct context_kernel *context_kernel(struct lend_context *context)
{
	return &context->kernel;
}

struct context_groups *context_groups(struct lend_context *context)
{
	return &context->groups;
}

struct context_rules *context_rules(struct lend_context *context)
{
	return &context->rules;
}

struct context_boards *context_boards(struct lend_context *context)
{
	return &context->boards;
}

struct context_devices *context_devices(struct lend_context *context)
{
	return &context->devices;
}

struct context_iommufd *context_iommufd(struct lend_context *context)
{
	return &context->iommufd;
}
