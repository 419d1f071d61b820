/* SPDX-License-Identifier: MIT */
/* A server, its device and a raw client in one thread; see server_stage.h. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/server_stage.h"

static const char socket_path[] = "/tmp/lend-test-server-%d";

static int on_read(void *dev, unsigned region, uint64_t offset, void *data, unsigned length)
{
	struct server_stage *stage = dev;

	stage->reads++;
	if (region == STAGE_MAPPED)
		return (int)pread(stage->memory, data, length, (off_t)offset);
	memcpy(data, stage->bytes[region] + offset, length);
	return (int)length;
}

static int on_write(void *dev, unsigned region, uint64_t offset, const void *data, unsigned length)
{
	struct server_stage *stage = dev;

	stage->writes++;
	if (region == STAGE_MAPPED)
		return (int)pwrite(stage->memory, data, length, (off_t)offset);
	memcpy(stage->bytes[region] + offset, data, length);
	if (stage->on_write && stage->on_write(stage, region, offset) < 0)
		return -EIO;
	return (int)length;
}

static int on_reset(void *dev, enum lend_server_why why)
{
	struct server_stage *stage = dev;

	stage->resets++;
	stage->lost += why == LEND_SERVER_LOST;
	return stage->on_reset ? stage->on_reset(stage, why) : 0;
}

static int on_map(void *dev, const struct lend_domain_map *map)
{
	struct server_stage *stage = dev;

	stage->maps++;
	stage->last_map = *map;
	return stage->map_result;
}

static void on_unmap(void *dev, lend_iova_t iova, uint64_t length)
{
	struct server_stage *stage = dev;

	(void)iova, (void)length;
	stage->unmaps++;
	if (stage->on_unmap)
		stage->on_unmap(stage);
}

static void on_irqs_changed(void *dev)
{
	((struct server_stage *)dev)->irq_changes++;
}

static void on_config_written(void *dev, unsigned offset, unsigned length)
{
	(void)offset, (void)length;
	((struct server_stage *)dev)->written++;
}

static const struct lend_server_ops ops = {
	.size = sizeof(ops),
	.read = on_read,
	.write = on_write,
	.reset = on_reset,
	.map = on_map,
	.unmap = on_unmap,
	.irqs_changed = on_irqs_changed,
	.config_written = on_config_written,
};

static const uint8_t vendor_bytes[] = {0x10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13},
		     vendor_writable[] = {0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0};
static const struct lend_server_capability vendor = {
	.id = 9, .length = 16, .bytes = vendor_bytes, .writable = vendor_writable};
static const struct lend_area areas[] = {{0, 0x4000}, {0x8000, 0x4000}};

static void describe(struct server_stage *stage)
{
	stage->config = (struct lend_server_config){
		.vendor = 0x1234,
		.device = 0x5678,
		.subsystem_vendor = 0x1af4,
		.subsystem = 0x1100,
		.class_code = 0x00ff0001,
		.revision = 3,
		.bars = {[STAGE_PORTS] = LEND_SERVER_BAR_IO,
			 [STAGE_MAPPED] = LEND_SERVER_BAR_PREFETCH | LEND_SERVER_BAR_64},
		.intx = true,
		.express = true,
		.msi = STAGE_MSI_VECTORS,
		.msix = STAGE_VECTORS,
		.msix_bar = STAGE_MSIX,
		.msix_pending = STAGE_PENDING,
		.capabilities = &vendor,
		.capability_count = 1,
	};
	stage->device = (struct lend_server_device){
		.size = sizeof(stage->device),
		.name = "stage",
		.regions = {[STAGE_REGISTERS] = {.size = 4096, .readable = true, .writable = true},
			    [STAGE_PORTS] = {.size = 32, .readable = true, .writable = true},
			    [STAGE_MAPPED] = {.size = 0x10000,
					      .readable = true,
					      .writable = true,
					      .fd = stage->memory,
					      .areas = areas,
					      .area_count = 2},
			    [STAGE_MSIX] = {.size = 4096, .readable = true, .writable = true},
			    [LEND_REGION_ROM] = {.size = STAGE_ROM_SIZE, .readable = true}},
		.config = &stage->config,
		.ops = &ops,
		.dev = stage,
	};
}

static void on_log(void *opaque, enum lend_log_level level, const char *line)
{
	struct server_stage *stage = opaque;

	(void)level;
	snprintf(stage->log, sizeof(stage->log), "%s", line);
}

void stage_work(struct server_stage *stage)
{
	struct pollfd ready = {lend_server_fd(stage->server), POLLIN, 0};

	if (stage->pumping)
		return;
	stage->pumping = true;
	while (poll(&ready, 1, 0) == 1)
		if (lend_server_work(stage->server) < 0)
			break;
	stage->pumping = false;
}

static void pump(void *opaque)
{
	stage_work(opaque);
}

static void path_of(char out[64])
{
	snprintf(out, 64, socket_path, getpid());
}

void stage_take(struct server_stage *stage, int fd)
{
	peer_begin(&stage->peer, fd);
	stage->peer.pump = pump;
	stage->peer.opaque = stage;
	stage_work(stage);
}

void stage_connect(struct server_stage *stage)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	path_of(address.sun_path);
	peer_end(&stage->peer);
	assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	stage_take(stage, fd);
}

void stage_serve(struct server_stage *stage)
{
	struct lend_error error = {""};
	char path[64];

	path_of(path);
	lend_server_free(stage->server);
	stage->server = NULL;
	assert_int_equal(lend_server_new(stage->context, &stage->device, &stage->server, &error), 0);
	assert_int_equal(lend_server_listen(stage->server, path, &error), 0);
	stage_connect(stage);
}

int stage_setup_silent(void **state)
{
	struct server_stage *stage = calloc(1, sizeof(*stage));
	struct lend_context_config config = {.size = sizeof(config), .log = on_log};

	assert_non_null(stage);
	stage->fds = open_fds();
	stage->peer.fd = -1;
	config.opaque = stage;
	assert_int_equal(lend_context_new(&config, &stage->context), 0);
	stage->memory = memory_file(0x10000);
	describe(stage);
	stage_serve(stage);
	*state = stage;
	return 0;
}

int stage_setup(void **state)
{
	stage_setup_silent(state);
	assert_int_equal(peer_version(&((struct server_stage *)*state)->peer, 0, 2, wire_peer_text), 0);
	return 0;
}

int stage_teardown(void **state)
{
	struct server_stage *stage = *state;
	char path[64];

	path_of(path);
	peer_end(&stage->peer);
	lend_server_free(stage->server);
	assert_int_not_equal(access(path, F_OK), 0);
	lend_context_free(stage->context);
	close(stage->memory);
	assert_int_equal(open_fds(), stage->fds);
	free(stage);
	return 0;
}

void stage_is_in_step(struct server_stage *stage, unsigned fds)
{
	assert_int_equal(peer_read32(&stage->peer, LEND_REGION_CONFIG, 0), 0x56781234);
	wire_drop_fds(&stage->peer.reader);
	assert_int_equal(open_fds(), fds);
}

void stage_is_closed(struct server_stage *stage)
{
	unsigned fds;

	assert_true(peer_is_closed(&stage->peer));
	assert_false(lend_server_connected(stage->server));
	fds = open_fds();
	stage_connect(stage);
	assert_int_equal(peer_version(&stage->peer, 0, 1, wire_peer_text), 0);
	/* The new session has a socket more. */
	stage_is_in_step(stage, fds + 1);
}

uint64_t stage_signals(int eventfd)
{
	uint64_t count = 0;

	return read(eventfd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}
