//! Custom operators that the program computes, and buffers that it holds.

use super::{Project, fails, without};

const OPERATOR: &str = "#include \"m.h\"
void my_relu(const castiron_operator *op, const int8_t *input, int8_t *output, uint8_t *scratch)
{
    size_t i;
    scratch[op->scratch_elements - 1] = (uint8_t)op->outputs[0].zero_point;
    for (i = 0; i < op->inputs[0].elements; i++) {
        int8_t least = (int8_t)scratch[op->scratch_elements - 1];
        output[i] = input[i] > least ? input[i] : least;
    }
}
";

#[test]
fn a_source_of_the_target_computes_them() {
    if without(&["cmake", "ninja", "cc"]) {
        return;
    }
    let project = Project::new(
        "add_executable(app main.c operators.c)
castiron_add_model(app MODEL m.tflite CUSTOM MyRelu=my_relu SCRATCH MyRelu=7 CASES m.safetensors SELF_TEST
  BUFFERS caller)
",
    );
    project.take("tests/data/custom/relu_i8.tflite", "m.tflite");
    project.take(
        "tests/data/custom/golden/relu_i8.safetensors",
        "m.safetensors",
    );
    project.write(
        "main.c",
        "#include \"m.h\"
#include \"m_self_test.h\"
static M_ALIGNED(16) int8_t input[M_INPUT_0_ELEMENTS], output[M_OUTPUT_0_ELEMENTS];
int main(void)
{
    return m_self_test() != 0 || m_run_with(input, output) != M_OK;
}
",
    );
    project.write("operators.c", OPERATOR);
    project.configure("Ninja");
    project.build();
    assert_eq!(project.run("app"), "");
    project.is_built();
    project.write("operators.c", "int nothing;\n");
    let said = fails(&mut project.building(&[]));
    assert!(said.contains("my_relu"), "{said}");
}
