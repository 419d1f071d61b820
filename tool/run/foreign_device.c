/* SPDX-License-Identifier: MIT */
/* The drivers of -device and the types of -object of other monitors; see foreign.h. */
#include <string.h>

#include "tool/run/foreign.h"

struct kind {
	const char
		*prefixes; /* with a blank between them; a name that begins with one of them is of the kind */
	const char *advice;
};

static const struct kind driver_kinds[] = {
	{"vfio-pci-nohotplug", "write vfio-pci, which is the same here"},
	{"vfio-", "only PCI devices are handed over; give vfio-pci,host=ADDRESS"},
	{"pcie-root-port ioh3420 x3130- xio3130- pcie-pci-bridge pci-bridge i82801b11-bridge pxb cxl-",
	 "lend adds a root port for each device itself; leave it out"},
	{"intel-iommu amd-iommu virtio-iommu", "the guest has no IOMMU; leave it out"},
	{"VGA secondary-vga qxl virtio-gpu virtio-vga bochs-display ramfb cirrus-vga vmware-svga ati-vga",
	 "there is no display; leave it out, or hand over a graphics card, vfio-pci,host=ADDRESS"},
	{"e1000 igb rtl8139 vmxnet3 virtio-net vhost-user-net ne2k_pci pcnet i8255 tulip usb-net rocker",
	 "give -net user or -net tap=NAME, or hand over a network card, vfio-pci,host=ADDRESS"},
	{"nvme virtio-blk virtio-scsi vhost-scsi vhost-user-blk scsi- ide- ahci ich9-ahci lsi mptsas megasas "
	 "pvscsi sdhci usb-storage floppy",
	 "give -disk IMAGE, or hand over the drive's controller, vfio-pci,host=ADDRESS"},
	{"intel-hda ich9-intel-hda hda- AC97 ES1370 virtio-sound usb-audio",
	 "no device is emulated for the guest; hand over a sound card, vfio-pci,host=ADDRESS"},
	{"usb- qemu-xhci nec-usb-xhci piix3-usb piix4-usb ich9-usb pci-ohci",
	 "no device is emulated for the guest; hand over a USB controller, vfio-pci,host=ADDRESS"},
	{"isa-serial pci-serial virtio-serial virtconsole virtserialport sclpconsole isa-debugcon",
	 "the guest has a serial line of its own, -serial; leave it out"},
	{"pvpanic", "the guest always has it; leave it out"},
	{"tpm- i6300esb ib700", "the machine has none; leave it out"},
};

static const struct kind object_kinds[] = {
	{"memory-backend-", "the guest's memory is that of -m, which has huge pages with hugetlb=2M or "
			    "hugetlb=1G, other processes "
			    "see it with share=on, and node=N says from where it comes; leave it out"},
	{"rng- cryptodev", "the guest has the random numbers of its processor; leave it out"},
	{"secret tls-creds- authz-", "there is nothing that is connected to by a network; leave it out"},
	{"iothread thread-context throttle-group", "no device is emulated by threads of lend; leave it out"},
	{"sev- tdx-", "the guest's memory cannot be encrypted; leave it out"},
	{"filter- can- input- colo-", "no device is emulated for the guest; leave it out"},
};

static const char *advice_of(const struct kind *kinds, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		const char *prefix = kinds[i].prefixes;
		size_t length;

		for (; *prefix; prefix += length + (prefix[length] == ' ')) {
			length = strcspn(prefix, " ");
			if (!strncmp(name, prefix, length))
				return kinds[i].advice;
		}
	}
	return NULL;
}

const char *foreign_driver(const char *driver)
{
	const char *advice = advice_of(driver_kinds, sizeof(driver_kinds) / sizeof(*driver_kinds), driver);

	return advice ? advice
		      : "no device is emulated for the guest; give vfio-pci,host=ADDRESS, or leave "
			"it out";
}

const char *foreign_object(const char *type)
{
	const char *advice = advice_of(object_kinds, sizeof(object_kinds) / sizeof(*object_kinds), type);

	return advice ? advice : "the only one is iommufd; leave it out";
}
