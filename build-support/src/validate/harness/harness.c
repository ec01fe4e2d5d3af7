/* Runs a model on inputs it is handed, and hands back outputs and what was measured.
 *
 * The compiler is told the model: MODEL_HEADER is the header's name, MODEL(x) the library's name
 * for x, INPUT_COUNT and OUTPUT_COUNT how many there are. With TRACE, the outputs of every operator
 * are handed back as well. Part of castiron. */
#include <stddef.h>
#include <stdint.h>

#include MODEL_HEADER
#include "port.h"

enum kind { KIND_OPERATOR, KIND_OUTPUT, KIND_RUN, KIND_END, KIND_FAILED, KIND_FAULT };

/* One result; as many bytes of data follow. */
struct record {
    uint32_t magic;
    uint32_t kind;
    uint32_t run;
    uint32_t index;
    uint32_t output;
    uint32_t bytes;
    uint32_t instructions_low;
    uint32_t instructions_high;
};

#define MAGIC 0x31545243u

static MODEL(model) instance;
static uint32_t run;
static uint64_t overhead;

static void put(enum kind kind, uint32_t index, uint32_t output, uint64_t instructions,
                const void *data, size_t bytes)
{
    struct record record;
    record.magic = MAGIC;
    record.kind = (uint32_t)kind;
    record.run = run;
    record.index = index;
    record.output = output;
    record.bytes = (uint32_t)bytes;
    record.instructions_low = (uint32_t)instructions;
    record.instructions_high = (uint32_t)(instructions >> 32);
    port_write(&record, sizeof record);
    if (bytes != 0) {
        port_write(data, bytes);
    }
}

static uint64_t counted(uint64_t instructions)
{
    if (instructions == PORT_UNKNOWN) {
        return PORT_UNKNOWN;
    }
    return instructions > overhead ? instructions - overhead : 0;
}

static void fail(enum kind kind, uint32_t code)
{
    put(kind, code, 0, PORT_UNKNOWN, NULL, 0);
    port_exit(1);
}

void harness_fault(void)
{
    fail(KIND_FAULT, 0);
}

#ifdef TRACE

/* An index that no operator has: the call is only there to be measured. */
#define NO_OPERATOR SIZE_MAX

static void after(void *context, size_t operator_index, size_t output_index, const void *data,
                  size_t bytes)
{
    uint64_t instructions = port_stop();
    if (operator_index == NO_OPERATOR) {
        *(uint64_t *)context = instructions;
    } else {
        put(KIND_OPERATOR, (uint32_t)operator_index, (uint32_t)output_index,
            counted(instructions), data, bytes);
    }
    port_start();
}

/* Through a pointer, as the library calls it. */
static void (*volatile after_call)(void *, size_t, size_t, const void *, size_t) = after;

static void calibrate(void)
{
    uint64_t measured = 0;
    after_call(&measured, NO_OPERATOR, 0, NULL, 0);
    after_call(&measured, NO_OPERATOR, 0, NULL, 0);
    overhead = measured == PORT_UNKNOWN ? 0 : measured;
}

static MODEL(status) infer(void)
{
    port_start();
    return MODEL(model_run_traced)(&instance, after, NULL);
}

#else

static MODEL(status) nothing(MODEL(model) *model)
{
    (void)model;
    return 0;
}

static MODEL(status) measure(MODEL(status) (*function)(MODEL(model) *), uint64_t *instructions)
{
    MODEL(status) status;
    port_start();
    status = function(&instance);
    *instructions = port_stop();
    return status;
}

static MODEL(status) (*volatile nothing_call)(MODEL(model) *) = nothing;
static MODEL(status) (*volatile run_call)(MODEL(model) *) = MODEL(model_run);

static void calibrate(void)
{
    uint64_t measured = 0;
    (void)measure(nothing_call, &measured);
    overhead = measured == PORT_UNKNOWN ? 0 : measured;
}

static MODEL(status) infer(void)
{
    uint64_t instructions = 0;
    MODEL(status) status = measure(run_call, &instructions);
    put(KIND_RUN, 0, 0, counted(instructions), NULL, 0);
    return status;
}

#endif

int main(void)
{
    uint32_t runs = 0;
    size_t i;
    MODEL(status) status;

    if (port_open() != 0 || port_read(&runs, sizeof runs) != 0) {
        port_exit(1);
    }
    calibrate();
    status = MODEL(model_init)(&instance);
    if (status != 0) {
        fail(KIND_FAILED, (uint32_t)status);
    }
    for (run = 0; run < runs; run++) {
        for (i = 0; i < INPUT_COUNT; i++) {
            if (port_read(MODEL(model_input)(&instance, i), MODEL(input_bytes)(i)) != 0) {
                port_exit(1);
            }
        }
        status = infer();
        if (status != 0) {
            fail(KIND_FAILED, (uint32_t)status);
        }
        for (i = 0; i < OUTPUT_COUNT; i++) {
            put(KIND_OUTPUT, (uint32_t)i, 0, PORT_UNKNOWN, MODEL(model_output)(&instance, i),
                MODEL(output_bytes)(i));
        }
    }
    put(KIND_END, 0, 0, PORT_UNKNOWN, NULL, 0);
    port_exit(0);
    return 0;
}
