// safetensors: what is read is written and read again the same; anything else is an error.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "core/error.h"
#include "models/safetensors.h"

using namespace automask::models;

namespace {

bool same(const SafetensorsFile& a, const SafetensorsFile& b) {
  if (a.metadata != b.metadata || a.tensors.size() != b.tensors.size()) return false;
  for (auto i = a.tensors.begin(), j = b.tensors.begin(); i != a.tensors.end(); ++i, ++j) {
    const auto &x = i->second.data, &y = j->second.data;
    if (i->first != j->first || i->second.shape != j->second.shape || x.size() != y.size()) return false;
    if (!x.empty() && std::memcmp(x.data(), y.data(), x.size() * sizeof(float)) != 0) return false;
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  SafetensorsFile read;
  try {
    read = decode_safetensors({reinterpret_cast<const char*>(data), size}, "f");
  } catch (const automask::core::Error&) {
    return 0;
  }
  if (!same(read, decode_safetensors(encode_safetensors(read), "f"))) std::abort();
  return 0;
}
