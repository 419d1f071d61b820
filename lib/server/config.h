/* SPDX-License-Identifier: MIT */
/*
 * The described config space: bytes, and for each byte the bits that a write of the
 * client changes. config_layout.c makes them; config.c answers accesses and does what
 * single registers cause.
 */
#ifndef LIB_SERVER_CONFIG_H
#define LIB_SERVER_CONFIG_H

#include "lend/server.h"

enum { CONFIG_SIZE = 256, CONFIG_EXPRESS_SIZE = 4096 };

struct server_config {
	unsigned size; /* 0: config space is not described */
	uint8_t bytes[CONFIG_EXPRESS_SIZE], initial[CONFIG_EXPRESS_SIZE], writable[CONFIG_EXPRESS_SIZE];
	/* Where capabilities are; 0: there is none. */
	unsigned power, express, msi, msix;
	unsigned own, own_end; /* those of the caller: [own, own_end) */
	unsigned *own_at;
	struct lend_server_config given;
	uint8_t *table; /* of MSI-X; 16 bytes a vector */
};

/** Lays config space out from the description. 0, -EINVAL with a sentence, or -ENOMEM. */
int config_lay_out(struct lend_server *server, const struct lend_server_config *given,
		   struct lend_error *error);
void config_end(struct server_config *config);
/** Config space as it is after power-on. */
void config_reset(struct server_config *config);

/** Accesses of the client, which lie within config space. */
void config_read(struct lend_server *server, unsigned offset, void *data, unsigned length);
int config_write(struct lend_server *server, unsigned offset, const void *data, unsigned length);

/** Whether the command register switches the line off. */
bool config_line_is_off(const struct server_config *config);
/** Whether config space masks a vector of MSI or MSI-X. */
bool config_masks(const struct server_config *config, unsigned index, unsigned vector);

/* The MSI-X table and its pending bits (msix.c). */

/** A part of a BAR that the library answers. */
struct msix_part {
	uint64_t offset, length;
	bool is_table;
};

/** Writes the parts of region `region`, ascending, and returns how many there are, at most 2. */
unsigned msix_parts(const struct server_config *config, unsigned region, struct msix_part out[2]);
/** Accesses within a part; `offset` is from its start. */
void msix_read(struct lend_server *server, bool is_table, uint64_t offset, void *data, unsigned length);
void msix_write(struct lend_server *server, uint64_t offset, const void *data, unsigned length);

#endif
