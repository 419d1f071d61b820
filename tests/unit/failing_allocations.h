/* SPDX-License-Identifier: MIT */
/*
 * For one test program each: allocations, by --wrap of the linker (Makefile). While they are
 * counted, the one whose turn it is fails.
 */
#ifndef TESTS_UNIT_FAILING_ALLOCATIONS_H
#define TESTS_UNIT_FAILING_ALLOCATIONS_H

#include <stdbool.h>
#include <stddef.h>

static unsigned allocations, fails_at; /* how many were counted; the one that fails, from 1; 0: none */
static bool counting;

static bool fails(void)
{
	return counting && ++allocations == fails_at;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return fails() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text)
{
	return fails() ? NULL : __real_strdup(text);
}

#endif
