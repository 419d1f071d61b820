/* SPDX-License-Identifier: MIT */
/* What somebody who operates a running machine asks of it: a pause, a reset, the threads of its processors.
 */
#include "vmm/kvm.h"
#include "vmm/machine.h"

void vmm_pause(struct vmm *vmm)
{
	if (vmm->held)
		return;
	vmm->held = true;
	vcpus_order(&vmm->vcpus, VCPUS_PAUSE);
	vcpus_wait_parked(&vmm->vcpus);
	vmm_tell(vmm, VMM_EVENT_STOP, 0, 0, NULL);
}

/*
 * Time went on in the pause. A guest that runs on kvmclock is told so (KVM_KVMCLOCK_CTRL, to be
 * called between the pause and the next KVM_RUN); KVM refuses it for one that does not, and there
 * is nobody to tell.
 */
void vmm_continue(struct vmm *vmm)
{
	if (!vmm->held)
		return;
	vmm->held = false;
	plugs_continue(vmm);
	for (unsigned i = 0; i < vmm->vcpus.count; i++)
		hv_clock_paused(vmm->vcpus.vcpu[i].fd);
	vmm_tell(vmm, VMM_EVENT_RESUME, 0, 0, NULL);
	vmm_resume(vmm);
}

void vmm_reset_request(struct vmm *vmm)
{
	pthread_mutex_lock(&vmm->lock);
	vmm->reset_asked = true;
	pthread_mutex_unlock(&vmm->lock);
	vmm_request(vmm, REQUEST_RESET, "");
}

unsigned vmm_cpu_count(const struct vmm *vmm)
{
	return vmm->vcpus.count;
}

int vmm_cpu_thread(const struct vmm *vmm, unsigned cpu)
{
	return cpu < vmm->vcpus.count ? __atomic_load_n(&vmm->vcpus.vcpu[cpu].number, __ATOMIC_RELAXED) : 0;
}
