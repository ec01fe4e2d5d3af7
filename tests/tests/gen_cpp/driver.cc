// Runs a generated model and TFLM's interpreter on the same inputs: driver MODEL [GOLDENS]
#include "driver.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace {

using Bytes = std::vector<char>;

Bytes Read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

void Check(bool holds, const char* what) {
  if (!holds) {
    std::printf("failed: %s\n", what);
    std::exit(1);
  }
}

void* Aligned(size_t bytes) {
  void* memory = std::aligned_alloc(16, (bytes + 15) / 16 * 16);
  std::memset(memory, 0, bytes);
  return memory;
}

// Any bytes are integers, and with a small exponent floats that are no extremes.
Bytes Random(size_t bytes) {
  static uint32_t state = 1;
  Bytes made(bytes);
  for (size_t i = 0; i < bytes; ++i) {
    state = state * 1664525 + 1013904223;
    made[i] = static_cast<char>(i % 4 == 3 ? 0x3f | (state >> 31 << 7) : state >> 24);
  }
  return made;
}

// One more run of both. The inputs are a golden's, or random where there is none.
void Compare(Interpreter* interpreter, void* model, const std::string& goldens, int run) {
  for (size_t i = 0; i < Inputs(); ++i) {
    const Port ours = Input(model, i), theirs = Input(interpreter, i);
    Check(ours.bytes == theirs.bytes, "an input has another size");
    Bytes value = Read(goldens + "/in_" + std::to_string(run) + "_" + std::to_string(i) + ".bin");
    if (value.size() != ours.bytes) {
      value = Random(ours.bytes);
    }
    std::memcpy(ours.data, value.data(), ours.bytes);
    std::memcpy(theirs.data, value.data(), ours.bytes);
  }
  Check(Invoke(interpreter), "the interpreter runs");
  Check(Invoke(model), "the model runs");
  for (size_t i = 0; i < Outputs(); ++i) {
    const Port ours = Output(model, i), theirs = Output(interpreter, i);
    Check(ours.bytes == theirs.bytes, "an output has another size");
    Check(std::memcmp(ours.data, theirs.data, ours.bytes) == 0, "an output differs");
  }
}

}  // namespace

int main(int argc, char** argv) {
  const Bytes file = Read(argv[1]);
  const std::string goldens = argc > 2 ? argv[2] : "none";
  void* bytes = Aligned(file.size());
  std::memcpy(bytes, file.data(), file.size());
  // An interpreter for each instance, as either may have state.
  Interpreter* interpreters[] = {NewInterpreter(bytes), NewInterpreter(bytes)};
  Check(interpreters[0] != nullptr, "the interpreter takes the model");
  Check(Inputs() == Inputs(interpreters[0]), "as many inputs");
  Check(Outputs() == Outputs(interpreters[0]), "as many outputs");

  void* models[] = {Aligned(ModelBytes()), Aligned(ModelBytes())};
  for (void* model : models) {
    Construct(model);
    Check(!Invoke(model), "no run before Init");
    Check(Init(model), "Init");
  }
  int run = 0;
  for (; run < 8; ++run) {
    Compare(interpreters[run % 2], models[run % 2], goldens, run);
  }
  // Variables keep their values when an object is prepared again.
  Check(Init(models[0]), "another Init");
  Compare(interpreters[0], models[0], goldens, run++);
  void* moved = Aligned(ModelBytes());
  Copy(moved, models[0]);
  std::memset(models[0], 0xa5, ModelBytes());
  Check(!Invoke(moved), "no run of a moved object");
  Check(Init(moved), "Init of a moved object");
  Compare(interpreters[0], moved, goldens, run++);
  Compare(interpreters[1], models[1], goldens, run++);
  Check(Reset(moved) && Reset(interpreters[0]), "Reset");
  Compare(interpreters[0], moved, goldens, run++);
  std::printf("%d runs equal, arena %zu bytes\n", run, ArenaBytes());
  return 0;
}
