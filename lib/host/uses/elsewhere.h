/* SPDX-License-Identifier: MIT */
/* A network namespace other than the survey's, and a visit to it. */
#ifndef LIB_HOST_USES_ELSEWHERE_H
#define LIB_HOST_USES_ELSEWHERE_H

#include "lib/host/survey/survey.h"
#include "lib/host/uses/netlink.h"

struct elsewhere {
	char id[32];   /* "net:[4026532001]" */
	char name[64]; /* of ip-netns(8); empty: it has none */
	pid_t pid;     /* a process that is in it; 0: none is known */
};

struct visit {
	struct lend_survey *survey;
	const struct elsewhere *row;
	int own_fd; /* the namespace of the survey */
	int ours;   /* how that is called there; negative: nothing there leads to it */
	bool seen;
};

/** A netlink_each_fn for the links of a namespace; `opaque` is a struct visit. */
void elsewhere_take(void *opaque, const struct nlmsghdr *message, size_t size);

#endif
