/* SPDX-License-Identifier: MIT */
/*
 * Guest memory whose file became shorter: the kernel sends SIGBUS, and the program's
 * handler asks here. A handler knows no server, so there is one list of all servers of
 * the process. A spin lock guards it and the table of maps of each server. A handler may
 * take it: who holds it touches no guest memory, so a thread that holds it gets no such
 * signal.
 */
#ifndef LIB_SERVER_SIGBUS_H
#define LIB_SERVER_SIGBUS_H

struct server_maps;

struct sigbus_entry {
	struct sigbus_entry *next;
	const struct server_maps *maps;
};

void sigbus_add(struct sigbus_entry *entry, const struct server_maps *maps);
void sigbus_remove(struct sigbus_entry *entry);
/** Around each change of a table of maps. */
void sigbus_lock(void);
void sigbus_unlock(void);

#endif
