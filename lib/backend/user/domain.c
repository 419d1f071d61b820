/* SPDX-License-Identifier: MIT */
/*
 * The domain of a device behind a socket: the server is told of each piece of
 * guest memory. With a file behind it, the server gets the descriptor and maps it;
 * without, it asks for the bytes by messages (dma.c).
 */
#include <errno.h>

#include "lib/backend/user/call.h"
#include "lib/backend/user/maps.h"
#include "lib/backend/user/session.h"

int user_domain_tell(struct user_session *session, const struct domain_map *map)
{
	bool by_file = map->fd >= 0 && session->server.fds;
	struct wire_dma_map what = {
		.argsz = sizeof(what),
		.flags = (map->access & LEND_ACCESS_READ ? WIRE_DMA_READABLE : 0u) |
			 (map->access & LEND_ACCESS_WRITE ? WIRE_DMA_WRITABLE : 0u),
		.offset = by_file ? map->offset : 0,
		.address = map->iova,
		.size = map->length,
	};
	struct user_call call = {.command = WIRE_DMA_MAP,
				 .out = {{&what, sizeof(what)}},
				 .out_count = 1,
				 .fds = &map->fd,
				 .fd_count = by_file};

	return user_call(session, &call);
}

static int tell_unmap(struct user_session *session, lend_iova_t iova, uint64_t length)
{
	struct wire_dma_unmap what = {.argsz = sizeof(what), .address = iova, .size = length}, echo;
	struct user_call call = {.command = WIRE_DMA_UNMAP,
				 .out = {{&what, sizeof(what)}},
				 .out_count = 1,
				 .in = {{&echo, sizeof(echo)}},
				 .in_count = 1};

	return user_call(session, &call);
}

/* A device that is in use and whose server is gone goes on: there is nobody who could touch the memory. */
static int unless_dead(struct user_session *session, int ret)
{
	bool quiet;

	if (ret != -ENOTCONN)
		return ret;
	pthread_mutex_lock(&session->lock);
	quiet = session->open;
	pthread_mutex_unlock(&session->lock);
	return quiet ? 0 : ret;
}

static int user_map(void *domain, const struct domain_map *map)
{
	struct user_session *session = domain;
	uint64_t page = session->server.page_sizes & -session->server.page_sizes;
	int ret;

	/* A server gets no BARs of other devices: its DMA to one fails, as across a bus that does not route
	 * it. */
	if (map->peer)
		return 0;
	if (page && (map->iova | map->length) & (page - 1))
		return -EINVAL;
	/* It is known before the server is, who may use it before its reply has come. */
	pthread_mutex_lock(&session->lock);
	ret = maps_add(session, map);
	pthread_mutex_unlock(&session->lock);
	if (ret < 0)
		return ret;
	ret = unless_dead(session, user_domain_tell(session, map));
	if (!ret)
		return 0;
	pthread_mutex_lock(&session->lock);
	maps_remove(session, map->iova, map->length);
	pthread_mutex_unlock(&session->lock);
	return ret;
}

/* Until the reply the server may finish what it has begun. */
static int user_unmap(void *domain, lend_iova_t iova, uint64_t length)
{
	struct user_session *session = domain;
	bool known;
	int ret;

	pthread_mutex_lock(&session->lock);
	known = maps_at(session, iova, length);
	pthread_mutex_unlock(&session->lock);
	if (!known)
		return -ENOENT;
	ret = tell_unmap(session, iova, length);
	if (ret < 0 && ret != -ENOTCONN && ret != -ENOENT)
		return ret;
	pthread_mutex_lock(&session->lock);
	maps_remove(session, iova, length);
	pthread_mutex_unlock(&session->lock);
	return 0;
}

static size_t user_windows(void *domain, struct lend_iova_window *out, size_t max)
{
	(void)domain;
	if (max)
		out[0] = (struct lend_iova_window){0, UINT64_MAX};
	return 1;
}

/* A server has one device, and a device one server. */
static int user_attach(void *domain, const struct domain_user *user)
{
	return domain == user->arg ? 0 : -EINVAL;
}

static int user_detach(void *domain, const struct domain_user *user)
{
	(void)domain, (void)user;
	return 0;
}

static void user_close(void *domain)
{
	(void)domain;
}

int user_domain_new(struct lend_context *context, const struct domain_user *user,
		    const struct domain_ops **ops, void **domain, struct lend_error *error)
{
	static const struct domain_ops own = {
		.map = user_map,
		.unmap = user_unmap,
		.windows = user_windows,
		.attach = user_attach,
		.detach = user_detach,
		.close = user_close,
	};

	(void)context, (void)error;
	*ops = &own;
	*domain = user->arg;
	return 0;
}
