/* Recognises a keyword in made-up audio features, after a check that the model computes what it should. */
#include <stdio.h>

#include "kws.h"
#include "kws_self_test.h"

static void listen(void)
{
    int8_t *features = kws_input(0);
    const int8_t *scores;
    size_t i, best = 0;

    for (i = 0; i < KWS_INPUT_0_ELEMENTS; i++) {
        features[i] = kws_input_0_quantize((float)(i % 10) - 5.0f);
    }
    if (kws_run() != KWS_OK) {
        puts("the model does not run");
        return;
    }
    scores = kws_output(0);
    for (i = 1; i < KWS_OUTPUT_0_ELEMENTS; i++) {
        if (scores[i] > scores[best]) {
            best = i;
        }
    }
    printf("class %u, %d %%\n", (unsigned)best, (int)(100.0f * kws_output_0_dequantize(scores[best])));
}

int main(void)
{
    int wrong;

    kws_init();
    wrong = kws_self_test();
    printf("self-test: %s\n", wrong == 0 ? "passed" : "FAILED");
    listen();
    return wrong != 0;
}
