/* SPDX-License-Identifier: MIT */
/* How long turns take, and the one in the middle. */
#ifndef BENCH_TURNS_H
#define BENCH_TURNS_H

#include <stdlib.h>
#include <time.h>

/** us, of a clock that does not go back. */
static inline double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static inline int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/** Sorts the values. */
static inline double median(double *values, unsigned count)
{
	qsort(values, count, sizeof(values[0]), ascending);
	return values[count / 2];
}

#endif
