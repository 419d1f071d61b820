/* SPDX-License-Identifier: MIT */
/* Registers and bits: National Semiconductor PC16550D data sheet, section 8. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "vmm/serial.h"

enum { DATA, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCR };
enum { IER_RDI = 1, IER_THRI = 2 };
enum { IIR_NONE = 1, IIR_THRI = 2, IIR_RDI = 4, IIR_FIFO = 0xc0 };
enum { FCR_ENABLE = 1, FCR_CLEAR_RX = 2 };
enum { LCR_DLAB = 0x80 };
enum { MCR_OUT2 = 8, MCR_LOOP = 0x10 };
enum { LSR_DR = 1, LSR_THRE = 0x20, LSR_TEMT = 0x40 };
enum { MSR_CTS = 0x10, MSR_DSR = 0x20, MSR_DCD = 0x80 };

/*
 * The transmitter is "empty" only with room for a whole FIFO: the guest then
 * writes that much without looking again.
 */
static bool tx_room(const struct serial *serial)
{
	return serial->tx_count + SERIAL_FIFO <= SERIAL_TX;
}

static uint8_t cause(const struct serial *serial)
{
	if ((serial->ier & IER_RDI) && serial->rx_count)
		return IIR_RDI;
	if ((serial->ier & IER_THRI) && serial->thre)
		return IIR_THRI;
	return IIR_NONE;
}

/* The interrupt is an edge: it is sent when the output rises. */
static void update_irq(struct serial *serial)
{
	bool raised = cause(serial) != IIR_NONE && (serial->mcr & MCR_OUT2);
	uint64_t one = 1;

	if (raised && !serial->raised && write(serial->irq, &one, sizeof(one)) < 0)
		raised = false; /* the counter is full: tried again at the next change */
	serial->raised = raised;
}

/* What the loop waits for: input while there is room for it, output while some is left. */
static void update_watch(struct serial *serial)
{
	uint32_t events = (serial->rx_count < SERIAL_RX ? (uint32_t)EPOLLIN : 0) |
			  (serial->tx_count ? (uint32_t)EPOLLOUT : 0);

	if (serial->watched && !serial->gone)
		loop_modify(serial->loop, serial->fd, events);
}

/* The other end is gone: output is discarded from now on. */
static void hang_up(struct serial *serial)
{
	if (serial->watched)
		loop_mute(serial->loop, serial->fd);
	serial->gone = true;
	serial->tx_count = 0;
}

static void flush(struct serial *serial)
{
	while (serial->tx_count && !serial->gone) {
		ssize_t n = write(serial->fd, serial->tx, serial->tx_count);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (n <= 0) {
			hang_up(serial);
			return;
		}
		serial->tx_count -= (unsigned)n;
		memmove(serial->tx, serial->tx + n, serial->tx_count);
	}
	if (serial->gone)
		serial->tx_count = 0;
}

static void transmit(struct serial *serial, uint8_t byte)
{
	unsigned before = serial->tx_count;

	if (serial->mcr & MCR_LOOP) {
		if (serial->rx_count < SERIAL_RX)
			serial->rx[serial->rx_count++] = byte;
	} else if (serial->tx_count < SERIAL_TX) {
		serial->tx[serial->tx_count++] = byte;
		if (!before)
			flush(serial);
		if (serial->tx_count && !before)
			update_watch(serial);
	}
	serial->thre = tx_room(serial);
}

static uint8_t receive(struct serial *serial)
{
	uint8_t byte = serial->rx_count ? serial->rx[0] : 0;
	bool was_full = serial->rx_count == SERIAL_RX;

	if (serial->rx_count) {
		serial->rx_count--;
		memmove(serial->rx, serial->rx + 1, serial->rx_count);
	}
	if (was_full)
		update_watch(serial);
	return byte;
}

static uint8_t read_iir(struct serial *serial)
{
	uint8_t value = cause(serial);

	if (value == IIR_THRI)
		serial->thre = false;
	return (uint8_t)(value | (serial->fcr & FCR_ENABLE ? IIR_FIFO : 0));
}

static uint8_t read_msr(const struct serial *serial)
{
	uint8_t mcr = serial->mcr;

	if (!(mcr & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	/* In loop mode RTS, DTR, OUT1 and OUT2 come back as CTS, DSR, RI and DCD. */
	return (uint8_t)((mcr & 2) << 3 | (mcr & 1) << 5 | (mcr & 4) << 4 | (mcr & 8) << 4);
}

static uint8_t read_register(struct serial *serial, unsigned reg)
{
	bool dlab = serial->lcr & LCR_DLAB;

	switch (reg) {
	case DATA:
		return dlab ? serial->dll : receive(serial);
	case IER:
		return dlab ? serial->dlm : serial->ier;
	case IIR_FCR:
		return read_iir(serial);
	case LCR:
		return serial->lcr;
	case MCR:
		return serial->mcr;
	case LSR:
		return (uint8_t)((serial->rx_count ? LSR_DR : 0) |
				 (tx_room(serial) ? LSR_THRE | LSR_TEMT : 0));
	case MSR:
		return read_msr(serial);
	default:
		return serial->scr;
	}
}

static void write_ier(struct serial *serial, uint8_t value)
{
	/* Enabling the transmitter's interrupt while it is empty raises it at once. */
	if ((value & IER_THRI) && !(serial->ier & IER_THRI))
		serial->thre = tx_room(serial);
	serial->ier = value & 0x0f;
}

static void write_register(struct serial *serial, unsigned reg, uint8_t value)
{
	bool dlab = serial->lcr & LCR_DLAB;

	switch (reg) {
	case DATA:
		if (dlab)
			serial->dll = value;
		else
			transmit(serial, value);
		break;
	case IER:
		if (dlab)
			serial->dlm = value;
		else
			write_ier(serial, value);
		break;
	case IIR_FCR:
		serial->fcr = value;
		if (value & FCR_CLEAR_RX) {
			serial->rx_count = 0;
			update_watch(serial);
		}
		break;
	case LCR:
		serial->lcr = value;
		break;
	case MCR:
		serial->mcr = value & 0x1f;
		break;
	case SCR:
		serial->scr = value;
		break;
	default:
		break; /* LSR and MSR are read-only */
	}
}

static uint64_t serial_read(void *opaque, uint64_t offset, unsigned length)
{
	struct serial *serial = opaque;
	uint64_t value = 0;

	pthread_mutex_lock(&serial->lock);
	serial->accesses++;
	for (unsigned i = 0; i < length; i++) {
		uint8_t byte = offset + i < SERIAL_PORTS ? read_register(serial, (unsigned)offset + i) : 0xff;

		value |= (uint64_t)byte << (8 * i);
	}
	update_irq(serial);
	pthread_mutex_unlock(&serial->lock);
	return value;
}

static void serial_write(void *opaque, uint64_t offset, unsigned length, uint64_t value)
{
	struct serial *serial = opaque;

	pthread_mutex_lock(&serial->lock);
	serial->accesses++;
	for (unsigned i = 0; i < length && offset + i < SERIAL_PORTS; i++)
		write_register(serial, (unsigned)offset + i, (uint8_t)(value >> (8 * i)));
	update_irq(serial);
	pthread_mutex_unlock(&serial->lock);
}

const struct bus_ops serial_ops = {.read = serial_read, .write = serial_write};

static void take_input(struct serial *serial)
{
	ssize_t n;

	if (serial->gone || serial->rx_count == SERIAL_RX)
		return;
	n = read(serial->fd, serial->rx + serial->rx_count, SERIAL_RX - serial->rx_count);
	if (n > 0)
		serial->rx_count += (unsigned)n;
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		hang_up(serial);
}

static void ready(void *opaque)
{
	struct serial *serial = opaque;
	bool had_room;

	pthread_mutex_lock(&serial->lock);
	had_room = tx_room(serial);
	take_input(serial);
	flush(serial);
	if (!had_room && tx_room(serial))
		serial->thre = true;
	update_watch(serial);
	update_irq(serial);
	pthread_mutex_unlock(&serial->lock);
}

int serial_init(struct serial *serial, struct loop *loop, int fd, int irq)
{
	int ret = 0;

	pthread_mutex_init(&serial->lock, NULL);
	serial->loop = loop;
	serial->fd = fd;
	serial->gone = fd < 0;
	serial->irq = irq;
	if (fd >= 0)
		ret = loop_add(loop, fd, EPOLLIN, ready, serial);
	serial->watched = fd >= 0 && !ret;
	return ret;
}

void serial_free(struct serial *serial)
{
	if (serial->watched)
		loop_remove(serial->loop, serial->fd);
	if (serial->irq > 0)
		close(serial->irq);
	serial->watched = false;
	serial->irq = -1;
}

void serial_reset(struct serial *serial)
{
	pthread_mutex_lock(&serial->lock);
	serial->ier = serial->lcr = serial->mcr = serial->scr = serial->dll = serial->dlm = serial->fcr = 0;
	serial->thre = serial->raised = false;
	serial->rx_count = 0;
	update_watch(serial);
	pthread_mutex_unlock(&serial->lock);
}
