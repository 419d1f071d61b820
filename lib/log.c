/* SPDX-License-Identifier: MIT */
/*
 * Log lines. Those that a guest can cause pass through a bucket: BURST lines,
 * then one a second, so that no guest fills the host's disk (XSA-130).
 */
#include <stdarg.h>
#include <stdio.h>

#include "lib/context_private.h"

enum { BURST = 20, LINE = 512 };

void log_bucket_init(struct log_bucket *bucket)
{
	*bucket = (struct log_bucket){0};
	pthread_mutex_init(&bucket->lock, NULL);
}

void log_bucket_destroy(struct log_bucket *bucket)
{
	pthread_mutex_destroy(&bucket->lock);
}

/* Takes a token; `*swallowed` is how many lines were dropped before this one. */
static bool take_token(struct log_bucket *bucket, unsigned long *swallowed)
{
	struct timespec now;
	unsigned long back;
	bool pass;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	pthread_mutex_lock(&bucket->lock);
	back = now.tv_sec > bucket->filled ? (unsigned long)(now.tv_sec - bucket->filled) : 0;
	bucket->spent -= back < bucket->spent ? (unsigned)back : bucket->spent;
	bucket->filled = now.tv_sec;
	pass = bucket->spent < BURST;
	*swallowed = 0;
	if (pass) {
		bucket->spent++;
		*swallowed = bucket->swallowed;
		bucket->swallowed = 0;
	} else {
		bucket->swallowed++;
	}
	pthread_mutex_unlock(&bucket->lock);
	return pass;
}

void context_log(struct lend_context *context, enum lend_log_level level, const char *format, ...)
{
	char line[LINE];
	va_list args;

	if (!context->log)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	context->log(context->opaque, level, line);
}

void context_log_limited(struct lend_context *context, struct log_bucket *bucket, enum lend_log_level level,
			 const char *format, ...)
{
	unsigned long swallowed = 0;
	char line[LINE];
	va_list args;

	if (!context->log || (bucket && !take_token(bucket, &swallowed)))
		return;
	if (swallowed) {
		snprintf(line, sizeof(line), "%lu lines like the next were left out", swallowed);
		context->log(context->opaque, level, line);
	}
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	context->log(context->opaque, level, line);
}
