/* From reset to main() on a Cortex-M3, with newlib's semihosting for printf. */
#include <stdint.h>
#include <stdlib.h>

extern uint32_t stack_top, data_load, data_start, data_end, bss_start, bss_end;
extern void initialise_monitor_handles(void);
extern void __libc_init_array(void);
extern int main(void);

static void fault_handler(void)
{
    abort();
}

static void reset_handler(void)
{
    const uint32_t *from = &data_load;
    uint32_t *to;

    for (to = &data_start; to < &data_end;) {
        *to++ = *from++;
    }
    for (to = &bss_start; to < &bss_end;) {
        *to++ = 0;
    }
    initialise_monitor_handles();
    __libc_init_array(); /* constructors, where there is C++ */
    exit(main());
}

__attribute__((section(".vectors"), used)) static void (*const vectors[4])(void) = {
    (void (*)(void))(uintptr_t)&stack_top,
    reset_handler,
    fault_handler,
    fault_handler,
};

/* What newlib calls besides constructors and destructors. */
void _init(void) {}
void _fini(void) {}
