/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "vmm/loop.h"

int loop_init(struct loop *loop)
{
	*loop = (struct loop){.epoll = epoll_create1(EPOLL_CLOEXEC)};
	if (loop->epoll < 0)
		return -errno;
	pthread_mutex_init(&loop->dispatch, NULL);
	pthread_mutex_init(&loop->lock, NULL);
	return 0;
}

void loop_free(struct loop *loop)
{
	while (loop->watches) {
		struct loop_watch *watch = loop->watches;

		loop->watches = watch->next;
		free(watch);
	}
	if (loop->epoll >= 0)
		close(loop->epoll);
	loop->epoll = -1;
}

static struct loop_watch **find_fd(struct loop *loop, int fd)
{
	struct loop_watch **at = &loop->watches;

	while (*at && (*at)->fd != fd)
		at = &(*at)->next;
	return at;
}

int loop_add(struct loop *loop, int fd, uint32_t events, loop_fn fn, void *opaque)
{
	struct loop_watch *watch = calloc(1, sizeof(*watch));
	struct epoll_event event = {.events = events};
	int ret = 0;

	if (!watch)
		return -ENOMEM;
	pthread_mutex_lock(&loop->lock);
	*watch = (struct loop_watch){
		.next = loop->watches, .id = ++loop->last_id, .fd = fd, .fn = fn, .opaque = opaque};
	event.data.u64 = watch->id;
	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event))
		ret = -errno;
	else
		loop->watches = watch;
	pthread_mutex_unlock(&loop->lock);
	/* static: the list of the loop owns it */
	if (ret)
		free(watch);
	return ret;
}

int loop_modify(struct loop *loop, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events};
	struct loop_watch *watch;
	int ret = -ENOENT;

	pthread_mutex_lock(&loop->lock);
	watch = *find_fd(loop, fd);
	if (watch) {
		event.data.u64 = watch->id;
		ret = epoll_ctl(loop->epoll, EPOLL_CTL_MOD, fd, &event) ? -errno : 0;
	}
	pthread_mutex_unlock(&loop->lock);
	return ret;
}

void loop_mute(struct loop *loop, int fd)
{
	epoll_ctl(loop->epoll, EPOLL_CTL_DEL, fd, NULL);
}

int loop_forget(struct loop *loop, int fd)
{
	struct loop_watch **at, *watch;

	pthread_mutex_lock(&loop->lock);
	at = find_fd(loop, fd);
	watch = *at;
	if (watch) {
		*at = watch->next;
		epoll_ctl(loop->epoll, EPOLL_CTL_DEL, fd, NULL);
	}
	pthread_mutex_unlock(&loop->lock);
	free(watch);
	return watch ? 0 : -ENOENT;
}

void loop_settle(struct loop *loop)
{
	if (__atomic_load_n(&loop->running, __ATOMIC_ACQUIRE) && pthread_equal(loop->thread, pthread_self()))
		return;
	pthread_mutex_lock(&loop->dispatch);
	pthread_mutex_unlock(&loop->dispatch);
}

int loop_remove(struct loop *loop, int fd)
{
	int ret = loop_forget(loop, fd);

	loop_settle(loop);
	return ret;
}

static void run(struct loop *loop, uint64_t id)
{
	struct loop_watch found = {0};

	pthread_mutex_lock(&loop->dispatch);
	pthread_mutex_lock(&loop->lock);
	for (struct loop_watch *watch = loop->watches; watch; watch = watch->next)
		if (watch->id == id)
			found = *watch;
	pthread_mutex_unlock(&loop->lock);
	if (found.fn)
		found.fn(found.opaque);
	pthread_mutex_unlock(&loop->dispatch);
}

int loop_once(struct loop *loop)
{
	struct epoll_event event;
	int n;

	if (!loop->running) { /* the first call: this thread is the loop's from now on */
		loop->thread = pthread_self();
		__atomic_store_n(&loop->running, true, __ATOMIC_RELEASE);
	}
	n = epoll_wait(loop->epoll, &event, 1, -1);
	if (n < 0 && errno != EINTR)
		return -errno;
	if (n > 0)
		run(loop, event.data.u64);
	return 0;
}
