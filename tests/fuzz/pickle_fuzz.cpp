// The pickle of a state dict alone, with each storage in a buffer of its own: a tensor that reaches past its storage
// is seen here at once, while in a file its neighbour would follow.
#include <algorithm>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "core/error.h"
#include "models/torch_tensors.h"

using namespace automask::models;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const Pickle pickle = read_pickle({reinterpret_cast<const char*>(data), size}, torch_globals(), "f");
    std::deque<std::vector<char>> buffers;
    Storages storages;
    for (const PickleValue& value : pickle.values) {
      if (!value.is(PickleValue::Kind::persistent)) continue;
      const StorageReference reference = storage_reference(value, "f");
      const std::uint64_t bytes = std::min<std::uint64_t>(reference.elements, 512) * bytes_of(reference.type);
      if (storages.count(reference.key) != 0 || buffers.size() > 64) continue;
      const auto& buffer = buffers.emplace_back(bytes, 'x');
      storages[reference.key] = {buffer.data(), buffer.size()};
    }
    torch_tensors(*pickle.root, storages, std::uint64_t{1} << 20, "f");
  } catch (const automask::core::Error&) {
  }
  return 0;
}
