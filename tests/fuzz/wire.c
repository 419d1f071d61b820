/* SPDX-License-Identifier: MIT */
/* For libFuzzer: the bytes come by a socket, as messages, and as the text of a version. */
#include <sys/socket.h>
#include <unistd.h>

#include "lib/wire/message.h"
#include "lib/wire/version.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_reader reader;
	struct wire_limits limits;
	uint8_t out[WIRE_VERSION_MAX];
	int pair[2];

	if (!wire_version_read(data, size, &limits, NULL))
		wire_version_write(&limits, out, sizeof(out));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return 0;
	if (send(pair[0], data, size, MSG_DONTWAIT) >= 0) {
		close(pair[0]);
		wire_reader_init(&reader, 4096);
		while (wire_read(&reader, pair[1]) > 0)
			;
		wire_reader_end(&reader);
	} else {
		close(pair[0]);
	}
	close(pair[1]);
	return 0;
}
