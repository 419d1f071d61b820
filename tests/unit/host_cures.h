/* SPDX-License-Identifier: MIT */
/*
 * A person who follows what lend check prints, word for word, on a recorded
 * host. A command that is not known here fails the test: whoever adds a cure
 * says here what it does. So does a command that a real computer would refuse:
 * a path that is not there, a file system that has another mounted below it.
 */
#ifndef TESTS_UNIT_HOST_CURES_H
#define TESTS_UNIT_HOST_CURES_H

#include "lend/check.h"
#include "tests/unit/host_tree.h"

enum { CURES_DENIED = 4, CURES_LIMITS = 3 };

struct person {
	struct host_tree *tree;
	char denied[CURES_DENIED][PATH_MAX]; /* nodes that this user may not open yet */
	uint64_t limits[CURES_LIMITS];       /* hard limits: nofile, memlock, nproc; 0: none */
	const char *user;
	char journal[4096]; /* what was done, a line each */
};

/* The words of one command, and the file that its output goes to. */
enum { CURE_WORDS_MAX = 32 };

struct cure_command {
	const char *line; /* the whole, for what is said of it */
	char *words[CURE_WORDS_MAX + 1];
	int count;
	char *output;
};

/** Fails the test where a command is not done well. */
void cure_demand(const struct cure_command *command, bool well, const char *why);

/* Commands that end a use (host_cures_uses.c). */
void cure_umount(struct person *person, const struct cure_command *command);
void cure_nsenter(struct person *person, const struct cure_command *command);
void cure_swapoff(struct person *person, const struct cure_command *command);
void cure_disk(struct person *person, const struct cure_command *command);
void cure_stop(struct person *person, const struct cure_command *command);
void cure_ip(struct person *person, const struct cure_command *command);

/**
 * Follows the cure of a row. False: it has none that can be followed here, but a
 * sentence for a person who decides.
 */
bool cure_follow(struct person *person, const struct lend_check_row *row);

/** Keeps the user from a node of the tree, until a cure gives it: "dev/kvm". */
void cure_deny(struct person *person, const char *path);
bool cure_is_denied(const struct person *person, const char *path);

/* A host, what is wrong with it, and how it ends. */
enum { CURES_DEVICES = 4 };

struct sick_host {
	const char *tree;
	const char *devices[CURES_DEVICES];
	void (*edit)(struct person *person);
	const char *step; /* a cure that has to be on the way; NULL: any */
	const char *end;  /* the beginning of the sentence that is left; NULL: nothing failed in the end */
	struct lend_check_options options;
};

/* Those of the computer, of a device, of the user; the last one has no tree. */
extern const struct sick_host sick_computers[], sick_devices[], sick_users[];

#endif
