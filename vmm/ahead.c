/* SPDX-License-Identifier: MIT */
/*
 * What needs no device goes on in a thread of its own while devices are opened and reset, which is mostly
 * waiting: processors are made, kernel and initrd are read into guest memory. Where RAM ends below 4 GiB is
 * decided by the devices; where that is not as expected, kernel and initrd are placed anew.
 */
#include <string.h>

#include "vmm/error.h"
#include "vmm/kvm.h"
#include "vmm/machine.h"

static int make_vcpus(struct vmm *vmm, struct lend_error *error)
{
	const struct cpuid_config config = {
		.cpus = vmm->config.cpus,
		.tsc_deadline = hv_check(vmm->vm, KVM_CAP_TSC_DEADLINE_TIMER) > 0,
	};

	vmm->vcpus.kvm = vmm->kvm;
	vmm->vcpus.vm = vmm->vm;
	vmm->vcpus.memory_bus = &vmm->memory_bus;
	vmm->vcpus.port_bus = &vmm->port_bus;
	vmm->vcpus.ops = &machine_vcpu_ops;
	vmm->vcpus.opaque = vmm;
	vmm->vcpus.mtrrs_off = vmm->firmware;
	vmm->vcpus.pin = vmm->config.pin;
	return vcpus_init(&vmm->vcpus, config.cpus, vmm->cpuid, &config, error);
}

/* RAM from 0 on as it is without a device; nobody else uses it yet. */
static struct memory expected_memory(const struct vmm *vmm)
{
	uint64_t size = vmm->config.memory;

	return (struct memory){
		.base = vmm->memory.base,
		.size = size,
		.pieces = {{.length = size < LOW_WINDOW_DEFAULT ? size : LOW_WINDOW_DEFAULT}},
		.piece_count = 1,
	};
}

/* What fails here is tried again, and said, when the devices are there. */
static void place_kernel(struct vmm *vmm)
{
	const struct boot_config config = machine_boot_config(&vmm->config, NULL);
	const struct memory memory = expected_memory(vmm);

	vmm->ahead.placed = !boot_place(&memory, &config, &vmm->ahead.kernel, NULL);
}

static void *run(void *opaque)
{
	struct vmm *vmm = opaque;
	struct ahead *ahead = &vmm->ahead;

	step_begin(vmm, VMM_STEP_AHEAD, "making the processors");
	ahead->ret = make_vcpus(vmm, &ahead->error);
	step_end(vmm, VMM_STEP_AHEAD);
	if (ahead->ret || machine_may_lack_memory(vmm))
		return NULL;
	step_begin(vmm, VMM_STEP_AHEAD, "loading the kernel");
	place_kernel(vmm);
	step_end(vmm, VMM_STEP_AHEAD);
	return NULL;
}

int ahead_begin(struct vmm *vmm, struct lend_error *error)
{
	(void)error;
	/* With firmware there is no kernel, and what the processors are told depends on the devices. */
	if (!vmm->firmware)
		vmm->ahead.started = !brief_start(&vmm->ahead.thread, NULL, run, vmm);
	return 0;
}

void ahead_end(struct vmm *vmm)
{
	if (vmm->ahead.started)
		brief_join(&vmm->ahead.thread);
	vmm->ahead.started = false;
}

int ahead_wait(struct vmm *vmm, struct lend_error *error)
{
	if (!vmm->ahead.started)
		return make_vcpus(vmm, error);
	ahead_end(vmm);
	return vmm->ahead.ret ? fail(error, vmm->ahead.ret, "%s", vmm->ahead.error.text) : 0;
}

bool ahead_take(struct vmm *vmm, struct boot_placed *out)
{
	const struct memory_piece *first = &vmm->memory.pieces[0];
	bool fits = vmm->ahead.placed && first->gpa.a == 0 && first->offset == 0 &&
		    first->length == vmm->ahead.kernel.low;

	*out = vmm->ahead.kernel;
	vmm->ahead.placed = false; /* a guest that runs changes it */
	return fits;
}
