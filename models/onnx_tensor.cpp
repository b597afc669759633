#include "models/onnx_tensor.h"

#include <cstring>
#include <optional>

#include "core/error.h"
#include "models/element_type.h"

namespace automask::models {
namespace {

using onnx::TensorProto;

[[noreturn]] void corrupt(const std::string& where, const std::string& fault, const std::string& remedy = {}) {
  throw core::Error(core::ExitCode::corrupt, where, fault, remedy.empty() ? "export the network again" : remedy);
}

std::uint64_t elements_of(const TensorProto& tensor, const std::string& where, std::vector<std::int64_t>& shape) {
  std::uint64_t elements = 1;
  if (tensor.dims_size() > 8) corrupt(where, "it has more than 8 dimensions");
  for (const std::int64_t size : tensor.dims()) {
    if (size < 0 || size > std::int64_t{1} << 31U) corrupt(where, "a dimension is " + std::to_string(size));
    if (size != 0 && elements > (std::uint64_t{1} << 40U) / static_cast<std::uint64_t>(size))
      corrupt(where, "its shape is too large");
    elements *= static_cast<std::uint64_t>(size);
    shape.push_back(size);
  }
  return elements;
}

std::optional<ElementType> type_of(const TensorProto& tensor) {
  switch (tensor.data_type()) {
    case TensorProto::FLOAT:
      return ElementType::f32;
    case TensorProto::FLOAT16:
      return ElementType::f16;
    case TensorProto::BFLOAT16:
      return ElementType::bf16;
    case TensorProto::DOUBLE:
      return ElementType::f64;
    case TensorProto::INT64:
      return ElementType::i64;
    case TensorProto::INT32:
      return ElementType::i32;
    case TensorProto::BOOL:
      return ElementType::boolean;
    default:
      return std::nullopt;
  }
}

template <class Integer>
std::vector<std::int64_t> raw_integers(const std::string& raw) {
  std::vector<std::int64_t> values;
  for (std::size_t at = 0; at + sizeof(Integer) <= raw.size(); at += sizeof(Integer)) {
    Integer value;
    std::memcpy(&value, raw.data() + at, sizeof value);
    values.push_back(value);
  }
  return values;
}

// Values in the field of their type; 16-bit numbers stand there as the bits of an int32.
std::vector<float> typed_floats(const TensorProto& tensor, ElementType type) {
  if (type == ElementType::f32) return {tensor.float_data().begin(), tensor.float_data().end()};
  if (type == ElementType::f64) {
    std::vector<float> values;
    for (const double value : tensor.double_data()) values.push_back(static_cast<float>(value));
    return values;
  }
  std::vector<float> values;
  for (const std::int32_t bits : tensor.int32_data()) {
    const auto half = static_cast<std::uint16_t>(bits);
    char bytes[sizeof half];
    std::memcpy(bytes, &half, sizeof half);
    to_floats(bytes, type, 1, 1, &values.emplace_back());
  }
  return values;
}

}  // namespace

OnnxConstant onnx_constant(const TensorProto& tensor, const std::string& where) {
  OnnxConstant constant;
  const std::uint64_t elements = elements_of(tensor, where, constant.shape);
  const auto type = type_of(tensor);
  if (!type)
    corrupt(where, "its number format is " + std::to_string(tensor.data_type()) + " of TensorProto.DataType",
            "export the network in FP32");
  if (tensor.data_location() == TensorProto::EXTERNAL || tensor.external_data_size() > 0) {
    std::string file = "another file";
    for (const auto& entry : tensor.external_data())
      if (entry.key() == "location") file = "the file " + entry.value().substr(0, 200);
    corrupt(where, "its values lie in " + file, "export the network with its weights inside the ONNX file");
  }
  if (tensor.has_segment()) corrupt(where, "it is one segment of a tensor");
  constant.is_integer = *type == ElementType::i64 || *type == ElementType::i32 || *type == ElementType::boolean;
  const std::string& raw = tensor.raw_data();
  if (!raw.empty()) {
    // Before any memory is taken: the shape may lie.
    if (raw.size() != elements * bytes_of(*type)) corrupt(where, "its shape and its data disagree");
    if (constant.is_integer) {
      constant.integers = *type == ElementType::i64   ? raw_integers<std::int64_t>(raw)
                          : *type == ElementType::i32 ? raw_integers<std::int32_t>(raw)
                                                      : raw_integers<std::uint8_t>(raw);
    } else {
      constant.floats.resize(elements);
      to_floats(raw.data(), *type, elements, 1, constant.floats.data());
    }
  } else if (constant.is_integer) {
    if (*type == ElementType::i64)
      constant.integers.assign(tensor.int64_data().begin(), tensor.int64_data().end());
    else
      constant.integers.assign(tensor.int32_data().begin(), tensor.int32_data().end());
  } else {
    constant.floats = typed_floats(tensor, *type);
  }
  if (constant.size() != elements) corrupt(where, "its shape and its data disagree");
  return constant;
}

}  // namespace automask::models
