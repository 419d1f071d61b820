/* SPDX-License-Identifier: MIT */
/* The I/O commands (section 6). Data goes straight between guest memory and the disk where it can. */
#include <errno.h>
#include <stdio.h>

#include "tool/serve/nvme/private.h"

enum { CHUNK = 4096 };

static uint64_t first_block(const struct nvme_sqe *sqe)
{
	return sqe->dw10 | (uint64_t)sqe->dw11 << 32;
}

/* Namespace and range of a command with a number of blocks in dw12; where it is to be written, also that. */
static int check_range(struct nvme_controller *ctl, struct nvme_command *command, bool write)
{
	const struct nvme_sqe *sqe = &command->sqe;
	uint64_t blocks = ctl->disk->size / NVME_BLOCK, count = (sqe->dw12 & 0xffff) + 1;
	uint64_t first = first_block(sqe);

	if (sqe->nsid != 1)
		return NVME_INVALID_NAMESPACE;
	if (write && ctl->disk->readonly)
		return NVME_WRITE_PROTECTED;
	if (first >= blocks || count > blocks - first)
		return NVME_LBA_RANGE;
	command->at = first * NVME_BLOCK;
	command->end = command->at + count * NVME_BLOCK;
	command->request.offset = command->at;
	command->request.length = count * NVME_BLOCK;
	return NVME_SUCCESS;
}

static bool is_durable(const struct nvme_controller *ctl, const struct nvme_command *command)
{
	return command->sqe.dw12 >> 30 & 1 || !nvme_write_cache(ctl);
}

/* The status for what the disk said. The first error is told to the person who runs the server. */
static int disk_status(struct nvme_controller *ctl, struct nvme_command *command)
{
	int error = command->request.result;
	bool read = command->request.op == DISK_READ;
	char line[160];

	if (!error)
		return NVME_SUCCESS;
	/* The client has cut its memory short. */
	if (error == -EFAULT)
		return NVME_DATA_TRANSFER;
	if (!ctl->told_image) {
		ctl->told_image = true;
		snprintf(
			line, sizeof(line),
			"the image failed (%s at byte %llu): %s; the guest gets an error, and later ones are "
			"not told here",
			read                                ? "read"
			: command->request.op == DISK_FLUSH ? "flush"
							    : "write",
			(unsigned long long)command->request.offset, strerror(-error));
		ctl->host->say(ctl->opaque, line);
	}
	if (error == -ENOSPC || error == -EDQUOT)
		return NVME_CAPACITY;
	if (error == -ENOMEM)
		return NVME_INTERNAL;
	return read ? NVME_READ_ERROR : NVME_WRITE_FAULT;
}

static void count(struct nvme_controller *ctl, const struct nvme_command *command)
{
	if (command->sqe.opcode == IO_WRITE) {
		ctl->writes++;
		ctl->blocks_written += command->length / NVME_BLOCK;
	} else {
		ctl->reads++;
		ctl->blocks_read += command->length / NVME_BLOCK;
	}
}

/* Compare: the disk's bytes are in the bounce buffer. */
static int compare(struct nvme_controller *ctl, struct nvme_command *command)
{
	uint8_t bytes[CHUNK];

	for (uint32_t at = 0; at < command->length; at += CHUNK) {
		uint32_t length = command->length - at < CHUNK ? command->length - at : CHUNK;
		int status = nvme_data_read(ctl, command, at, bytes, length);

		if (status)
			return status;
		if (memcmp(bytes, command->bounce + at, length) != 0)
			return NVME_COMPARE_FAILURE;
	}
	return NVME_SUCCESS;
}

static int transferred(struct nvme_controller *ctl, struct nvme_command *command)
{
	int status = disk_status(ctl, command);

	if (status)
		return status;
	count(ctl, command);
	if (!command->bounce || command->sqe.opcode == IO_WRITE)
		return NVME_SUCCESS;
	if (command->sqe.opcode == IO_COMPARE)
		return compare(ctl, command);
	return nvme_data_write(ctl, command, command->bounce, command->length);
}

static int start_bounced(struct nvme_controller *ctl, struct nvme_command *command)
{
	int status;

	command->whole = (struct iovec){command->bounce, command->length};
	command->request.iov = &command->whole;
	command->request.iov_count = 1;
	if (command->sqe.opcode == IO_WRITE) {
		status = nvme_data_read(ctl, command, 0, command->bounce, command->length);
		if (status)
			return status;
	}
	return nvme_command_submit(ctl, command, transferred);
}

/* Turns the pieces of guest memory into ours. 0: they need a bounce buffer; else how many; or -EFAULT. */
static int map_pieces(struct nvme_controller *ctl, const struct nvme_command *command,
		      struct iovec iov[NVME_PIECES])
{
	unsigned count = 0;

	for (unsigned i = 0; i < command->piece_count; i++) {
		const struct nvme_piece *piece = &command->pieces[i];
		int ret = ctl->host->memory(ctl->opaque, piece->address, piece->length,
					    command->sqe.opcode == IO_READ, iov + count, NVME_PIECES - count);

		if (ret < 0)
			return ret == -EREMOTE || ret == -E2BIG ? 0 : -EFAULT;
		count += (unsigned)ret;
	}
	for (unsigned i = 0; i < count; i++)
		if ((uintptr_t)iov[i].iov_base % ctl->disk->alignment || iov[i].iov_len % ctl->disk->granule)
			return 0;
	return (int)count;
}

/* Read, Write and Compare. */
static int transfer(struct nvme_controller *ctl, struct nvme_command *command)
{
	struct iovec iov[NVME_PIECES];
	uint8_t opcode = command->sqe.opcode;
	int status = check_range(ctl, command, opcode == IO_WRITE), mapped;

	if (status)
		return status;
	if (command->request.length > NVME_TRANSFER_MAX)
		return NVME_INVALID_FIELD;
	status = nvme_data_find(ctl, command, (uint32_t)command->request.length);
	if (status)
		return status;
	command->request.op = opcode == IO_WRITE ? DISK_WRITE : DISK_READ;
	command->request.durable = opcode == IO_WRITE && is_durable(ctl, command);
	mapped = opcode == IO_COMPARE ? 0 : map_pieces(ctl, command, iov);
	if (mapped < 0)
		return NVME_DATA_TRANSFER;
	if (!mapped)
		return nvme_command_bounce(ctl, command, start_bounced);
	memcpy(command->iov, iov, (unsigned)mapped * sizeof(*iov));
	command->request.iov = command->iov;
	command->request.iov_count = (unsigned)mapped;
	return nvme_command_submit(ctl, command, transferred);
}

static int start_flush(struct nvme_controller *ctl, struct nvme_command *command)
{
	if (ctl->flush_failed)
		return NVME_WRITE_FAULT;
	command->request = (struct nvme_disk_request){.op = DISK_FLUSH};
	return nvme_command_submit(ctl, command, disk_status);
}

static int flush(struct nvme_controller *ctl, struct nvme_command *command)
{
	if (command->sqe.nsid != 1 && command->sqe.nsid != (uint32_t)NVME_ALL_NAMESPACES)
		return NVME_INVALID_NAMESPACE;
	return start_flush(ctl, command);
}

static int zeroed(struct nvme_controller *ctl, struct nvme_command *command);

/* The file system cannot make zeros: they are written, some MiB at a time. */
static int write_zeros(struct nvme_controller *ctl, struct nvme_command *command)
{
	uint64_t left = command->end - command->at;
	unsigned count = 0;

	while (left && count < NVME_PIECES) {
		size_t length = left < ZEROS ? (size_t)left : ZEROS;

		command->iov[count++] = (struct iovec){ctl->zeros, length};
		left -= length;
	}
	command->request = (struct nvme_disk_request){
		.op = DISK_WRITE,
		.offset = command->at,
		.length = command->end - command->at - left,
		.iov = command->iov,
		.iov_count = count,
	};
	return nvme_command_submit(ctl, command, zeroed);
}

static int zeroed(struct nvme_controller *ctl, struct nvme_command *command)
{
	enum nvme_disk_op op = command->request.op;
	int status;

	if (op != DISK_WRITE && command->request.result == -EOPNOTSUPP) {
		if (op == DISK_ZERO)
			return write_zeros(ctl, command);
		command->request.op = DISK_ZERO;
		return nvme_command_submit(ctl, command, zeroed);
	}
	status = disk_status(ctl, command);
	if (status)
		return status;
	command->at += command->request.length;
	if (command->at < command->end)
		return write_zeros(ctl, command);
	return is_durable(ctl, command) ? start_flush(ctl, command) : NVME_SUCCESS;
}

static int write_zeroes(struct nvme_controller *ctl, struct nvme_command *command)
{
	bool deallocate = command->sqe.dw12 >> 25 & 1;
	int status = check_range(ctl, command, true);

	if (status)
		return status;
	command->request.op = deallocate ? DISK_DISCARD : DISK_ZERO;
	return nvme_command_submit(ctl, command, zeroed);
}

static int discarded(struct nvme_controller *ctl, struct nvme_command *command);

/* Dataset Management: each of its ranges is copied, checked, and given back. */
static int next_range(struct nvme_controller *ctl, struct nvme_command *command)
{
	uint64_t blocks = ctl->disk->size / NVME_BLOCK;
	uint8_t range[16];

	while (command->at < command->end) {
		int status = nvme_data_read(ctl, command, (uint32_t)command->at++ * sizeof(range), range,
					    sizeof(range));
		uint64_t length = get32(range + 4), first = get64(range + 8);

		if (status)
			return status;
		if (first > blocks || length > blocks - first)
			return NVME_LBA_RANGE;
		if (!length)
			continue;
		command->request = (struct nvme_disk_request){
			.op = DISK_DISCARD, .offset = first * NVME_BLOCK, .length = length * NVME_BLOCK};
		return nvme_command_submit(ctl, command, discarded);
	}
	return NVME_SUCCESS;
}

static int discarded(struct nvme_controller *ctl, struct nvme_command *command)
{
	/* It is a hint: a disk that cannot follow it keeps the bytes. */
	int status = command->request.result == -EOPNOTSUPP ? NVME_SUCCESS : disk_status(ctl, command);

	return status ? status : next_range(ctl, command);
}

static int dataset(struct nvme_controller *ctl, struct nvme_command *command)
{
	int status;

	if (command->sqe.nsid != 1)
		return NVME_INVALID_NAMESPACE;
	command->at = 0;
	command->end = (command->sqe.dw10 & 0xff) + 1;
	status = nvme_data_find(ctl, command, (uint32_t)command->end * 16);
	if (status)
		return status;
	/* Its other hints are of how the data will be used. */
	if (!(command->sqe.dw11 & 4))
		return NVME_SUCCESS;
	return ctl->disk->readonly ? NVME_WRITE_PROTECTED : next_range(ctl, command);
}

/* Effects: bit 0, it is supported; bit 1, it changes blocks. */
const struct nvme_opcode nvme_io_opcodes[256] = {
	[IO_FLUSH] = {flush, 1},
	[IO_WRITE] = {transfer, 3},
	[IO_READ] = {transfer, 1},
	[IO_COMPARE] = {transfer, 1},
	[IO_WRITE_ZEROES] = {write_zeroes, 3},
	[IO_DATASET] = {dataset, 3},
};
