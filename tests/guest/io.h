/* SPDX-License-Identifier: MIT */
/* Ports, memory and model-specific registers: one access is one instruction of the width asked for. */
#ifndef GUEST_IO_H
#define GUEST_IO_H

#include <stdbool.h>
#include <stdint.h>

static inline void port_write(uint16_t port, unsigned width, uint64_t value)
{
	if (width == 1)
		__asm__ volatile("outb %b0, %1" ::"a"(value), "Nd"(port));
	else if (width == 2)
		__asm__ volatile("outw %w0, %1" ::"a"(value), "Nd"(port));
	else
		__asm__ volatile("outl %k0, %1" ::"a"(value), "Nd"(port));
}

static inline uint64_t port_read(uint16_t port, unsigned width)
{
	uint64_t value = 0;

	if (width == 1)
		__asm__ volatile("inb %1, %b0" : "+a"(value) : "Nd"(port));
	else if (width == 2)
		__asm__ volatile("inw %1, %w0" : "+a"(value) : "Nd"(port));
	else
		__asm__ volatile("inl %1, %k0" : "+a"(value) : "Nd"(port));
	return value;
}

static inline void memory_write(uint64_t address, unsigned width, uint64_t value)
{
	if (width == 1)
		__asm__ volatile("movb %b0, (%1)" ::"q"(value), "r"(address) : "memory");
	else if (width == 2)
		__asm__ volatile("movw %w0, (%1)" ::"r"(value), "r"(address) : "memory");
	else if (width == 4)
		__asm__ volatile("movl %k0, (%1)" ::"r"(value), "r"(address) : "memory");
	else
		__asm__ volatile("movq %0, (%1)" ::"r"(value), "r"(address) : "memory");
}

static inline uint64_t memory_read(uint64_t address, unsigned width)
{
	uint64_t value;

	if (width == 1)
		__asm__ volatile("movzbl (%1), %k0" : "=r"(value) : "r"(address) : "memory");
	else if (width == 2)
		__asm__ volatile("movzwl (%1), %k0" : "=r"(value) : "r"(address) : "memory");
	else if (width == 4)
		__asm__ volatile("movl (%1), %k0" : "=r"(value) : "r"(address) : "memory");
	else
		__asm__ volatile("movq (%1), %0" : "=r"(value) : "r"(address) : "memory");
	return value;
}

static inline uint64_t msr_read(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (uint64_t)high << 32 | low;
}

static inline void msr_write(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr" ::"c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

static inline bool is_width(uint64_t width)
{
	return width == 1 || width == 2 || width == 4 || width == 8;
}

#endif
