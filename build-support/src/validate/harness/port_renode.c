/* The board of platform.repl: inputs lie in a memory of their own, results leave by a serial port
 * whose every byte Renode writes to a file. Part of castiron. */
#include "port.h"

#define INPUTS ((const volatile uint8_t *)0x60000000u)
#define SERIAL (*(volatile uint32_t *)0x40004000u)

static size_t position;

int port_open(void)
{
    return 0;
}

int port_read(void *to, size_t bytes)
{
    uint8_t *out = to;
    for (; bytes != 0; bytes--) {
        *out++ = INPUTS[position++];
    }
    return 0;
}

void port_write(const void *from, size_t bytes)
{
    const uint8_t *in = from;
    for (; bytes != 0; bytes--) {
        SERIAL = *in++;
    }
}

void port_start(void)
{
}

uint64_t port_stop(void)
{
    return PORT_UNKNOWN;
}

/* The last record says how it went; Renode is ended from outside. */
void port_exit(int code)
{
    (void)code;
    for (;;) {
        __asm__ volatile("wfi");
    }
}
