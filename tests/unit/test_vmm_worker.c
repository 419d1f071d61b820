/* SPDX-License-Identifier: MIT */
/* The thread that carries jobs out: each once, in their order; and what is told of a device's start. */
#include <semaphore.h>
#include <string.h>

#include "tests/unit/cmocka.h"
#include "vmm/machine.h"
#include "vmm/worker.h"

static sem_t begun, go;
static char order[8];

static void wait_and_note(void *opaque)
{
	const char *name = opaque;

	sem_post(&begun);
	sem_wait(&go);
	order[strlen(order)] = *name;
}

/* A job that comes while others wait, and while the last but one is done, does not push any of them out. */
static void jobs_run_in_their_order(void **state)
{
	static char names[] = "abcd";
	struct job jobs[4] = {{0}};
	struct worker worker;

	(void)state;
	sem_init(&begun, 0, 0);
	sem_init(&go, 0, 0);
	for (unsigned i = 0; i < 4; i++)
		jobs[i] = (struct job){.run = wait_and_note, .opaque = &names[i]};
	memset(&worker, 0, sizeof(worker));
	worker_init(&worker);
	assert_int_equal(worker_start(&worker), 0);
	worker_give(&worker, &jobs[0]);
	sem_wait(&begun);
	worker_give(&worker, &jobs[1]);
	worker_give(&worker, &jobs[2]);
	sem_post(&go);
	sem_wait(&begun); /* the second runs, the third waits */
	worker_give(&worker, &jobs[3]);
	for (unsigned i = 0; i < 3; i++)
		sem_post(&go);
	worker_settle(&worker);
	assert_string_equal(order, "abcd");
	worker_end(&worker);
	sem_destroy(&go);
	sem_destroy(&begun);
}

static unsigned told[2], last_row;

static void note_mark(void *opaque, unsigned row, const char *what)
{
	(void)opaque;
	last_row = row;
	told[strstr(what, "memory") ? MARK_MEMORY : MARK_INTERRUPT]++;
}

static void each_mark_of_a_device_is_told_once(void **state)
{
	static struct vmm vmm;
	struct assigned assigned = {.vmm = &vmm, .index = 3};

	(void)state;
	vmm.config.mark = note_mark;
	mark_device(&assigned, MARK_MEMORY); /* the machine has not started: firmware may do so */
	assert_int_equal(told[MARK_MEMORY], 0);
	vmm.started = true;
	for (unsigned i = 0; i < 2; i++) {
		mark_device(&assigned, MARK_MEMORY);
		mark_device(&assigned, MARK_INTERRUPT);
	}
	assert_int_equal(told[MARK_MEMORY], 1);
	assert_int_equal(told[MARK_INTERRUPT], 1);
	assert_int_equal(last_row, VMM_STEP_DEVICE + 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(jobs_run_in_their_order),
		cmocka_unit_test(each_mark_of_a_device_is_told_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
