// The generated model `net`; ports.inc lists what it has.
#include "driver.h"
#include "net_tflm.h"

#include <new>

namespace {
net::Model* Model(void* model) { return static_cast<net::Model*>(model); }
}  // namespace

size_t ModelBytes() { return sizeof(net::Model); }
size_t ArenaBytes() { return net::kArenaBytes; }
void Construct(void* at) { new (at) net::Model; }
void Copy(void* to, const void* from) { new (to) net::Model(*static_cast<const net::Model*>(from)); }
bool Init(void* model) { return Model(model)->Init() == kTfLiteOk; }
bool Invoke(void* model) { return Model(model)->Invoke() == kTfLiteOk; }
bool Reset(void* model) { return Model(model)->Reset() == kTfLiteOk; }
size_t Inputs() { return net::kInputCount; }
size_t Outputs() { return net::kOutputCount; }

#define PORT(Struct, accessor) \
  {const_cast<void*>(static_cast<const void*>(Model(model)->accessor())), net::Struct::kBytes},

Port Input(void* model, size_t i) {
  const Port ports[] = {
#define INPUT(n) PORT(Input##n, input##n)
#define OUTPUT(n)
#include "ports.inc"
#undef INPUT
#undef OUTPUT
  };
  return ports[i];
}

Port Output(void* model, size_t i) {
  const Port ports[] = {
#define INPUT(n)
#define OUTPUT(n) PORT(Output##n, output##n)
#include "ports.inc"
  };
  return ports[i];
}
