// TFLM's interpreter with the operators of ops_resolver.h.
#include "ops_resolver.h"
#include "driver.h"

#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/schema/schema_generated.h"

class Interpreter : public tflite::MicroInterpreter {
 public:
  using tflite::MicroInterpreter::MicroInterpreter;
};

Interpreter* NewInterpreter(const void* model) {
  constexpr size_t kArena = 4 << 20;
  if (tflite_initialize_resolver() != kTfLiteOk) {
    return nullptr;
  }
  auto* made = new Interpreter(tflite::GetModel(model), g_tflite_resolver,
                               new uint8_t[kArena], kArena);
  return made->AllocateTensors() == kTfLiteOk ? made : nullptr;
}

bool Invoke(Interpreter* interpreter) { return interpreter->Invoke() == kTfLiteOk; }
bool Reset(Interpreter* interpreter) { return interpreter->Reset() == kTfLiteOk; }
size_t Inputs(Interpreter* interpreter) { return interpreter->inputs_size(); }
size_t Outputs(Interpreter* interpreter) { return interpreter->outputs_size(); }
Port Input(Interpreter* interpreter, size_t i) {
  return {interpreter->input(i)->data.data, interpreter->input(i)->bytes};
}
Port Output(Interpreter* interpreter, size_t i) {
  return {interpreter->output(i)->data.data, interpreter->output(i)->bytes};
}
