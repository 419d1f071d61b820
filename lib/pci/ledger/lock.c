/* SPDX-License-Identifier: MIT */
/* The work that is done when a function's lock is released (lock.h). */
#include "lib/pci/ledger/bell.h"
#include "lib/pci/ledger/lock.h"

static const char *const texts[] = {
	[LEND_EVENT_REQUEST] = "the host wants the device back; it is to be taken from the guest",
	[LEND_EVENT_ERROR] = "the device reported an uncorrectable error; it is stopped, and reads all "
			     "ones from now on; dmesg has what the error was",
	[LEND_EVENT_REPORTED] =
		"the device reported an uncorrectable error, and goes on; dmesg has what the error "
		"was",
	[LEND_EVENT_LOST] = "it reads all ones until its server is back",
};

static const char served_error[] = "it has failed; it is stopped, and reads all ones from now on";

void event_later(struct lend_function *function, enum lend_event event)
{
	function->events |= 1u << event;
	__atomic_fetch_or(&function->marks, MARK_EVENTS, __ATOMIC_ACQ_REL);
}

void events_send(const struct events *events)
{
	for (unsigned i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (events->set & 1u << i)
			events->ops->event(events->host, events->peer, (enum lend_event)i,
					   events->served && i == LEND_EVENT_ERROR ? served_error : texts[i]);
}

static void serve(struct lend_function *function, struct events *out)
{
	unsigned marks = __atomic_exchange_n(&function->marks, 0, __ATOMIC_ACQ_REL);

	if (marks & MARK_BELLS)
		bells_serve(function);
	if (marks & MARK_COMPANY)
		function->rings->company(function);
	if (marks & MARK_PLACES)
		function->rings->places(function);
	if (marks & MARK_FAIL)
		function->rings->fail(function);
	out->ops = function->ops;
	out->host = function->host;
	out->peer = function->peer;
	out->set |= function->events;
	out->served = function->device->info.backend == LEND_BACKEND_USER;
	function->events = 0;
}

void function_serve(struct lend_function *function, struct events *out)
{
	while (__atomic_fetch_add(&function->marks, 0, __ATOMIC_ACQ_REL) && function_trylock(function)) {
		serve(function, out);
		pthread_mutex_unlock(&function->lock);
	}
}

void function_leave(struct lend_function *function, struct events *out)
{
	pthread_mutex_unlock(&function->lock);
	function_serve(function, out);
}

void function_mark(struct lend_function *function, unsigned mark, struct events *out)
{
	__atomic_fetch_or(&function->marks, mark, __ATOMIC_ACQ_REL);
	function_serve(function, out);
}

void function_serve_and_send(struct lend_function *function)
{
	struct events events = {0};

	function_serve(function, &events);
	events_send(&events);
}
