// What the driver needs of a generated model and of TFLM's interpreter.
#ifndef DRIVER_H
#define DRIVER_H

#include <cstddef>
#include <cstdint>

struct Port {
  void* data;
  size_t bytes;
};

// A generated model in memory that the driver provides.
size_t ModelBytes();
size_t ArenaBytes();
void Construct(void* at);
void Copy(void* to, const void* from);
bool Init(void* model);
bool Invoke(void* model);
bool Reset(void* model);
size_t Inputs();
size_t Outputs();
Port Input(void* model, size_t i);
Port Output(void* model, size_t i);

// TFLM's interpreter; nullptr where it cannot take the model.
class Interpreter;
Interpreter* NewInterpreter(const void* model);
bool Invoke(Interpreter* interpreter);
bool Reset(Interpreter* interpreter);
size_t Inputs(Interpreter* interpreter);
size_t Outputs(Interpreter* interpreter);
Port Input(Interpreter* interpreter, size_t i);
Port Output(Interpreter* interpreter, size_t i);

#endif
