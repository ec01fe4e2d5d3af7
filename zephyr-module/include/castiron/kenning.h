/*
 * What the header of kenning_gen_model_header() needs, for applications without Kenning Zephyr Runtime: the
 * description of a model as that runtime has it (kenning-zephyr-runtime 07b6a6c), 356 bytes, packed.
 *
 * With the runtime, include its kenning_inference_lib/core/model.h instead.
 */
#ifndef CASTIRON_KENNING_H
#define CASTIRON_KENNING_H

#include <stdint.h>

#define MAX_MODEL_INPUT_NUM 2
#define MAX_MODEL_INPUT_DIM 4
#define MAX_MODEL_OUTPUT_NUM 12
#define MAX_MODEL_OUTPUT_DIM 4

/* Type of an element: DLPack's code (0 integer, 1 unsigned, 2 float, 6 boolean) and its size. */
typedef struct __attribute__((packed)) {
    uint8_t code;
    uint8_t bits;
} data_type_t;

typedef struct __attribute__((packed)) {
    uint32_t num_input;
    uint32_t num_input_dim[MAX_MODEL_INPUT_NUM];
    uint32_t input_shape[MAX_MODEL_INPUT_NUM][MAX_MODEL_INPUT_DIM];
    data_type_t input_data_type[MAX_MODEL_INPUT_NUM];
    uint32_t num_output;
    uint32_t num_output_dim[MAX_MODEL_OUTPUT_NUM];
    uint32_t output_shape[MAX_MODEL_OUTPUT_NUM][MAX_MODEL_OUTPUT_DIM];
    data_type_t output_data_type[MAX_MODEL_OUTPUT_NUM];
    uint8_t entry_func[20];
    uint8_t model_name[20];
} model_spec_t;

#endif
