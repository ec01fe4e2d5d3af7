/* What the harness asks of the machine it runs on. Part of castiron. */
#ifndef CASTIRON_PORT_H
#define CASTIRON_PORT_H

#include <stddef.h>
#include <stdint.h>

/* No instructions were counted. */
#define PORT_UNKNOWN UINT64_MAX

/* Makes reading, writing and counting work. Returns 0, or another value if there is no way to. */
int port_open(void);

/* Reads exactly so many bytes of the inputs; returns 0, or another value at their end. */
int port_read(void *to, size_t bytes);

/* Writes to the results. */
void port_write(const void *from, size_t bytes);

/* Starts to count instructions. */
void port_start(void);

/* Instructions since the start, with what counting itself takes; PORT_UNKNOWN without a counter. */
uint64_t port_stop(void);

/* Ends the program: 0 when all went well. */
void port_exit(int code);

/* What a fault does; `main` stands in for it nowhere. */
void harness_fault(void);

#endif
