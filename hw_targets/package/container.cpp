#include "hw_targets/package/container.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

namespace automask {
namespace package {
namespace {

using Json = nlohmann::json;

constexpr std::size_t prefix_size = 8;
constexpr std::uint64_t largest_header = 100'000'000;  // the limit of the format's own reader
constexpr std::int64_t most_values = std::int64_t{1} << 40;

struct Placed {
  std::string name;
  std::uint64_t begin, end;
};

std::int64_t value_size(const std::string& dtype) { return dtype == "F32" ? 4 : 1; }

std::uint64_t unsigned_number(const Json& value, const std::string& file, const std::string& place) {
  if (!value.is_number_unsigned()) fail(file, place, "must be a whole number, not " + std::string(value.type_name()));
  return value.get<std::uint64_t>();
}

const Json& field(const Json& object, const char* key, const std::string& file, const std::string& place) {
  const auto found = object.find(key);
  if (found == object.end()) fail(file, place, std::string("the key \"") + key + "\" is missing");
  return *found;
}

StoredTensor described_tensor(const Json& entry, const std::string& file, const std::string& place) {
  if (!entry.is_object() || entry.size() != 3) fail(file, place, "must have dtype, shape and data_offsets");
  StoredTensor tensor;
  const Json& dtype = field(entry, "dtype", file, place);
  if (dtype != "F32" && dtype != "U8") fail(file, place, "dtype must be F32 or U8");
  tensor.dtype = dtype.get<std::string>();
  const Json& shape = field(entry, "shape", file, place);
  if (!shape.is_array() || shape.size() > 8) fail(file, place, "shape must be an array of at most 8 sizes");
  for (const Json& size : shape) {
    const std::uint64_t n = unsigned_number(size, file, place + ": shape");
    if (n > static_cast<std::uint64_t>(most_values)) fail(file, place, "shape is out of range");
    tensor.shape.push_back(static_cast<std::int64_t>(n));
  }
  return tensor;
}

std::int64_t value_count(const std::vector<std::int64_t>& shape, const std::string& file, const std::string& place) {
  std::int64_t count = 1;
  for (const std::int64_t n : shape) {
    if (n != 0 && count > most_values / n) fail(file, place, "shape is out of range");
    count *= n;
  }
  return count;
}

Placed placed_tensor(const std::string& name, const Json& entry, const StoredTensor& tensor, std::uint64_t data_size,
                     const std::string& file) {
  const std::string place = "tensor " + name;
  const Json& offsets = field(entry, "data_offsets", file, place);
  if (!offsets.is_array() || offsets.size() != 2) fail(file, place, "data_offsets must be [begin, end]");
  Placed at{name, unsigned_number(offsets[0], file, place), unsigned_number(offsets[1], file, place)};
  if (at.begin > at.end || at.end > data_size)
    fail(file, place,
         "data_offsets [" + std::to_string(at.begin) + ", " + std::to_string(at.end) + "] leave the file's " +
             std::to_string(data_size) +
             " data bytes; the file is truncated or "
             "damaged");
  const std::int64_t needed = value_count(tensor.shape, file, place) * value_size(tensor.dtype);
  if (at.end - at.begin != static_cast<std::uint64_t>(needed))
    fail(file, place, "has " + std::to_string(at.end - at.begin) + " bytes, its shape needs " + std::to_string(needed));
  return at;
}

std::map<std::string, std::string> read_metadata(const Json& json, const std::string& file) {
  if (!json.is_object()) fail(file, "__metadata__", "must be an object of strings");
  std::map<std::string, std::string> metadata;
  for (const auto& item : json.items()) {
    if (!item.value().is_string()) fail(file, "__metadata__", "\"" + item.key() + "\" must be a string");
    metadata[item.key()] = item.value().get<std::string>();
  }
  return metadata;
}

// The header's text without its padding.
std::string header_text(const std::string& bytes, std::size_t& data_start, const std::string& file) {
  if (bytes.size() < prefix_size)
    fail(file, "byte 0", "the file has " + std::to_string(bytes.size()) + " bytes, too few for a package");
  std::uint64_t size = 0;
  for (std::size_t i = 0; i < prefix_size; ++i) size |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  if (size > largest_header || size > bytes.size() - prefix_size)
    fail(file, "byte 0",
         "a header of " + std::to_string(size) + " bytes does not fit the file's " + std::to_string(bytes.size()) +
             "; the file is truncated or no package");
  data_start = prefix_size + static_cast<std::size_t>(size);
  std::string text = bytes.substr(prefix_size, static_cast<std::size_t>(size));
  text.erase(text.find_last_not_of(' ') + 1);
  if (text.empty() || text.front() != '{' || text.back() != '}')
    fail(file, "header", "must be one JSON object, padded with spaces alone; the file is damaged or no package");
  return text;
}

}  // namespace

void fail(const std::string& file, const std::string& place, const std::string& fault) {
  throw PackageError(file + ": " + place + ": " + fault);
}

Json parse_strictly(const std::string& text, const std::string& file, const std::string& place) {
  if (text.find('\0') != std::string::npos) fail(file, place, "holds a NUL byte");
  std::vector<std::set<std::string>> open;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > 64) fail(file, place, "JSON nested deeper than 64");
    if (event == Json::parse_event_t::object_start) open.emplace_back();
    if (event == Json::parse_event_t::object_end) open.pop_back();
    if (event == Json::parse_event_t::key && !open.back().insert(parsed.get<std::string>()).second)
      fail(file, place, "the key \"" + parsed.get<std::string>() + "\" stands twice in one object");
    return true;
  };
  try {
    return Json::parse(text, watch);
  } catch (const Json::exception& e) {
    const auto* error = dynamic_cast<const Json::parse_error*>(&e);
    fail(file, place, "not valid JSON" + (error ? " at character " + std::to_string(error->byte) : std::string()));
  }
}

std::string encode_container(const Container& container) {
  Json header = Json::object();
  header["__metadata__"] = container.metadata;
  std::string data;
  for (const char* dtype : {"F32", "U8"})
    for (const auto& item : container.tensors) {
      if (item.second.dtype != dtype) continue;
      const std::size_t begin = data.size();
      data += item.second.bytes;
      header[item.first] = {{"dtype", dtype}, {"shape", item.second.shape}, {"data_offsets", {begin, data.size()}}};
    }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  std::string bytes;
  for (std::size_t i = 0; i < prefix_size; ++i)
    bytes += static_cast<char>((static_cast<std::uint64_t>(text.size()) >> (8 * i)) & 255);
  return bytes + text + data;
}

Container decode_container(const std::string& bytes, const std::string& file) {
  std::size_t data_start = 0;
  const Json header = parse_strictly(header_text(bytes, data_start, file), file, "header");
  const std::uint64_t data_size = bytes.size() - data_start;
  Container container;
  std::vector<Placed> places;
  for (const auto& item : header.items()) {
    if (item.key() == "__metadata__") {
      container.metadata = read_metadata(item.value(), file);
      continue;
    }
    StoredTensor tensor = described_tensor(item.value(), file, "tensor " + item.key());
    places.push_back(placed_tensor(item.key(), item.value(), tensor, data_size, file));
    tensor.bytes = bytes.substr(data_start + places.back().begin, places.back().end - places.back().begin);
    container.tensors[item.key()] = std::move(tensor);
  }
  std::sort(places.begin(), places.end(),
            [](const Placed& a, const Placed& b) { return a.begin != b.begin ? a.begin < b.begin : a.end < b.end; });
  std::uint64_t reached = 0;
  for (const Placed& at : places) {
    if (at.begin != reached) fail(file, "tensor " + at.name, "overlaps another tensor or leaves a gap before it");
    reached = at.end;
  }
  if (reached != data_size)
    fail(file, "byte " + std::to_string(data_start + reached),
         std::to_string(data_size - reached) + " bytes belong to no tensor");
  return container;
}

std::string floats_to_bytes(const float* values, std::size_t count) {
  std::string bytes;
  bytes.reserve(4 * count);
  for (std::size_t i = 0; i < count; ++i) {
    std::uint32_t word;
    std::memcpy(&word, values + i, 4);
    for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>((word >> shift) & 255);
  }
  return bytes;
}

std::vector<float> bytes_to_floats(const std::string& bytes) {
  std::vector<float> values(bytes.size() / 4);
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::uint32_t word = 0;
    for (int k = 0; k < 4; ++k)
      word |= std::uint32_t{static_cast<unsigned char>(bytes[4 * i + static_cast<std::size_t>(k)])} << (8 * k);
    std::memcpy(&values[i], &word, 4);
  }
  return values;
}

}  // namespace package
}  // namespace automask
