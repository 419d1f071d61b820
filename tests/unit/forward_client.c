/* SPDX-License-Identifier: MIT */
/* The client of test_forward.c; see forward_client.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lend/reset.h"
#include "lib/wire/protocol.h"
#include "tests/unit/cmocka.h"
#include "tests/unit/forward_client.h"

struct client *client_new(void)
{
	struct client *client = calloc(1, sizeof(*client));
	struct world *world = world_new();

	assert_non_null(client);
	client->world = world;
	world_nvme(world);
	world->noresize = true;
	world->vectors[LEND_IRQ_INTX] = world->vectors[LEND_IRQ_ERR] = world->vectors[LEND_IRQ_REQ] = 1;
	world->function_config.no_intx = true;
	world->function_config.p2p = LEND_P2P_OFF;
	world->file = memory_file((size_t)LEND_REGION_COUNT << 40); /* empty: it takes no room */
	strcpy(client->folder, "/tmp/lend-forward-XXXXXX");
	assert_non_null(mkdtemp(client->folder));
	snprintf(client->path, sizeof(client->path), "%s/s", client->folder);
	return client;
}

void client_open(struct client *client)
{
	struct world *world = client->world;
	struct lend_reset_report report;

	assert_int_equal(world_open(world), 0);
	assert_int_equal(lend_context_reset(world->context, &world->function, 1, &report, sizeof(report)), 0);
	assert_int_equal(lend_server_new_for(world->function, &client->server, &world->error), 0);
	assert_int_equal(lend_server_listen(client->server, client->path, &world->error), 0);
	client_join(client);
	world_clear(world);
}

static void work(void *opaque)
{
	struct client *client = opaque;

	assert_int_equal(lend_server_work(client->server), 0);
}

void client_join(struct client *client)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, client->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	peer_begin(&client->peer, fd);
	client->peer.pump = work;
	client->peer.opaque = client;
	client->joined = true;
	assert_int_equal(peer_version(&client->peer, 0, 1, wire_peer_text), 0);
	assert_true(lend_server_connected(client->server));
}

void client_leave(struct client *client)
{
	if (!client->joined)
		return;
	peer_end(&client->peer);
	client->joined = false;
	while (client->server && lend_server_connected(client->server))
		work(client);
}

void client_free_server(struct client *client)
{
	lend_server_free(client->server);
	client->server = NULL;
}

void client_free(struct client *client)
{
	client_leave(client);
	client_free_server(client);
	rmdir(client->folder);
	if (client->world->context)
		world_close(client->world);
	close(client->world->file);
	world_free(client->world);
	free(client);
}

struct wire_region_info client_region(struct client *client, unsigned index, int *fd)
{
	struct wire_region_info info = {.argsz = 256, .index = index};

	assert_int_equal(peer_ask(&client->peer, WIRE_GET_REGION_INFO, &info, sizeof(info)), 0);
	memcpy(&info, client->peer.reader.payload, sizeof(info));
	*fd = wire_take_fd(&client->peer.reader, 0);
	return info;
}

struct wire_irq_info client_irq(struct client *client, unsigned index)
{
	struct wire_irq_info info = {.argsz = sizeof(info), .index = index};

	assert_int_equal(peer_ask(&client->peer, WIRE_GET_IRQ_INFO, &info, sizeof(info)), 0);
	memcpy(&info, client->peer.reader.payload, sizeof(info));
	return info;
}

int client_write(struct client *client, unsigned region, uint64_t offset, unsigned length, uint64_t value)
{
	int ret = peer_write(&client->peer, region, offset, &value, length);

	return ret < 0 ? ret : ret == (int)length ? 0 : -EIO;
}

uint64_t client_read(struct client *client, unsigned region, uint64_t offset, unsigned length)
{
	uint64_t value = 0;

	assert_int_equal(peer_read(&client->peer, region, offset, &value, length), length);
	return value;
}

int client_reset(struct client *client)
{
	return peer_ask(&client->peer, WIRE_RESET, NULL, 0);
}
