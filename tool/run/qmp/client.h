/* SPDX-License-Identifier: MIT */
/*
 * One client of the control socket: bytes and descriptors that come, bytes that wait for it. What
 * it may make us keep is bounded: a request, QMP_OUTPUT_MAX bytes of output, and its descriptors.
 */
#ifndef TOOL_RUN_QMP_CLIENT_H
#define TOOL_RUN_QMP_CLIENT_H

#include <jansson.h>
#include <stdint.h>

#include "tool/run/qmp/scan.h"

enum {
	QMP_OUTPUT_MAX = 1 << 20,   /* more than that unread, and the client is dropped */
	QMP_OUTPUT_PAUSE = 1 << 16, /* more than that unread, and no request of it is read */
	QMP_FDS_MAX = 4,            /* with one request */
	QMP_KEPT_MAX = 16,          /* descriptors with a name */
};

/* A descriptor that getfd or add-fd has given a name. */
struct qmp_kept {
	int fd;
	int set; /* of add-fd; -1: of getfd */
	char name[64];
};

/* Numbers of calls; higher ones are for calls that the keeper makes for itself. */
#define QMP_SERIALS UINT32_C(0x80000000)

struct qmp;

/* What a client waits for. */
struct qmp_wait {
	bool on;
	bool plug;       /* for an event of the device `number`, and for no answer */
	uint32_t serial; /* of the call, below QMP_SERIALS */
	unsigned number;
	json_t *rows;                    /* what came of it so far */
	json_t *(*finish)(json_t *rows); /* NULL: the answer is empty */
	/* Puts a row (a struct control_message) into `rows`; NULL: it has none. */
	void (*add)(const struct qmp *qmp, json_t *rows, const void *message);
};

struct qmp_client {
	struct qmp_client *next;
	int fd;
	bool negotiated;
	bool ended;       /* it sends nothing more */
	bool gone;        /* to be dropped */
	uint32_t watched; /* events of epoll */
	struct qmp_scan scan;
	char *request; /* QMP_REQUEST_MAX bytes, as long as there is one */
	int fds[QMP_FDS_MAX + 1];
	unsigned fd_count;
	bool fds_lost; /* more came than fit */
	json_t *id;    /* of the request that is being answered */
	struct qmp_wait wait;
	struct qmp_kept kept[QMP_KEPT_MAX];
	unsigned kept_count;
	char *output;
	size_t output_start, output_used, output_room;
};

/** Makes one; `fd` is its own from now on. NULL: not enough memory. */
struct qmp_client *qmp_client_new(int fd);
void qmp_client_free(struct qmp_client *client);

/**
 * Reads until a request is whole. 1: it is, in client->request (whose length is in client->scan);
 * 0: nothing more now. Sets `ended` or `gone`.
 */
int qmp_client_read(struct qmp_client *client);
/** The request has been answered, or will be: what came with it and was not taken is closed. */
void qmp_client_done(struct qmp_client *client);

/** Sends a message, and its new line; takes over the reference. */
void qmp_client_send(struct qmp_client *client, json_t *message);
/** Sends what waits, as much as the client takes now. */
void qmp_client_flush(struct qmp_client *client);

#endif
