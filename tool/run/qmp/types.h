/* SPDX-License-Identifier: MIT */
/*
 * The types of arguments, of answers and of the data of events, as tables. Requests are checked
 * against them, and query-qmp-schema is made of them. A name in brackets, "[str]", is an array.
 */
#ifndef TOOL_RUN_QMP_TYPES_H
#define TOOL_RUN_QMP_TYPES_H

#include <jansson.h>
#include <stdbool.h>

#include "lend/types.h"

struct qmp_member {
	const char *name, *type;
	bool optional;
};

enum { QMP_MEMBERS_MAX = 16 };

struct qmp_type {
	const char *name;
	const char *const *values;                  /* of an enumeration, up to NULL; else NULL */
	struct qmp_member members[QMP_MEMBERS_MAX]; /* up to one without a name */
	bool devices;                               /* and, optional, each property of -device */
};

/** Row `index` of the types that are no part of the language; NULL beyond the last. */
const struct qmp_type *qmp_type_row(size_t index);
const struct qmp_type *qmp_type_find(const char *name);

/** The name of the type of a device's property; NULL beyond the last that works. */
const char *qmp_property_type(size_t index, const char **name);

/**
 * Checks the arguments of a command, `who` in sentences, against a type: none that is unknown, all
 * that must be there, each of its type. 0 or -EINVAL.
 */
int qmp_arguments_check(const char *who, const char *type, const json_t *arguments, struct lend_error *error);

/** The answer to query-qmp-schema. */
json_t *qmp_schema(void);

/** Text as JSON: what is no UTF-8 becomes question marks. */
json_t *qmp_text(const char *text);

#endif
