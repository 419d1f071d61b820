/* SPDX-License-Identifier: MIT */
/* lend serve nvme: a raw image or a block device as an NVMe disk. */
#include <errno.h>
#include <string.h>

#include "tool/serve/nvme/controller.h"
#include "tool/serve/nvme/format.h"
#include "tool/serve/nvme/serve.h"
#include "tool/serve/serve.h"
#include "tool/run/options.h"

struct nvme_kind {
	struct nvme_serve serve;
	const char *queues, *format, *serial, *image;
	unsigned queue_count;
	bool readonly;
};

/* The ring is there already; what is left is to enter it. */
static const char *const calls[] = {"io_uring_enter", NULL};

static unsigned nvme_options(void *state, struct args_option *rows)
{
	struct nvme_kind *kind = state;

	rows[0] = (struct args_option){"queues", 'q', NULL, &kind->queues};
	rows[1] = (struct args_option){"format", 0, NULL, &kind->format};
	rows[2] = (struct args_option){"serial", 0, NULL, &kind->serial};
	rows[3] = (struct args_option){"readonly", 0, &kind->readonly, NULL};
	return 4;
}

/* Identify Controller shows it as ASCII: 0x20 to 0x7e (NVMe 1.4, 1.5). */
static bool is_serial(const char *text)
{
	size_t length = strlen(text);

	for (size_t i = 0; i < length; i++)
		if (text[i] < ' ' || text[i] > '~')
			return false;
	return length >= 1 && length <= 20;
}

static int nvme_kind_read(void *state, const struct args *args, struct lend_error *error)
{
	struct nvme_kind *kind = state;

	kind->serve.image.fd = -1;
	if (args->device_count != 1)
		return tool_fail(error, -EINVAL, "%s; give one file or block device",
				 args->device_count ? "more than one image is named" : "no image is named");
	/* What a guest writes into its first blocks must not decide how they are read. */
	if (kind->format && strcmp(kind->format, "raw") != 0)
		return tool_fail(
			error, -EINVAL,
			"there is no format '%.40s'; only raw images are served, so convert it first "
			"(qemu-img convert -O raw)",
			kind->format);
	kind->queue_count = 4;
	if (kind->queues && value_number(kind->queues, 1, NVME_QUEUES_MAX, &kind->queue_count))
		return tool_fail(error, -EINVAL,
				 "-q %.40s is no number of queue pairs; give one from 1 to %d", kind->queues,
				 NVME_QUEUES_MAX);
	if (kind->serial && !is_serial(kind->serial))
		return tool_fail(error, -EINVAL,
				 "--serial '%.40s': a serial number has 1 to 20 characters of ASCII",
				 kind->serial);
	kind->image = args->devices[0];
	return 0;
}

static int nvme_kind_open(void *state, struct lend_context *context, struct serve_device *out,
			  struct lend_error *error)
{
	struct nvme_kind *kind = state;
	int ret = nvme_image_open(&kind->serve.image, kind->image, kind->readonly, kind->serial, error);

	(void)context;
	if (ret)
		return ret;
	if (kind->serve.image.format && !kind->format)
		tool_say("%.300s looks like %s, and the guest gets its bytes as they are; if you do not "
			 "want that, %s",
			 kind->image, kind->serve.image.format->name, kind->serve.image.format->cure);
	kind->serve.say = tool_say;
	out->fd = nvme_image_fd(&kind->serve.image);
	out->calls = calls;
	return nvme_serve_open(&kind->serve, kind->queue_count, &out->device);
}

static int nvme_kind_start(void *state, struct lend_server *server, struct lend_error *error)
{
	(void)error;
	((struct nvme_kind *)state)->serve.server = server;
	return 0;
}

static int nvme_kind_work(void *state)
{
	nvme_serve_work(&((struct nvme_kind *)state)->serve);
	return 0;
}

static void nvme_kind_close(void *state)
{
	struct nvme_kind *kind = state;

	nvme_serve_close(&kind->serve);
	nvme_image_close(&kind->serve.image);
}

const struct serve_kind serve_nvme = {
	.name = "nvme",
	.summary = "a raw image or a block device as an NVMe disk",
	.help = "usage: lend serve nvme IMAGE [-q QUEUES] [--readonly] -s SOCKET\n"
		"\n"
		"Serves a raw image or a block device as an NVMe disk with one namespace.\n"
		"\n"
		"  -q, --queues N     at most so many queue pairs for I/O, 1 to 64 (default: 4);\n"
		"                     a guest uses one for each of its processors\n"
		"      --readonly     the guest cannot write; several servers may read an image\n"
		"      --serial TEXT  the disk's serial number (default: one of the image's path)\n"
		"      --format raw   the only format; images of others have to be converted\n",
	.state = sizeof(struct nvme_kind),
	.options = nvme_options,
	.read = nvme_kind_read,
	.open = nvme_kind_open,
	.start = nvme_kind_start,
	.work = nvme_kind_work,
	.close = nvme_kind_close,
};
