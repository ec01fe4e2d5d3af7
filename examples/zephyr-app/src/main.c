/*
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Checks that the model computes what castiron computed for it on the host, then runs it for ever and says every two
 * seconds how often it ran and how long that took.
 */
#include <zephyr/kernel.h>
#include <zephyr/sys/printk.h>

#include <castiron/kenning.h>
#include <model_data.h>

#include "app_model.h"
#include "app_model_self_test.h"

#define REPORT_EVERY_MS 2000
/* On native_sim no time passes while code computes, so it has to be told to: this much for an iteration. */
#define SIMULATED_MS 100

BUILD_ASSERT(sizeof(model_spec_t) == 356, "model_spec_t is not what Kenning's runtime loads");

/* What the header says, which has to be of the same model as the library. */
static bool describe(void)
{
    uint32_t elements = 1;

    printk("model: %u bytes, input", model_data_len);
    for (uint32_t i = 0; i < model_spec.num_input_dim[0]; i++) {
        printk("%s%u", i == 0 ? " " : "x", model_spec.input_shape[0][i]);
        elements *= model_spec.input_shape[0][i];
    }
    printk(", %s, arena %u bytes\n", APP_MODEL_ENGINE, APP_MODEL_ARENA_BYTES);
    if (elements != APP_MODEL_INPUT_0_ELEMENTS) {
        printk("header and library are of different models\n");
        return false;
    }
    return true;
}

/* The cases that the library was made with. */
static bool check(void)
{
    const int wrong = app_model_self_test();

    if (wrong < 0) {
        printk("golden check: the model does not run\n");
    } else if (wrong > 0) {
        printk("golden check: FAILED, %d values differ\n", wrong);
    } else {
        printk("golden check: passed, %d cases\n", APP_MODEL_SELF_TEST_CASES);
    }
    return wrong == 0;
}

static void fill(uint8_t *input, size_t bytes, uint32_t *seed)
{
    for (size_t i = 0; i < bytes; i++) {
        *seed = *seed * 1664525U + 1013904223U;
        input[i] = *seed >> 24;
    }
}

int main(void)
{
    uint32_t seed = 1;
    uint32_t iterations = 0;
    int64_t busy = 0;
    int64_t reported;

    if (!describe() || app_model_init() != APP_MODEL_OK || !check()) {
        return 1;
    }
    reported = k_uptime_get();
    while (true) {
        int64_t start;

        fill(app_model_input(0), app_model_input_bytes(0), &seed);
        start = k_uptime_get();
        if (app_model_run() != APP_MODEL_OK) {
            printk("the model does not run\n");
            return 1;
        }
        busy += k_uptime_get() - start;
        iterations++;
        if (IS_ENABLED(CONFIG_ARCH_POSIX)) {
            k_busy_wait(SIMULATED_MS * USEC_PER_MSEC);
        }
        if (k_uptime_get() - reported >= REPORT_EVERY_MS) {
            const uint32_t us = (uint32_t)(busy * 1000 / iterations);

            if (IS_ENABLED(CONFIG_ARCH_POSIX)) {
                printk("%u iterations\n", iterations);
            } else {
                printk("%u iterations, %u.%03u ms each\n", iterations, us / 1000, us % 1000);
            }
            iterations = 0;
            busy = 0;
            reported = k_uptime_get();
        }
    }
}
