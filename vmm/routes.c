/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/kvm.h"
#include "vmm/routes.h"

enum { PIC_PINS = 16 };

int routes_init(struct routes *routes, int vm, unsigned limit, bool pics)
{
	pthread_mutex_init(&routes->lock, NULL);
	routes->vm = vm;
	routes->pics = pics;
	routes->limit = limit < ROUTES_MAX ? limit : ROUTES_MAX;
	routes->table = calloc(1, sizeof(*routes->table) +
					  (ROUTES_MAX + PIC_PINS) * sizeof(routes->table->entries[0]));
	if (!routes->table)
		return -ENOMEM;
	routes_begin(routes);
	routes->changed = true; /* the pins */
	return routes_commit(routes);
}

void routes_free(struct routes *routes)
{
	free(routes->table);
	routes->table = NULL;
}

void routes_begin(struct routes *routes)
{
	pthread_mutex_lock(&routes->lock);
	routes->changed = false;
}

int routes_add(struct routes *routes, uint64_t address, uint32_t data)
{
	for (unsigned gsi = ROUTES_PINS; gsi < routes->limit; gsi++) {
		/* A GSI that this commit frees is not given out again within the same commit. */
		if (routes->next[gsi].used || routes->now[gsi].used)
			continue;
		routes_set(routes, gsi, address, data);
		return (int)gsi;
	}
	return -ENOSPC;
}

void routes_set(struct routes *routes, unsigned gsi, uint64_t address, uint32_t data)
{
	struct route *route = &routes->next[gsi];

	if (route->used && route->address == address && route->data == data)
		return;
	*route = (struct route){.used = true, .address = address, .data = data};
	if (gsi >= routes->end)
		routes->end = gsi + 1;
	routes->changed = true;
}

void routes_drop(struct routes *routes, unsigned gsi)
{
	if (!routes->next[gsi].used)
		return;
	routes->next[gsi].used = false;
	routes->changed = true;
}

static void add_pin(struct kvm_irq_routing *table, unsigned gsi, unsigned chip, unsigned pin)
{
	table->entries[table->nr++] = (struct kvm_irq_routing_entry){
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = {.irqchip = chip, .pin = pin},
	};
}

/*
 * A PC's wires. KVM's timer raises GSI 0, which is pin 0 of the first PIC and pin 2 of the IOAPIC,
 * as the MADT says; the second PIC hangs at pin 2 of the first, so no device can be at GSI 2.
 */
static void add_pc_pins(struct kvm_irq_routing *table)
{
	for (unsigned gsi = 0; gsi < ROUTES_PINS; gsi++)
		if (gsi != 2)
			add_pin(table, gsi, KVM_IRQCHIP_IOAPIC, gsi ? gsi : 2);
	for (unsigned gsi = 0; gsi < PIC_PINS; gsi++)
		if (gsi != 2)
			add_pin(table, gsi, gsi < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE,
				gsi % 8);
}

static void add_message(struct kvm_irq_routing *table, unsigned gsi, const struct route *route)
{
	table->entries[table->nr++] = (struct kvm_irq_routing_entry){
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_MSI,
		.u.msi = {.address_lo = (uint32_t)route->address,
			  .address_hi = (uint32_t)(route->address >> 32),
			  .data = route->data},
	};
}

int routes_commit(struct routes *routes)
{
	int ret = 0;

	if (routes->changed) {
		routes->table->nr = 0;
		if (routes->pics)
			add_pc_pins(routes->table);
		for (unsigned pin = 0; pin < ROUTES_PINS && !routes->pics; pin++)
			add_pin(routes->table, pin, KVM_IRQCHIP_IOAPIC, pin);
		for (unsigned gsi = ROUTES_PINS; gsi < routes->end; gsi++)
			if (routes->next[gsi].used)
				add_message(routes->table, gsi, &routes->next[gsi]);
		ret = hv_set_routes(routes->vm, routes->table);
		routes->updates++;
		if (ret)
			memcpy(routes->next, routes->now, routes->end * sizeof(routes->next[0]));
		else
			memcpy(routes->now, routes->next, routes->end * sizeof(routes->now[0]));
	}
	pthread_mutex_unlock(&routes->lock);
	return ret;
}
