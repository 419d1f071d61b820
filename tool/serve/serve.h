/* SPDX-License-Identifier: MIT */
/*
 * lend serve: a kind of device is a row of a table, and everything else is common: the
 * command line, the socket, the sandbox, the loop and the end.
 *
 * The order of a life: options, read (what is wrong there is wrong in the command line,
 * and nothing was touched), open (files, devices: everything that a sandbox would
 * not let it), the server, start, the socket, the sandbox, and then the loop: the
 * server's work, and after it the kind's.
 */
#ifndef TOOL_SERVE_SERVE_H
#define TOOL_SERVE_SERVE_H

#include "lend/server.h"
#include "tool/args.h"

/** Rows of options that a kind may have. */
enum { SERVE_OPTIONS_MAX = 24 };

/** What a kind has opened. */
struct serve_device {
	struct lend_server_device device;
	struct lend_function *function; /* a device of the host is shown instead; NULL: `device` is */
	int fd;                         /* readable when `work` has work; -1: none */
	const char *const *calls; /* names of system calls that it needs beside the server's; ends with NULL;
				     NULL: none */
	const uint32_t *ioctls;   /* the only ones that are allowed */
	size_t ioctl_count;
};

struct serve_kind {
	const char *name;
	const char *summary;
	const char *help; /* of `lend serve NAME --help`: its usage and its own options */
	size_t state;     /* bytes of its state, which begin as 0 */
	/** Fills at most SERVE_OPTIONS_MAX rows, and returns how many. NULL: it has no options. */
	unsigned (*options)(void *state, struct args_option *rows);
	/** Checks its options' values and, in args->devices, the words that are no options; opens nothing. */
	int (*read)(void *state, const struct args *args, struct lend_error *error);
	/** `*out` is zero before, its fd -1. */
	int (*open)(void *state, struct lend_context *context, struct serve_device *out,
		    struct lend_error *error);
	/** The server is there; its sandbox is not. NULL: nothing. */
	int (*start)(void *state, struct lend_server *server, struct lend_error *error);
	/** Called in each round of the loop. An error ends the server; -ESHUTDOWN is none. NULL: nothing. */
	int (*work)(void *state);
	/** The server is gone already. Also called if `open` failed, or was not called. NULL: nothing. */
	void (*close)(void *state);
};

extern const struct serve_kind serve_net, serve_nvme, serve_pci, serve_test;

/**
 * Gives up what the server does not need any more: capabilities, files by their names
 * (Landlock, where the kernel has it), and system calls that are not listed. What is
 * dropped cannot be had back.
 */
int serve_sandbox(const struct serve_device *device, struct lend_error *error);

#endif
