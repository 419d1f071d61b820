/* SPDX-License-Identifier: MIT */
/* Identify (section 5.15): what the controller and its namespace are. */
#include <stdio.h>

#include "tool/serve/nvme/private.h"

enum { NAMESPACE = 1 };

static void text(uint8_t *at, size_t size, const char *string)
{
	size_t length = strnlen(string, size);

	memset(at, ' ', size);
	memcpy(at, string, length);
}

static void uuid_text(const uint8_t uuid[16], char out[37])
{
	char *at = out;

	for (int i = 0; i < 16; i++)
		at += sprintf(at, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", uuid[i]);
}

static void fill_controller(const struct nvme_controller *ctl, uint8_t *page)
{
	char uuid[37];

	put16(page, NVME_PCI_VENDOR);
	put16(page + 2, NVME_PCI_VENDOR);
	text(page + 4, 20, ctl->disk->serial);
	text(page + 24, 40, "lend NVMe disk");
	text(page + 64, 8, LEND_VERSION);
	page[77] = NVME_MDTS;
	put32(page + 80, NVME_VERSION);
	page[111] = 1;             /* CNTRLTYPE: an I/O controller */
	put16(page + 256, 1 << 8); /* OACS: doorbell buffer */
	page[258] = 3;             /* ACL: four aborts */
	page[259] = NVME_EVENTS - 1;
	page[260] = 3;          /* FRMW: one slot of firmware, read-only */
	page[261] = 1 | 2 | 4;  /* LPA: SMART of a namespace, log page of effects, offsets in log pages */
	put16(page + 266, 343); /* WCTEMP, CCTEMP: K; they must not be 0 */
	put16(page + 268, 373);
	page[512] = 0x66; /* SQES, CQES: entries of 64 and 16 bytes */
	page[513] = 0x44;
	put32(page + 516, NAMESPACE);
	/* ONCS: Compare, Dataset Management, Write Zeroes, the Select field of Get Features */
	put16(page + 520, 1 | 4 | 8 | 16);
	page[525] = 1 | 3 << 1;   /* VWC: there is a cache, and Flush takes all namespaces */
	put32(page + 536, 1);     /* SGLS: any alignment */
	put16(page + 2048, 2500); /* power state 0: 25 W */
	uuid_text(ctl->disk->uuid, uuid);
	snprintf((char *)page + 768, 256, "nqn.2014-08.org.nvmexpress:uuid:%s", uuid);
}

static void fill_namespace(const struct nvme_controller *ctl, uint8_t *page)
{
	uint64_t blocks = ctl->disk->size / NVME_BLOCK;

	put64(page, blocks);
	put64(page + 8, blocks);
	put64(page + 16, blocks);
	page[24] = 1 << 4;     /* NSFEAT: the preferred sizes below are there */
	page[33] = 1 | 1 << 3; /* DLFEAT: what was given back reads zeros; Write Zeroes gives back if told */
	put64(page + 48, ctl->disk->size);
	for (int at = 64; at <= 70; at += 2) /* NPWG, NPWA, NPDG, NPDA: 4 KiB */
		put16(page + at, NVME_PAGE / NVME_BLOCK - 1);
	page[99] = ctl->disk->readonly; /* NSATTR: write protected */
	page[128 + 2] = 9;              /* LBADS: blocks of 512 bytes */
}

/* One descriptor of the namespace: its UUID. */
static void fill_descriptors(const struct nvme_controller *ctl, uint8_t *page)
{
	page[0] = 3;
	page[1] = 16;
	memcpy(page + 4, ctl->disk->uuid, 16);
}

int nvme_identify(struct nvme_controller *ctl, struct nvme_command *command)
{
	uint32_t nsid = command->sqe.nsid;
	uint8_t page[NVME_PAGE] = {0};

	switch (command->sqe.dw10 & 0xff) {
	case 0x00:
		if (nsid != NAMESPACE)
			return NVME_INVALID_NAMESPACE;
		fill_namespace(ctl, page);
		break;
	case 0x01:
		fill_controller(ctl, page);
		break;
	case 0x02: /* active namespaces above `nsid` */
		if (nsid >= UINT32_MAX - 1)
			return NVME_INVALID_NAMESPACE;
		put32(page, nsid < NAMESPACE ? NAMESPACE : 0);
		break;
	case 0x03:
		if (nsid != NAMESPACE)
			return NVME_INVALID_NAMESPACE;
		fill_descriptors(ctl, page);
		break;
	default:
		return NVME_INVALID_FIELD;
	}
	return nvme_data_reply(ctl, command, page, sizeof(page));
}
