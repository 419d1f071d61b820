/* SPDX-License-Identifier: MIT */
/* ACPI 6.5: 6.3.3 (_EJx), 6.3.5 (_OST), 5.6.6 (notifications). */
#include "vmm/pci/hotplug.h"

/* Events and statuses of _OST. */
enum { OST_EJECT = 3, OST_EJECTING = 0x103, OST_SUCCESS = 0, OST_IN_PROGRESS = 0x84 };

void hotplug_init(struct hotplug *hotplug, const struct hotplug_calls *calls, uint32_t ports,
		  uint32_t present)
{
	*hotplug = (struct hotplug){.calls = *calls, .ports = ports, .present = present & ports};
	pthread_mutex_init(&hotplug->lock, NULL);
}

void hotplug_free(struct hotplug *hotplug)
{
	pthread_mutex_destroy(&hotplug->lock);
}

/* With the lock held. */
static void update_level(struct hotplug *hotplug)
{
	bool high = hotplug->changed | hotplug->asked;

	if (high == hotplug->high)
		return;
	hotplug->high = high;
	hotplug->calls.level(hotplug->calls.opaque, high);
}

static uint32_t bit(const struct hotplug *hotplug, unsigned slot)
{
	return slot < 32 ? hotplug->ports & 1u << slot : 0;
}

void hotplug_came(struct hotplug *hotplug, unsigned slot)
{
	uint32_t mask = bit(hotplug, slot);

	pthread_mutex_lock(&hotplug->lock);
	hotplug->present |= mask;
	hotplug->changed |= mask;
	hotplug->unseen |= mask;
	hotplug->asked &= ~mask;
	hotplug->unanswered &= ~mask;
	update_level(hotplug);
	pthread_mutex_unlock(&hotplug->lock);
}

void hotplug_ask(struct hotplug *hotplug, unsigned slot)
{
	uint32_t mask;

	pthread_mutex_lock(&hotplug->lock);
	mask = bit(hotplug, slot) & hotplug->present;
	hotplug->asked |= mask;
	hotplug->unanswered |= mask;
	update_level(hotplug);
	pthread_mutex_unlock(&hotplug->lock);
}

void hotplug_gone(struct hotplug *hotplug, unsigned slot)
{
	uint32_t mask;

	pthread_mutex_lock(&hotplug->lock);
	mask = bit(hotplug, slot) & hotplug->present;
	hotplug->present &= ~mask;
	hotplug->changed |= mask;
	hotplug->unseen &= ~mask;
	hotplug->asked &= ~mask;
	hotplug->unanswered &= ~mask;
	update_level(hotplug);
	pthread_mutex_unlock(&hotplug->lock);
}

void hotplug_changed(struct hotplug *hotplug, unsigned slot)
{
	pthread_mutex_lock(&hotplug->lock);
	hotplug->changed |= bit(hotplug, slot) & hotplug->present;
	update_level(hotplug);
	pthread_mutex_unlock(&hotplug->lock);
}

void hotplug_reset(struct hotplug *hotplug)
{
	pthread_mutex_lock(&hotplug->lock);
	hotplug->changed = hotplug->asked = hotplug->unseen = hotplug->unanswered = 0;
	update_level(hotplug);
	pthread_mutex_unlock(&hotplug->lock);
}

static uint64_t hotplug_read(void *opaque, uint64_t offset, unsigned length)
{
	struct hotplug *hotplug = opaque;
	uint64_t value = UINT64_MAX;

	if (length != 4)
		return value;
	pthread_mutex_lock(&hotplug->lock);
	if (offset == HOTPLUG_CHANGED)
		value = hotplug->changed;
	else if (offset == HOTPLUG_ASKED)
		value = hotplug->asked;
	pthread_mutex_unlock(&hotplug->lock);
	return value;
}

/* What a write leads to: slots to call the machine for, after the lock was let go. */
struct outcome {
	uint32_t seen, ejected, refused;
	uint32_t status;
};

/* With the lock held. */
static void take_changed(struct hotplug *hotplug, uint32_t value, struct outcome *out)
{
	out->seen = value & hotplug->changed & hotplug->unseen;
	hotplug->changed &= ~value;
	hotplug->unseen &= ~out->seen;
}

/* With the lock held. A guest may let go what it was not asked for, but only what is there. */
static void eject(struct hotplug *hotplug, uint32_t value, struct outcome *out)
{
	out->ejected = value & hotplug->present;
	hotplug->present &= ~out->ejected;
	hotplug->changed &= ~out->ejected;
	hotplug->unseen &= ~out->ejected;
	hotplug->asked &= ~out->ejected;
	hotplug->unanswered &= ~out->ejected;
}

/* With the lock held. */
static void answer(struct hotplug *hotplug, uint32_t value, struct outcome *out)
{
	uint32_t event = value >> 8 & 0xffff, status = value & 0xff;

	if ((event != OST_EJECT && event != OST_EJECTING) || status == OST_SUCCESS ||
	    status == OST_IN_PROGRESS)
		return;
	out->refused = bit(hotplug, value >> 24) & hotplug->unanswered;
	out->status = status;
	hotplug->unanswered &= ~out->refused;
}

static void tell(const struct hotplug_calls *calls, const struct outcome *outcome)
{
	for (unsigned slot = 0; slot < 32; slot++) {
		uint32_t mask = 1u << slot;

		if (outcome->seen & mask)
			calls->seen(calls->opaque, slot);
		if (outcome->ejected & mask)
			calls->ejected(calls->opaque, slot);
		if (outcome->refused & mask)
			calls->refused(calls->opaque, slot, outcome->status);
	}
}

static void hotplug_write(void *opaque, uint64_t offset, unsigned length, uint64_t value)
{
	struct hotplug *hotplug = opaque;
	struct outcome outcome = {0};

	if (length != 4)
		return;
	pthread_mutex_lock(&hotplug->lock);
	switch (offset) {
	case HOTPLUG_CHANGED:
		take_changed(hotplug, (uint32_t)value, &outcome);
		break;
	case HOTPLUG_ASKED:
		hotplug->asked &= ~(uint32_t)value;
		break;
	case HOTPLUG_EJECT:
		eject(hotplug, (uint32_t)value, &outcome);
		break;
	case HOTPLUG_OUTCOME:
		answer(hotplug, (uint32_t)value, &outcome);
		break;
	}
	update_level(hotplug);
	pthread_mutex_unlock(&hotplug->lock);
	tell(&hotplug->calls, &outcome);
}

const struct bus_ops hotplug_ops = {.read = hotplug_read, .write = hotplug_write};
