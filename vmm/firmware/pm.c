/* SPDX-License-Identifier: MIT */
/*
 * ACPI 6.5: 4.8.3.1 (PM1 events), 4.8.3.2 (PM1 control), 4.8.3.3 (timer), 4.8.4.1 (general-purpose
 * events).
 */
#include "vmm/firmware/pm.h"

enum { PM1_STS = 0, PM1_EN = 2, PM1_CNT = 4, PM_TMR = 8, PM_TMR_END = 12, GPE_STS = 0x20, GPE_EN = 0x22 };

/* Registers that nothing stands behind. All other ports of the block read all ones. */
static const struct {
	uint8_t offset, length;
} zeros[] = {
	{6, 2}, {0x30, 4}, /* SMI_EN: there is no SMM */
};

enum { STS_POWER = 1 << 8 };
/* What can be enabled: timer, global lock, power button, RTC. The button alone happens. */
enum { EN_WRITABLE = 1 << 0 | 1 << 5 | 1 << 8 | 1 << 10 };
enum { CNT_SCI_EN = 1 << 0, CNT_SLP_TYP = 7 << 10, CNT_SLP_EN = 1 << 13 };

static uint64_t ticks(uint64_t ns)
{
	const uint64_t second = 1000000000;

	return ns / second * PM_TIMER_HZ + ns % second * PM_TIMER_HZ / second;
}

/* 24 bits of it; FADT does not say that there are more. */
static uint32_t timer_read(const struct pm *pm)
{
	return (uint32_t)(ticks(pm->calls.now(pm->calls.opaque)) & 0xffffff);
}

/* With the lock held. */
static void update_sci(struct pm *pm)
{
	bool high;

	pm->event_status |= pm->event_levels;
	high = (pm->status & pm->enable) || (pm->event_status & pm->event_enable);

	if (high == pm->high)
		return;
	pm->high = high;
	pm->calls.sci(pm->calls.opaque, high);
}

/* With the lock held. */
static uint8_t byte_read(const struct pm *pm, uint32_t timer, uint64_t offset)
{
	const uint16_t words[] = {pm->status, pm->enable, pm->control};
	const uint16_t events[] = {pm->event_status, pm->event_enable};

	if (offset < 2 * sizeof(words) / sizeof(*words))
		return (uint8_t)(words[offset / 2] >> (8 * (offset & 1)));
	if (offset >= GPE_STS && offset < GPE_STS + 2 * sizeof(events) / sizeof(*events))
		return (uint8_t)(events[(offset - GPE_STS) / 2] >> (8 * (offset & 1)));
	if (offset >= PM_TMR && offset < PM_TMR_END)
		return (uint8_t)(timer >> (8 * (offset - PM_TMR)));
	for (size_t i = 0; i < sizeof(zeros) / sizeof(*zeros); i++)
		if (offset >= zeros[i].offset && offset < (uint64_t)zeros[i].offset + zeros[i].length)
			return 0;
	return 0xff;
}

static uint64_t pm_read(void *opaque, uint64_t offset, unsigned length)
{
	struct pm *pm = opaque;
	uint32_t timer = timer_read(pm);
	uint64_t value = UINT64_MAX;

	if (offset == PM_TMR && length == 4)
		return timer;
	pthread_mutex_lock(&pm->lock);
	for (unsigned i = length; i-- > 0;)
		value = value << 8 | byte_read(pm, timer, offset + i);
	pthread_mutex_unlock(&pm->lock);
	return value;
}

/*
 * With the lock held. Bytes come one by one, so that the upper byte of PM1_CNT alone switches off, too:
 * it is laid out as the sleep control register of ACPI 4.8.3.7.
 */
static void byte_write(struct pm *pm, uint64_t offset, uint8_t value)
{
	unsigned shift = 8 * (offset & 1);
	uint16_t mask = (uint16_t)(0xff << shift), bits = (uint16_t)(value << shift);

	switch (offset & ~1ULL) {
	case PM1_STS: /* a one clears */
		pm->status = (uint16_t)(pm->status & ~bits);
		break;
	case PM1_EN:
		pm->enable = (uint16_t)((pm->enable & ~mask) | (bits & EN_WRITABLE));
		break;
	case GPE_STS: /* as long as its level is high, an event is there again at once */
		pm->event_status = (uint16_t)(pm->event_status & ~bits);
		break;
	case GPE_EN:
		pm->event_enable = (uint16_t)((pm->event_enable & ~mask) | (bits & pm->events));
		break;
	case PM1_CNT:
		pm->control = (uint16_t)((pm->control & ~mask) | (bits & CNT_SLP_TYP) | CNT_SCI_EN);
		break;
	}
}

static void pm_write(void *opaque, uint64_t offset, unsigned length, uint64_t value)
{
	struct pm *pm = opaque;
	bool off = false;

	pthread_mutex_lock(&pm->lock);
	for (unsigned i = 0; i < length; i++) {
		byte_write(pm, offset + i, (uint8_t)(value >> (8 * i)));
		off |= offset + i == PM1_CNT + 1 && (value >> (8 * i) & CNT_SLP_EN >> 8);
	}
	update_sci(pm);
	pthread_mutex_unlock(&pm->lock);
	/* Of any type: firmware switches off with 0, the DSDT's \_S5 with 5, and nothing else is offered. */
	if (off)
		pm->calls.off(pm->calls.opaque);
}

const struct bus_ops pm_ops = {.read = pm_read, .write = pm_write};

void pm_init(struct pm *pm, const struct pm_calls *calls)
{
	*pm = (struct pm){.calls = *calls, .control = CNT_SCI_EN};
	pthread_mutex_init(&pm->lock, NULL);
}

void pm_free(struct pm *pm)
{
	pthread_mutex_destroy(&pm->lock);
}

void pm_reset(struct pm *pm)
{
	pthread_mutex_lock(&pm->lock);
	pm->status = pm->enable = pm->event_status = pm->event_enable = 0;
	pm->control = CNT_SCI_EN;
	update_sci(pm);
	pthread_mutex_unlock(&pm->lock);
}

void pm_event(struct pm *pm, unsigned event, bool high)
{
	uint16_t bit = (uint16_t)(1 << event);

	pthread_mutex_lock(&pm->lock);
	pm->event_levels = (uint16_t)(high ? pm->event_levels | bit : pm->event_levels & ~bit);
	update_sci(pm);
	pthread_mutex_unlock(&pm->lock);
}

void pm_button(struct pm *pm)
{
	pthread_mutex_lock(&pm->lock);
	pm->status |= STS_POWER;
	update_sci(pm);
	pthread_mutex_unlock(&pm->lock);
}
