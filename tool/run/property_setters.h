/* SPDX-License-Identifier: MIT */
/*
 * The functions of the rows of the table: each reads the value of one property,
 * or of all of a kind, and puts what it says into the device. 0, or -EINVAL
 * with the sentence in `error`.
 */
#ifndef TOOL_RUN_PROPERTY_SETTERS_H
#define TOOL_RUN_PROPERTY_SETTERS_H

#include "tool/run/properties.h"

enum { CLIQUE_MAX = 15, CLIQUE_OFF = 255 };

/* property_device.c */
property_setter property_host;
property_setter property_sysfsdev;
property_setter property_claim;
property_setter property_fd;
property_setter property_iommufd;
property_setter property_vf_token;
property_setter property_expect;
property_setter property_id;
property_setter property_bootindex;

/* property_user.c */
property_setter property_socket;
property_setter property_msg_timeout;
property_setter property_reconnect;

/* property_kinds.c: a switch whose field says the same, or the opposite; numbers. */
property_setter property_switch;
property_setter property_opposite;
property_setter property_count;
property_setter property_id16;
property_setter property_class;

/* property_function.c */
property_setter property_intx_timeout;
property_setter property_clique;
property_setter property_romfile;
property_setter property_rombar;
property_setter property_romsize;
property_setter property_relocation;
property_setter property_ats;
property_setter property_p2p;
property_setter property_config;
property_setter property_on_error;

/** Reads a number of any base that C knows, up to the row's most. 0 or -EINVAL. */
int property_number(const struct property *row, const char *value, uint64_t *out, struct lend_error *error);

#endif
