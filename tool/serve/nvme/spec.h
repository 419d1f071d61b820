/* SPDX-License-Identifier: MIT */
/* Numbers of the NVM Express base specification, revision 1.4, as far as this controller has them. */
#ifndef TOOL_SERVE_NVME_SPEC_H
#define TOOL_SERVE_NVME_SPEC_H

#include <stdint.h>

/* Registers of BAR 0 (section 3.1). */
enum {
	REG_CAP = 0x00,
	REG_VS = 0x08,
	REG_INTMS = 0x0c,
	REG_INTMC = 0x10,
	REG_CC = 0x14,
	REG_CSTS = 0x1c,
	REG_AQA = 0x24,
	REG_ASQ = 0x28,
	REG_ACQ = 0x30,
	REG_END = 0x40,
	REG_DOORBELLS = 0x1000,
};

enum {
	CC_EN = 1,
	CC_SHN_SHIFT = 14,
	CC_SHN = 3 << CC_SHN_SHIFT,
	CSTS_RDY = 1,
	CSTS_CFS = 2,
	CSTS_SHST = 3 << 2,
	CSTS_SHST_BUSY = 1 << 2,
	CSTS_SHST_DONE = 2 << 2,
};

enum {
	NVME_VERSION = 0x10400,
	NVME_PAGE = 4096, /* the only memory page size: CAP.MPSMIN and MPSMAX are 0 */
	NVME_SQE = 64,
	NVME_CQE = 16,
	NVME_BLOCK = 512,
};

/* Opcodes of the admin queue (section 5) and of I/O queues (section 6). */
enum {
	ADMIN_DELETE_SQ = 0x00,
	ADMIN_CREATE_SQ = 0x01,
	ADMIN_GET_LOG = 0x02,
	ADMIN_DELETE_CQ = 0x04,
	ADMIN_CREATE_CQ = 0x05,
	ADMIN_IDENTIFY = 0x06,
	ADMIN_ABORT = 0x08,
	ADMIN_SET_FEATURES = 0x09,
	ADMIN_GET_FEATURES = 0x0a,
	ADMIN_ASYNC_EVENT = 0x0c,
	ADMIN_DOORBELL_BUFFER = 0x7c,
	IO_FLUSH = 0x00,
	IO_WRITE = 0x01,
	IO_READ = 0x02,
	IO_COMPARE = 0x05,
	IO_WRITE_ZEROES = 0x08,
	IO_DATASET = 0x09,
};

/* Status codes with their type in bits 10:8 (section 4.6.1.2). */
enum nvme_status {
	NVME_PENDING = -1, /* not a code: the command goes on */
	NVME_SUCCESS = 0x000,
	NVME_INVALID_OPCODE = 0x001,
	NVME_INVALID_FIELD = 0x002,
	NVME_DATA_TRANSFER = 0x004,
	NVME_INTERNAL = 0x006,
	NVME_ABORTED = 0x007,
	NVME_INVALID_NAMESPACE = 0x00b,
	NVME_SEQUENCE = 0x00c,
	NVME_SGL_SEGMENT = 0x00d,
	NVME_SGL_COUNT = 0x00e,
	NVME_SGL_LENGTH = 0x00f,
	NVME_SGL_TYPE = 0x011,
	NVME_PRP_OFFSET = 0x013,
	NVME_WRITE_PROTECTED = 0x020,
	NVME_LBA_RANGE = 0x080,
	NVME_CAPACITY = 0x081,
	NVME_CQ_INVALID = 0x100,
	NVME_QUEUE_ID = 0x101,
	NVME_QUEUE_SIZE = 0x102,
	NVME_EVENT_LIMIT = 0x105,
	NVME_VECTOR = 0x108,
	NVME_LOG_PAGE = 0x109,
	NVME_QUEUE_DELETION = 0x10c,
	NVME_NOT_SAVEABLE = 0x10d,
	NVME_NOT_CHANGEABLE = 0x10e,
	NVME_WRITE_FAULT = 0x280,
	NVME_READ_ERROR = 0x281,
	NVME_COMPARE_FAILURE = 0x285,
};

enum {
	NVME_PCI_VENDOR = 0x1234, /* no vendor of PCI: it is used for virtual devices */
	NVME_PCI_DEVICE = 0x4e56,
};

enum { NVME_LOG_ERRORS = 1, NVME_LOG_HEALTH = 2, NVME_LOG_FIRMWARE = 3, NVME_LOG_EFFECTS = 5 };

enum { NVME_ALL_NAMESPACES = -1 }; /* as uint32_t */

#endif
