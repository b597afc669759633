#pragma once
// From an unpickled state dict and its storages to tensors: the part that both formats of torch.save share.
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "graph/tensor.h"
#include "models/element_type.h"
#include "models/pickle.h"

namespace automask::models {

// The globals a state dict needs, as read_pickle takes them.
const std::vector<std::string>& torch_globals();

// ("storage", type, key, device, number of elements[, view]) as torch pickles a reference to a storage.
struct StorageReference {
  ElementType type = ElementType::f32;
  std::string_view key;
  std::uint64_t elements = 0;
  std::uint64_t view_offset = 0;  // legacy files: where the part begins that is meant, in elements
};
StorageReference storage_reference(const PickleValue& persistent, const std::string& where);

// The bytes of storages by key.
using Storages = std::map<std::string_view, std::string_view>;

// `most_bytes`: what all tensors together may take as FP32.
graph::TensorMap torch_tensors(const PickleValue& root, const Storages& storages, std::uint64_t most_bytes,
                               const std::string& file);

}  // namespace automask::models
