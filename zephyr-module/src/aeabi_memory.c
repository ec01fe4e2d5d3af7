/*
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Arm's run-time ABI has its own names for memcpy() and its kin ("Run-time ABI for the Arm Architecture", 4.3.4), which
 * compilers for bare metal call, castiron's libraries among them. Newlib and picolibc define them, Zephyr's minimal C
 * library does not.
 */
#include <stddef.h>
#include <string.h>

/* The names for memory aligned to 1, 4 and 8 bytes. */
#define FOR_ALIGNMENTS(define, name) define(name) define(name##4) define(name##8)

#define COPY(name)                                                                                                     \
    void name(void *to, const void *from, size_t n);                                                                   \
    void name(void *to, const void *from, size_t n)                                                                    \
    {                                                                                                                  \
        memcpy(to, from, n);                                                                                           \
    }

#define MOVE(name)                                                                                                     \
    void name(void *to, const void *from, size_t n);                                                                   \
    void name(void *to, const void *from, size_t n)                                                                    \
    {                                                                                                                  \
        memmove(to, from, n);                                                                                          \
    }

/* The order of arguments is not memset()'s. */
#define SET(name)                                                                                                      \
    void name(void *to, size_t n, int byte);                                                                           \
    void name(void *to, size_t n, int byte)                                                                            \
    {                                                                                                                  \
        memset(to, byte, n);                                                                                           \
    }

#define CLEAR(name)                                                                                                    \
    void name(void *to, size_t n);                                                                                     \
    void name(void *to, size_t n)                                                                                      \
    {                                                                                                                  \
        memset(to, 0, n);                                                                                              \
    }

FOR_ALIGNMENTS(COPY, __aeabi_memcpy)
FOR_ALIGNMENTS(MOVE, __aeabi_memmove)
FOR_ALIGNMENTS(SET, __aeabi_memset)
FOR_ALIGNMENTS(CLEAR, __aeabi_memclr)
