/* QEMU's mps2-an386: files through semihosting, instructions from a timer. Part of castiron.
 *
 * With -icount shift=0 an instruction takes a nanosecond of emulated time, so that a tick of the
 * 25 MHz timer is 40 instructions. Counting starts right after a tick; how long the next tick is
 * in coming when it stops gives what lies between ticks. */
#include "port.h"

#define TIMER_CONTROL (*(volatile uint32_t *)0x40000000u)
#define TIMER_VALUE (*(volatile uint32_t *)0x40000004u)
#define TIMER_RELOAD (*(volatile uint32_t *)0x40000008u)

#define INSTRUCTIONS_PER_TICK 40u
#define INSTRUCTIONS_PER_WAIT 4u

/* Arm's semihosting operations. */
enum { SYS_OPEN = 0x01, SYS_WRITE = 0x05, SYS_READ = 0x06, SYS_EXIT = 0x18 };
enum { MODE_READ = 1, MODE_WRITE = 5 };
#define STOPPED_AT_EXIT 0x20026u
#define STOPPED_BY_ERROR 0x20023u

static int32_t inputs = -1;
static int32_t results = -1;
static uint32_t started;

static int32_t host(uint32_t operation, uintptr_t argument)
{
    register uint32_t r0 __asm__("r0") = operation;
    register uintptr_t r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return (int32_t)r0;
}

static int32_t open_file(const char *name, uint32_t length, uint32_t mode)
{
    uintptr_t block[3];
    block[0] = (uintptr_t)name;
    block[1] = mode;
    block[2] = length;
    return host(SYS_OPEN, (uintptr_t)block);
}

/* Bytes of the transfer that did not take place. */
static int32_t transfer(uint32_t operation, int32_t file, uintptr_t data, size_t bytes)
{
    uintptr_t block[3];
    block[0] = (uintptr_t)file;
    block[1] = data;
    block[2] = bytes;
    return host(operation, (uintptr_t)block);
}

int port_open(void)
{
    TIMER_RELOAD = UINT32_MAX;
    TIMER_VALUE = UINT32_MAX;
    TIMER_CONTROL = 1;
    inputs = open_file("inputs.bin", 10, MODE_READ);
    results = open_file("results.bin", 11, MODE_WRITE);
    return inputs == -1 || results == -1;
}

int port_read(void *to, size_t bytes)
{
    return transfer(SYS_READ, inputs, (uintptr_t)to, bytes) != 0;
}

void port_write(const void *from, size_t bytes)
{
    if (transfer(SYS_WRITE, results, (uintptr_t)from, bytes) != 0) {
        port_exit(1);
    }
}

void port_start(void)
{
    uint32_t before = TIMER_VALUE;
    do {
        started = TIMER_VALUE;
    } while (started == before);
}

uint64_t port_stop(void)
{
    uint32_t first = TIMER_VALUE;
    uint32_t waits = 0;
    uint32_t last;
    /* In assembly, so that a wait has a known length. */
    __asm__ volatile("1: add %0, %0, #1\n\t"
                     "ldr %1, [%2]\n\t"
                     "cmp %1, %3\n\t"
                     "beq 1b"
                     : "+r"(waits), "=&r"(last)
                     : "r"(&TIMER_VALUE), "r"(first)
                     : "cc", "memory");
    /* The timer counts down. */
    uint64_t instructions = (uint64_t)(started - last) * INSTRUCTIONS_PER_TICK;
    uint64_t waited = (uint64_t)waits * INSTRUCTIONS_PER_WAIT;
    return instructions > waited ? instructions - waited : 0;
}

void port_exit(int code)
{
    for (;;) {
        host(SYS_EXIT, code == 0 ? STOPPED_AT_EXIT : STOPPED_BY_ERROR);
    }
}
