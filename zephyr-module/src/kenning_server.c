/*
 * The line of a model that Kenning evaluates, for Zephyr: the UART that the devicetree chooses for it (castiron,kenning-uart), or else the console's,
 * which then must have no console. Compile it with the name of the model's library and its header:
 *
 *     target_compile_definitions(app PRIVATE KENNING_MODEL=vae KENNING_HEADER="vae.h")
 *
 * The application calls vae_init(), kenning_line_start(), and vae_server_poll() for ever. prj.conf: CONFIG_SERIAL, CONFIG_UART_INTERRUPT_DRIVEN and
 * CONFIG_RING_BUFFER.
 */
#include <zephyr/device.h>
#include <zephyr/drivers/uart.h>
#include <zephyr/kernel.h>
#include <zephyr/sys/ring_buffer.h>

#include KENNING_HEADER

#define JOIN(model, function) model##_server_##function
#define NAME(model, function) JOIN(model, function)

#if DT_HAS_CHOSEN(castiron_kenning_uart)
#define LINE DT_CHOSEN(castiron_kenning_uart)
#else
#define LINE DT_CHOSEN(zephyr_console)
#endif

static const struct device *const line = DEVICE_DT_GET(LINE);

/* The client sends all parts of a request at once, and waits for the answer. */
RING_BUF_DECLARE(received, 1024);

static void take(const struct device *device, void *unused)
{
	uint8_t byte;

	(void)unused;
	while (uart_irq_update(device) && uart_irq_rx_ready(device)) {
		while (uart_fifo_read(device, &byte, 1) == 1) {
			/* A byte that is lost costs a request, which the client sends again. */
			(void)ring_buf_put(&received, &byte, 1);
		}
	}
}

int kenning_line_start(void)
{
	if (!device_is_ready(line)) {
		return -ENODEV;
	}
	int error = uart_irq_callback_user_data_set(line, take, NULL);

	if (error == 0) {
		uart_irq_rx_enable(line);
	}
	return error;
}

int NAME(KENNING_MODEL, read)(void)
{
	uint8_t byte;

	return ring_buf_get(&received, &byte, 1) == 1 ? byte : -1;
}

void NAME(KENNING_MODEL, write)(const uint8_t *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uart_poll_out(line, bytes[i]);
	}
}

uint64_t NAME(KENNING_MODEL, nanoseconds)(void)
{
	return k_ticks_to_ns_floor64(k_uptime_ticks());
}
