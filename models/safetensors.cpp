#include "models/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>

#include "models/element_type.h"

namespace automask::models {
namespace {

static_assert(std::endian::native == std::endian::little,
              "safetensors is little endian and tensors are copied as they are");

constexpr std::size_t prefix_bytes = 8;
constexpr const char* metadata_entry = "__metadata__";
// The reference implementation's own limit.
constexpr std::uint64_t largest_header = 100'000'000;

[[noreturn]] void corrupt(const std::string& where, const std::string& fault) {
  throw core::Error(core::ExitCode::corrupt, where, fault, "the file is damaged or foreign: remove it and run again");
}

// Elements of a tensor of this shape; fails where the product overflows or a dimension is no size.
std::uint64_t elements_of(const core::Json& shape, const std::string& where, std::vector<std::int64_t>& out) {
  if (!shape.is_array() || shape.size() > 16) corrupt(where, "the shape is no short array");
  std::uint64_t elements = 1;
  for (const core::Json& dimension : shape) {
    if (!dimension.is_number_unsigned()) corrupt(where, "a dimension is no size");
    const auto size = dimension.get<std::uint64_t>();
    if (size > std::uint64_t{1} << 40 || (size != 0 && elements > (std::uint64_t{1} << 56) / size))
      corrupt(where, "the shape is too large");
    elements *= size;
    out.push_back(static_cast<std::int64_t>(size));
  }
  return elements;
}

ElementType type_of(const core::Json& dtype, const std::string& where) {
  const auto type = dtype.is_string() ? element_type_of_safetensors(dtype.get<std::string>()) : std::nullopt;
  if (!type)
    corrupt(where, "the type is " + dtype.dump(-1, ' ', false, core::Json::error_handler_t::replace) +
                       ", read are F64, F32, F16, BF16, integers and BOOL");
  return *type;
}

core::Json parse_header(std::string_view text, const std::string& where) {
  try {
    core::Json header = core::parse_json(text, where, core::ExitCode::corrupt);
    if (header.is_object()) return header;
  } catch (const core::Json::exception&) {  // e.g. a number beyond every type
  }
  corrupt(where, "the header is no JSON object");
}

std::string_view header_text(std::string_view bytes, const std::string& file) {
  if (bytes.size() < prefix_bytes) corrupt(file, "too short for a safetensors file");
  std::uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, bytes.data(), sizeof header_bytes);
  if (header_bytes > largest_header || header_bytes > bytes.size() - prefix_bytes)
    corrupt(file, "the header of " + std::to_string(header_bytes) + " bytes reaches past the end of the file");
  return bytes.substr(prefix_bytes, header_bytes);
}

std::map<std::string, std::string> metadata_of(const core::Json& header, const std::string& file) {
  std::map<std::string, std::string> metadata;
  const auto found = header.find(metadata_entry);
  if (found == header.end()) return metadata;
  if (!found->is_object()) corrupt(file + ": " + metadata_entry, "is no object");
  for (const auto& [key, value] : found->items()) {
    if (!value.is_string()) corrupt(file + ": metadata " + key, "is no string");
    metadata[key] = value.get<std::string>();
  }
  return metadata;
}

}  // namespace

std::string encode_safetensors(const SafetensorsFile& content) {
  core::Json header = core::Json::object();
  if (!content.metadata.empty()) header[metadata_entry] = content.metadata;
  std::uint64_t offset = 0;
  for (const auto& [name, tensor] : content.tensors) {
    const std::uint64_t end = offset + tensor.data.size() * sizeof(float);
    header[name] = {{"dtype", "F32"}, {"shape", tensor.shape}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump(-1, ' ', false, core::Json::error_handler_t::replace);
  text.append((prefix_bytes - text.size() % prefix_bytes) % prefix_bytes, ' ');  // tensors start aligned

  std::string bytes(prefix_bytes, '\0');
  const std::uint64_t size = text.size();
  std::memcpy(bytes.data(), &size, sizeof size);
  bytes.reserve(prefix_bytes + text.size() + offset);
  bytes += text;
  for (const auto& [name, tensor] : content.tensors)
    bytes.append(reinterpret_cast<const char*>(tensor.data.data()), tensor.data.size() * sizeof(float));
  return bytes;
}

bool safetensors_header_names(std::string_view bytes, std::string_view key) {
  if (bytes.size() <= prefix_bytes || bytes[prefix_bytes] != '{') return false;
  std::uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, bytes.data(), sizeof header_bytes);
  return bytes.substr(prefix_bytes, header_bytes).find(key) != std::string_view::npos;
}

std::map<std::string, std::string> safetensors_metadata(std::string_view bytes, const std::string& file) {
  return metadata_of(parse_header(header_text(bytes, file), file + ": header"), file);
}

SafetensorsFile decode_safetensors(std::string_view bytes, const std::string& file) {
  const std::string_view text = header_text(bytes, file), data = bytes.substr(prefix_bytes + text.size());
  const core::Json header = parse_header(text, file + ": header");

  SafetensorsFile content;
  content.metadata = metadata_of(header, file);
  std::vector<std::pair<std::uint64_t, std::uint64_t>> spans;
  for (const auto& [name, entry] : header.items()) {
    if (name == metadata_entry) continue;
    const std::string where = file + ": tensor " + name;
    if (!entry.is_object() || !entry.contains("dtype") || !entry.contains("shape") || !entry.contains("data_offsets"))
      corrupt(where, "dtype, shape or data_offsets are missing");
    const ElementType type = type_of(entry["dtype"], where);
    graph::Tensor tensor;
    const std::uint64_t elements = elements_of(entry["shape"], where, tensor.shape);
    const core::Json& offsets = entry["data_offsets"];
    if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() ||
        !offsets[1].is_number_unsigned())
      corrupt(where, "data_offsets are no pair of offsets");
    const auto begin = offsets[0].get<std::uint64_t>(), end = offsets[1].get<std::uint64_t>();
    if (begin > end || end > data.size()) corrupt(where, "its data reach past the end of the file");
    if (end - begin != elements * bytes_of(type)) corrupt(where, "its shape and its data disagree");
    tensor.data.resize(elements);
    to_floats(data.data() + begin, type, elements, 1, tensor.data.data());
    spans.emplace_back(begin, end);
    content.tensors.emplace(name, std::move(tensor));
  }
  // The format forbids holes, overlaps and bytes after the last tensor.
  std::sort(spans.begin(), spans.end());
  std::uint64_t reached = 0;
  for (const auto& [begin, end] : spans) {
    if (begin != reached) corrupt(file, "tensors overlap or leave a hole at data byte " + std::to_string(reached));
    reached = end;
  }
  if (reached != data.size()) corrupt(file, std::to_string(data.size() - reached) + " bytes follow the last tensor");
  return content;
}

}  // namespace automask::models
