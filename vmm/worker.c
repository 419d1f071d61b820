/* SPDX-License-Identifier: MIT */
#include <sys/prctl.h>

#include "vmm/worker.h"

enum { STACK_SIZE = 1 << 20 };

void worker_init(struct worker *worker)
{
	*worker = (struct worker){.last = &worker->first};
	pthread_mutex_init(&worker->lock, NULL);
	pthread_cond_init(&worker->changed, NULL);
}

/* Waits for a job; NULL: there is none, and there will be none. */
static struct job *next(struct worker *worker)
{
	struct job *job;

	pthread_mutex_lock(&worker->lock);
	while (!worker->first && !worker->ending)
		pthread_cond_wait(&worker->changed, &worker->lock);
	job = worker->first;
	if (job) {
		worker->first = job->next;
		if (!worker->first)
			worker->last = &worker->first;
	}
	pthread_mutex_unlock(&worker->lock);
	return job;
}

static void *thread(void *opaque)
{
	struct worker *worker = opaque;
	struct job *job;
	int ret;

	prctl(PR_SET_NAME, "lend-devices");
	ret = worker->calls ? confine_calls(worker->calls) : 0;
	pthread_mutex_lock(&worker->lock);
	worker->unconfined = ret;
	worker->running = true;
	pthread_cond_broadcast(&worker->changed);
	pthread_mutex_unlock(&worker->lock);
	while ((job = next(worker))) {
		job->run(job->opaque);
		pthread_mutex_lock(&worker->lock);
		worker->pending--;
		pthread_cond_broadcast(&worker->changed);
		pthread_mutex_unlock(&worker->lock);
	}
	return NULL;
}

/* Less than a huge page: where the host gives these to all, its stack would take one for some 12 KiB. */
static int start(struct worker *worker)
{
	pthread_attr_t attributes;
	int ret;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	ret = pthread_create(&worker->thread, &attributes, thread, worker);
	pthread_attr_destroy(&attributes);
	return ret;
}

int worker_start(struct worker *worker)
{
	int ret = worker->started ? 0 : start(worker);

	worker->started |= !ret;
	/* What a thread calls when it begins is done before the caller restricts calls. */
	pthread_mutex_lock(&worker->lock);
	while (!ret && !worker->running)
		pthread_cond_wait(&worker->changed, &worker->lock);
	ret = ret ? -ret : worker->unconfined;
	pthread_mutex_unlock(&worker->lock);
	return ret;
}

void worker_give(struct worker *worker, struct job *job)
{
	if (!worker->started) {
		job->run(job->opaque);
		return;
	}
	job->next = NULL;
	pthread_mutex_lock(&worker->lock);
	*worker->last = job;
	worker->last = &job->next;
	worker->pending++;
	pthread_cond_broadcast(&worker->changed);
	pthread_mutex_unlock(&worker->lock);
}

void worker_settle(struct worker *worker)
{
	pthread_mutex_lock(&worker->lock);
	while (worker->pending)
		pthread_cond_wait(&worker->changed, &worker->lock);
	pthread_mutex_unlock(&worker->lock);
}

void worker_end(struct worker *worker)
{
	if (!worker->started)
		return;
	pthread_mutex_lock(&worker->lock);
	worker->ending = true;
	pthread_cond_broadcast(&worker->changed);
	pthread_mutex_unlock(&worker->lock);
	pthread_join(worker->thread, NULL);
	worker->started = worker->running = false;
}
