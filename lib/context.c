/* SPDX-License-Identifier: MIT */
/*
 * The context. A guest can cause some of the lines that are logged here, so
 * they are limited: a bucket of BURST lines that fills with one a second.
 * Lock: `lock` guards the bucket alone and is not held while the sink runs.
 */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/context.h"

enum { BURST = 100 };

struct lend_context {
	char *sysfs_root, *dev_root, *proc_root;
	void (*log)(void *opaque, enum lend_log_level level, const char *line);
	void *opaque;
	pthread_mutex_t lock;
	unsigned tokens;
	unsigned long swallowed;
	time_t filled; /* when `tokens` was last brought up to date, seconds */
};

static char *copy_root(const char *given, const char *fallback)
{
	return strdup(given ? given : fallback);
}

int lend_context_new(const struct lend_context_config *config, struct lend_context **out)
{
	static const struct lend_context_config defaults = {.size = sizeof(defaults)};
	struct lend_context *context;

	if (!config)
		config = &defaults;
	if (config->size < sizeof(*config))
		return -EINVAL;
	context = calloc(1, sizeof(*context));
	if (!context)
		return -ENOMEM;
	pthread_mutex_init(&context->lock, NULL);
	context->log = config->log;
	context->opaque = config->opaque;
	context->tokens = BURST;
	context->sysfs_root = copy_root(config->sysfs_root, "/sys");
	context->dev_root = copy_root(config->dev_root, "/dev");
	context->proc_root = copy_root(config->proc_root, "/proc");
	if (!context->sysfs_root || !context->dev_root || !context->proc_root) {
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
	pthread_mutex_destroy(&context->lock);
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

/* Takes a token; `*swallowed` is how many lines were dropped before this one. */
static bool take_token(struct lend_context *context, unsigned long *swallowed)
{
	struct timespec now;
	bool pass;

	clock_gettime(CLOCK_MONOTONIC, &now);
	pthread_mutex_lock(&context->lock);
	if (context->filled && now.tv_sec > context->filled) {
		unsigned long more = (unsigned long)(now.tv_sec - context->filled);

		context->tokens = more >= BURST - context->tokens ? BURST : context->tokens + (unsigned)more;
	}
	context->filled = now.tv_sec;
	pass = context->tokens > 0;
	*swallowed = 0;
	if (pass) {
		context->tokens--;
		*swallowed = context->swallowed;
		context->swallowed = 0;
	} else {
		context->swallowed++;
	}
	pthread_mutex_unlock(&context->lock);
	return pass;
}

void context_log(struct lend_context *context, enum lend_log_level level, const char *format, ...)
{
	unsigned long swallowed;
	char line[512];
	va_list args;

	if (!context->log || !take_token(context, &swallowed))
		return;
	if (swallowed) {
		snprintf(line, sizeof(line), "%lu lines of log were left out", swallowed);
		context->log(context->opaque, LEND_LOG_WARNING, line);
	}
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	context->log(context->opaque, level, line);
}
