// ONNX: a network that is read is written and read again the same; anything else is an error.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "core/error.h"
#include "models/onnx.h"

using namespace automask::models;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  OnnxModel read;
  std::string written;
  try {
    read = decode_onnx({reinterpret_cast<const char*>(data), size}, "f");
    written = encode_onnx(read);
  } catch (const automask::core::Error&) {
    return 0;
  }
  const OnnxModel again = decode_onnx(written, "g");
  if (again.graph.nodes.size() < read.graph.nodes.size() || again.metadata != read.metadata) std::abort();
  for (const auto& [name, tensor] : read.weights)
    if (again.weights.count(name) == 0 || again.weights.at(name).shape != tensor.shape) std::abort();
  return 0;
}
