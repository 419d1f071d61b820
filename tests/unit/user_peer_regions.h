/* SPDX-License-Identifier: MIT */
/* The commands for regions of the scripted server (user_peer.h); each answers. */
#ifndef TESTS_UNIT_USER_PEER_REGIONS_H
#define TESTS_UNIT_USER_PEER_REGIONS_H

#include "tests/unit/user_peer.h"

void user_peer_region_info(struct user_peer *peer, const struct wire_reader *message);
void user_peer_io_fds(struct user_peer *peer, const struct wire_reader *message);
void user_peer_access(struct user_peer *peer, const struct wire_reader *message);

#endif
