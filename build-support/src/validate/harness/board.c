/* Your board's serial port: replace the functions. castiron writes this file once, and leaves yours alone.
 *
 * As they stand, they are for the CMSDK UART of Arm's MPS2 boards, which QEMU has as mps2-an385 and mps2-an386. With a
 * vendor's library, a function is a line or two:
 *
 *   STM32   return LL_USART_IsActiveFlag_RXNE(USART2) ? LL_USART_ReceiveData8(USART2) : -1;
 *   Zephyr  return uart_poll_in(uart, &byte) == 0 ? byte : -1;      and uart_poll_out(uart, byte);
 *
 * Clear the flags of overruns and noise in uart_read: bytes come in while the model runs, too, and nobody takes them
 * then. castiron sends again what was lost. Keep interrupts off, or their time counts as the model's. */
#include "board.h"

#ifndef UART_BASE
#define UART_BASE 0x40004000u
#endif
#ifndef UART_CLOCK
#define UART_CLOCK 25000000u
#endif
#ifndef UART_BAUD
#define UART_BAUD 115200u
#endif

#define UART_REGISTER(offset) (*(volatile uint32_t *)(UART_BASE + (offset)))
#define UART_DATA UART_REGISTER(0x00u)
#define UART_STATE UART_REGISTER(0x04u)
#define UART_CONTROL UART_REGISTER(0x08u)
#define UART_DIVIDER UART_REGISTER(0x10u)

#define STATE_SENDS 1u
#define STATE_HAS_BYTE 2u
#define STATE_OVERRUNS 12u
#define CONTROL_SEND_AND_RECEIVE 3u

void board_open(void)
{
    UART_DIVIDER = UART_CLOCK / UART_BAUD;
    UART_CONTROL = CONTROL_SEND_AND_RECEIVE;
}

int uart_read(void)
{
    UART_STATE = STATE_OVERRUNS;
    return (UART_STATE & STATE_HAS_BYTE) != 0 ? (int)(UART_DATA & 0xFFu) : -1;
}

void uart_write(uint8_t byte)
{
    while ((UART_STATE & STATE_SENDS) != 0) {
    }
    UART_DATA = byte;
}

/* Set a pin, if you measure power. */
void board_mark(int is_running)
{
    (void)is_running;
}
