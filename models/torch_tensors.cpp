#include "models/torch_tensors.h"

#include <optional>

#include "core/error.h"

namespace automask::models {
namespace {

using Kind = PickleValue::Kind;

constexpr std::size_t most_dimensions = 16;
constexpr std::uint64_t largest_size = std::uint64_t{1} << 40;

// The place of each name in torch_globals().
enum Global : std::int64_t { ordered_dict, rebuild_tensor, rebuild_tensor_v2, rebuild_parameter, first_storage };

constexpr ElementType storage_types[] = {ElementType::f32, ElementType::f16,    ElementType::bf16, ElementType::f64,
                                         ElementType::i64, ElementType::i32,    ElementType::i16,  ElementType::i8,
                                         ElementType::u8,  ElementType::boolean};

[[noreturn]] void corrupt(const std::string& where, const std::string& fault) {
  throw core::Error(core::ExitCode::corrupt, where, fault,
                    "the file is damaged or no saved state dict; save model.state_dict() with torch.save");
}

std::uint64_t size_of(const PickleValue& value, const std::string& where) {
  if (!value.is(Kind::integer) || value.integer < 0 || static_cast<std::uint64_t>(value.integer) > largest_size)
    corrupt(where, "a size, stride or offset is no number from 0 to 2^40");
  return static_cast<std::uint64_t>(value.integer);
}

std::vector<std::uint64_t> sizes_of(const PickleValue& value, const std::string& where) {
  if (!value.is(Kind::tuple) || value.items.size() > most_dimensions)
    corrupt(where, "its sizes or strides are no short tuple");
  std::vector<std::uint64_t> sizes;
  for (const PickleValue* item : value.items) sizes.push_back(size_of(*item, where));
  return sizes;
}

// A tensor as the pickle describes it: a view of a storage.
struct View {
  StorageReference storage;
  std::uint64_t offset = 0;  // in elements
  std::vector<std::uint64_t> sizes, strides;
  std::uint64_t elements = 1;
};

// The call that makes a tensor, under any number of Parameter wrappers; nullptr for other values.
const PickleValue* tensor_call(const PickleValue* value) {
  for (int depth = 0; depth < 4 && value->is(Kind::object); ++depth) {
    const std::int64_t global = value->items[0]->integer;
    if (global == rebuild_tensor || global == rebuild_tensor_v2) return value;
    const std::vector<const PickleValue*>& arguments = value->items[1]->items;
    if (global != rebuild_parameter || arguments.empty()) return nullptr;
    value = arguments[0];
  }
  return nullptr;
}

View view_of(const PickleValue& call, const std::string& where) {
  const std::vector<const PickleValue*>& arguments = call.items[1]->items;
  if (arguments.size() < 4 || !arguments[0]->is(Kind::persistent)) corrupt(where, "it is made from no storage");
  View view;
  view.storage = storage_reference(*arguments[0], where);
  view.offset = view.storage.view_offset + size_of(*arguments[1], where);
  view.sizes = sizes_of(*arguments[2], where);
  view.strides = sizes_of(*arguments[3], where);
  if (view.sizes.size() != view.strides.size()) corrupt(where, "it has not as many strides as sizes");
  for (const std::uint64_t size : view.sizes) {
    if (size != 0 && view.elements > largest_size / size) corrupt(where, "its shape is too large");
    view.elements *= size;
  }
  return view;
}

// The last element lies inside the storage, and so do all others: strides are not negative.
void check_reach(const View& view, std::uint64_t stored, const std::string& where) {
  if (view.elements == 0) return;
  std::uint64_t last = view.offset;
  for (std::size_t d = 0; d < view.sizes.size(); ++d) {
    const std::uint64_t steps = view.sizes[d] - 1;
    if (steps != 0 && view.strides[d] > (largest_size * 4) / steps) corrupt(where, "its strides are too large");
    last += steps * view.strides[d];  // at most 16 x 2^42
  }
  if (last >= stored)
    corrupt(where, "it reaches to element " + std::to_string(last) + " of a storage of " + std::to_string(stored));
}

bool is_contiguous(const View& view) {
  std::uint64_t stride = 1;
  for (std::size_t d = view.sizes.size(); d-- > 0;) {
    if (view.sizes[d] != 1 && view.strides[d] != stride) return false;
    stride *= view.sizes[d];
  }
  return true;
}

// Row by row along the last dimension, the others counted up like an odometer.
void gather(const View& view, std::string_view storage, float* out) {
  const std::size_t width = bytes_of(view.storage.type);
  if (view.elements == 0) return;
  if (is_contiguous(view)) {
    to_floats(storage.data() + view.offset * width, view.storage.type, view.elements, 1, out);
    return;
  }
  const std::size_t last = view.sizes.size() - 1;  // a scalar is contiguous
  std::vector<std::uint64_t> index(last, 0);
  for (std::uint64_t done = 0; done < view.elements; done += view.sizes[last]) {
    std::uint64_t from = view.offset;
    for (std::size_t d = 0; d < last; ++d) from += index[d] * view.strides[d];
    to_floats(storage.data() + from * width, view.storage.type, view.sizes[last], view.strides[last], out + done);
    for (std::size_t d = last; d-- > 0;) {
      if (++index[d] < view.sizes[d]) break;
      index[d] = 0;
    }
  }
}

bool holds_tensors(const PickleValue& dict) {
  for (std::size_t i = 1; i < dict.items.size(); i += 2)
    if (tensor_call(dict.items[i]) != nullptr) return true;
  return false;
}

// The dict with the tensors: the root, or what training scripts put beside the epoch and the optimiser's state.
const PickleValue& state_dict_of(const PickleValue& root, const std::string& file) {
  for (const char* key : {"state_dict", "model_state_dict", "model"})
    if (const PickleValue* inner = root.find(key); inner != nullptr && inner->is(Kind::dict)) return *inner;
  if (!root.is(Kind::dict) || !holds_tensors(root)) corrupt(file, "holds no dict of tensors");
  return root;
}

}  // namespace

const std::vector<std::string>& torch_globals() {
  static const std::vector<std::string> names = {"collections.OrderedDict",
                                                 "torch._utils._rebuild_tensor",
                                                 "torch._utils._rebuild_tensor_v2",
                                                 "torch._utils._rebuild_parameter",
                                                 "torch.FloatStorage",
                                                 "torch.HalfStorage",
                                                 "torch.BFloat16Storage",
                                                 "torch.DoubleStorage",
                                                 "torch.LongStorage",
                                                 "torch.IntStorage",
                                                 "torch.ShortStorage",
                                                 "torch.CharStorage",
                                                 "torch.ByteStorage",
                                                 "torch.BoolStorage"};
  return names;
}

StorageReference storage_reference(const PickleValue& persistent, const std::string& where) {
  const PickleValue& id = *persistent.items[0];
  if (!id.is(Kind::tuple) || id.items.size() < 5 || !id.items[0]->is(Kind::text) || id.items[0]->text != "storage" ||
      !id.items[1]->is(Kind::global) || id.items[1]->integer < first_storage || !id.items[2]->is(Kind::text))
    corrupt(where, "a persistent id names no storage");
  StorageReference reference;
  reference.type = storage_types[id.items[1]->integer - first_storage];
  reference.key = id.items[2]->text;
  reference.elements = size_of(*id.items[4], where);
  if (id.items.size() > 5 && !id.items[5]->is(Kind::none)) {
    const PickleValue& view = *id.items[5];
    if (!view.is(Kind::tuple) || view.items.size() != 3) corrupt(where, "a view of a storage is no triple");
    reference.view_offset = size_of(*view.items[1], where);
  }
  return reference;
}

graph::TensorMap torch_tensors(const PickleValue& root, const Storages& storages, std::uint64_t most_bytes,
                               const std::string& file) {
  const PickleValue& dict = state_dict_of(root, file);
  graph::TensorMap tensors;
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < dict.items.size(); i += 2) {
    if (!dict.items[i]->is(Kind::text)) continue;
    const PickleValue* call = tensor_call(dict.items[i + 1]);
    if (call == nullptr) continue;
    const std::string name(dict.items[i]->text);
    const std::string where = file + ": tensor " + name;
    const View view = view_of(*call, where);
    const auto storage = storages.find(view.storage.key);
    if (storage == storages.end()) corrupt(where, "its storage " + std::string(view.storage.key) + " is not there");
    check_reach(view, storage->second.size() / bytes_of(view.storage.type), where);
    if (view.elements > (most_bytes - bytes) / sizeof(float))
      corrupt(where, "the tensors would take more than " + std::to_string(most_bytes) + " bytes of memory");
    bytes += view.elements * sizeof(float);
    graph::Tensor& tensor = tensors[name];
    tensor.shape.assign(view.sizes.begin(), view.sizes.end());
    tensor.data.assign(view.elements, 0);
    gather(view, storage->second, tensor.data.data());
  }
  if (tensors.empty()) corrupt(file, "holds no tensors");
  return tensors;
}

}  // namespace automask::models
