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
	int ged = vmm->firmware ? -1 : line(vmm, GSI_GED);

	vmm->serial.irq = serial; /* chips_free() closes it, also after a failure below */
	vmm->power = (struct power){
		.irq = ged, .no_keyboard = vmm->firmware, .request = power_request, .opaque = vmm};
	if (serial < 0)
		return serial;
	if (ged < 0 && !vmm->firmware)
		return ged;
	return serial_init(&vmm->serial, &vmm->loop, vmm->config.serial_fd, serial);
}

/* Where there is firmware, ECAM and power management are its chips'. */
static int init_buses(struct vmm *vmm)
{
	struct bus *memory = &vmm->memory_bus, *ports = &vmm->port_bus;
	bool direct = !vmm->firmware, cf8 = vmm->config.cf8 || vmm->firmware;
	const struct {
		bool wanted;
		struct bus *bus;
		uint64_t start, length;
		const struct bus_ops *ops;
		void *opaque;
	} rows[] = {
		{true, ports, PORT_SERIAL, SERIAL_PORTS, &serial_ops, &vmm->serial},
		{true, ports, PORT_PVPANIC, 1, &pvpanic_ops, &vmm->power},
		{direct, ports, PORT_POWER, 4, &power_ops, &vmm->power},
		{cf8, ports, PORT_CF8, 1, &cf8_address_ops, &vmm->topology},
		{cf8, ports, PORT_CF8 + 4, 4, &cf8_data_ops, &vmm->topology},
		{direct, memory, ADDR_ECAM, FIXED_ECAM_END - ADDR_ECAM, &ecam_ops, &vmm->topology},
	};
	int ret = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && !ret; i++) {
		const struct bus_range range = {.start = rows[i].start,
						.length = rows[i].length,
						.ops = rows[i].ops,
						.opaque = rows[i].opaque};

		if (rows[i].wanted)
			ret = bus_add(rows[i].bus, &range);
	}
	return ret ? ret : power_add_reset_ports(&vmm->power, &vmm->port_bus);
}

/*
 * Without firmware there is no CMOS clock, and the FADT says so. Linux still writes the warm
 * reset code there for each processor that it starts, and it looks for chips of PCs by the ports
 * of config space before it has read ACPI's tables. Nothing answers there: KVM takes the writes,
 * so that they do not leave the kernel. Only those of four bytes are config addresses; a reset
 * is a byte of the same ports.
 */
static int take_writes(struct vmm *vmm)
{
	const struct {
		bool wanted;
		uint16_t port, length;
	} rows[] = {{true, PORT_CMOS, 1}, {true, PORT_CMOS + 1, 1}, {!vmm->config.cf8, PORT_CF8, 4}};
	int ret = 0;

	if (vmm->firmware)
		return 0;
	vmm->taken_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vmm->taken_fd < 0)
		return -errno;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && !ret; i++)
		if (rows[i].wanted)
			ret = hv_ioeventfd(vmm->vm, rows[i].port, rows[i].length, 0, vmm->taken_fd,
					   KVM_IOEVENTFD_FLAG_PIO);
	return ret;
}

int chips_init(struct vmm *vmm, struct lend_error *error)
{
	int limit = hv_check(vmm->vm, KVM_CAP_IRQ_ROUTING);
	int ret = hv_create_irqchip(vmm->vm);

	vmm->serial.irq = vmm->power.irq = -1;
	ret = ret ? ret : take_chips(vmm);
	ret = ret ? ret : routes_init(&vmm->routes, vmm->vm, limit > 0 ? (unsigned)limit : 0, vmm->firmware);
	lines_init(&vmm->lines, vmm->vm);
	ret = ret ? ret : init_lines(vmm);
	ret = ret ? ret : init_buses(vmm);
	ret = ret ? ret : take_writes(vmm);
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
	if (vmm->taken_fd >= 0)
		close(vmm->taken_fd);
	routes_free(&vmm->routes);
}
