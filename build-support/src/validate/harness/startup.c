/* From reset to main on a Cortex-M4. Part of castiron. */
#include <stdint.h>

#include "port.h"

extern uint32_t __stack_top, __data_start, __data_end, __data_load, __bss_start, __bss_end;
extern void (*__init_array_start[])(void);
extern void (*__init_array_end[])(void);

int main(void);

#define COPROCESSOR_ACCESS (*(volatile uint32_t *)0xE000ED88u)
#define FULL_FLOAT_ACCESS (0xFu << 20)

/* C++ without exceptions or an end; the linker wants the names. */
void _init(void);
void _init(void)
{
}
void *__dso_handle;

void reset_handler(void);
void reset_handler(void)
{
    uint32_t *to;
    const uint32_t *from = &__data_load;
    void (**constructor)(void);

    COPROCESSOR_ACCESS |= FULL_FLOAT_ACCESS;
    __asm__ volatile("dsb\n\tisb" ::: "memory");
    for (to = &__data_start; to < &__data_end; to++) {
        *to = *from++;
    }
    for (to = &__bss_start; to < &__bss_end; to++) {
        *to = 0;
    }
    for (constructor = __init_array_start; constructor < __init_array_end; constructor++) {
        (*constructor)();
    }
    (void)main();
    for (;;) {
    }
}

static void fault_handler(void)
{
    harness_fault();
}

static void (*const vectors[])(void) __attribute__((used, section(".vectors"))) = {
    (void (*)(void))&__stack_top,
    reset_handler,
    fault_handler, /* NMI */
    fault_handler, /* hard fault: the others escalate to it */
    fault_handler,
    fault_handler,
    fault_handler,
};
