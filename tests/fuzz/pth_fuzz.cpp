// Files of torch.save: tensors or an error, whatever the bytes.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/error.h"
#include "models/torch_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  std::size_t memory = 0;
  try {
    for (const auto& [name, tensor] : automask::models::decode_torch(bytes, "f")) memory += tensor.data.size() * 4;
  } catch (const automask::core::Error&) {
  }
  if (memory > 8 * size) std::abort();  // the bound that torch_file.h promises
  return 0;
}
