/* SPDX-License-Identifier: MIT */
/*
 * Finds where a request ends in a stream of bytes, before anything reads it as JSON. A request is
 * one line; within a line it ends, too, with the bracket that closes it, because there are clients
 * that send no new line. Its length and its depth are limited here: the JSON parser recurses.
 */
#ifndef TOOL_RUN_QMP_SCAN_H
#define TOOL_RUN_QMP_SCAN_H

#include <stdbool.h>
#include <stddef.h>

enum { QMP_REQUEST_MAX = 65536, QMP_DEPTH_MAX = 32 };

struct qmp_scan {
	size_t length, depth; /* of the request so far, in bytes and open brackets */
	bool junk;            /* it does not begin as JSON does */
	bool string, escape;  /* in a string; behind a backslash of it */
	bool deep;            /* it was deeper than allowed */
	bool cut;             /* its line ended in the middle */
};

/**
 * Takes bytes up to the end of the request, or all. Returns how many; `*whole`: the request ended
 * with the last of them. What is only space between requests has length 0 then.
 */
size_t qmp_scan(struct qmp_scan *scan, const char *bytes, size_t count, bool *whole);

#endif
