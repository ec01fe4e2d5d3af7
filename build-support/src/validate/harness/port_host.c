/* This machine: inputs from standard input, results to standard output. Part of castiron. */
#include <stdio.h>
#include <stdlib.h>

#ifdef _WIN32
#include <fcntl.h>
#include <io.h>
#endif

#include "port.h"

int port_open(void)
{
#ifdef _WIN32
    _setmode(_fileno(stdin), _O_BINARY);
    _setmode(_fileno(stdout), _O_BINARY);
#endif
    return 0;
}

int port_read(void *to, size_t bytes)
{
    return fread(to, 1, bytes, stdin) == bytes ? 0 : 1;
}

void port_write(const void *from, size_t bytes)
{
    if (fwrite(from, 1, bytes, stdout) != bytes) {
        exit(1);
    }
}

void port_start(void)
{
}

uint64_t port_stop(void)
{
    return PORT_UNKNOWN;
}

void port_exit(int code)
{
    if (fflush(stdout) != 0) {
        code = 1;
    }
    exit(code);
}
