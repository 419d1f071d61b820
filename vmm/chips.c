/* SPDX-License-Identifier: MIT */
/* The interrupt controllers, and the fixed devices on the buses. */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vmm/error.h"
#include "vmm/kvm.h"
#include "vmm/machine.h"

/* An eventfd whose writes raise a GSI of the IOAPIC. */
static int line(struct vmm *vmm, unsigned gsi)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int ret = fd < 0 ? -errno : hv_irqfd(vmm->vm, gsi, fd, 0);

	if (ret && fd >= 0)
		close(fd);
	return ret ? ret : fd;
}

static int take_chips(struct vmm *vmm)
{
	int ret = 0;

	for (unsigned i = 0; i < 3 && !ret; i++) {
		vmm->chips[i].chip_id = i;
		ret = hv_get_irqchip(vmm->vm, &vmm->chips[i]);
	}
	return ret;
}

static void power_request(void *opaque, enum power_request what)
{
	static const enum request requests[] = {
		[POWER_OFF] = REQUEST_OFF, [POWER_RESET] = REQUEST_RESET, [POWER_PANIC] = REQUEST_PANIC};

	vmm_request(opaque, requests[what], "");
}

static int init_lines(struct vmm *vmm)
{
	int serial = line(vmm, GSI_SERIAL);
	int ged = line(vmm, GSI_GED);

	vmm->serial.irq = serial; /* chips_free() closes it, also after a failure below */
	vmm->power = (struct power){.irq = ged, .request = power_request, .opaque = vmm};
	if (serial < 0)
		return serial;
	if (ged < 0)
		return ged;
	return serial_init(&vmm->serial, &vmm->loop, vmm->config.serial_fd, serial);
}

static int init_buses(struct vmm *vmm)
{
	const struct bus_range ports[] = {
		{.start = PORT_SERIAL, .length = SERIAL_PORTS, .ops = &serial_ops, .opaque = &vmm->serial},
		{.start = PORT_PVPANIC, .length = 1, .ops = &pvpanic_ops, .opaque = &vmm->power},
		{.start = PORT_POWER, .length = 4, .ops = &power_ops, .opaque = &vmm->power},
		{.start = PORT_CF8, .length = 8, .ops = &cf8_ops, .opaque = &vmm->topology},
	};
	const struct bus_range ecam = {.start = ADDR_ECAM,
				       .length = FIXED_ECAM_END - ADDR_ECAM,
				       .ops = &ecam_ops,
				       .opaque = &vmm->topology};
	unsigned count = sizeof(ports) / sizeof(ports[0]) - (vmm->config.cf8 ? 0 : 1);
	int ret = bus_add(&vmm->memory_bus, &ecam);

	for (unsigned i = 0; i < count && !ret; i++)
		ret = bus_add(&vmm->port_bus, &ports[i]);
	return ret ? ret : power_add_reset_ports(&vmm->power, &vmm->port_bus);
}

/*
 * There is no CMOS clock, and the FADT says so. Linux still writes the warm
 * reset code there for each processor that it starts: KVM takes these writes,
 * so that they do not leave the kernel.
 */
static int take_cmos(struct vmm *vmm)
{
	int ret;

	vmm->cmos_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vmm->cmos_fd < 0)
		return -errno;
	ret = hv_port_eventfd(vmm->vm, PORT_CMOS, vmm->cmos_fd);
	return ret ? ret : hv_port_eventfd(vmm->vm, PORT_CMOS + 1, vmm->cmos_fd);
}

int chips_init(struct vmm *vmm, struct lend_error *error)
{
	int limit = hv_check(vmm->vm, KVM_CAP_IRQ_ROUTING);
	int ret = hv_create_irqchip(vmm->vm);

	vmm->serial.irq = vmm->power.irq = -1;
	ret = ret ? ret : take_chips(vmm);
	ret = ret ? ret : routes_init(&vmm->routes, vmm->vm, limit > 0 ? (unsigned)limit : 0);
	lines_init(&vmm->lines, vmm->vm);
	ret = ret ? ret : init_lines(vmm);
	ret = ret ? ret : init_buses(vmm);
	ret = ret ? ret : take_cmos(vmm);
	if (ret)
		return fail(error, ret, "KVM cannot make the interrupt controllers: %s", strerror(-ret));
	return 0;
}

int chips_reset(struct vmm *vmm)
{
	int ret = 0;

	for (unsigned i = 0; i < 3 && !ret; i++)
		ret = hv_set_irqchip(vmm->vm, &vmm->chips[i]);
	serial_reset(&vmm->serial);
	return ret;
}

void chips_free(struct vmm *vmm)
{
	serial_free(&vmm->serial);
	if (vmm->power.irq > 0)
		close(vmm->power.irq);
	if (vmm->cmos_fd >= 0)
		close(vmm->cmos_fd);
	routes_free(&vmm->routes);
}
