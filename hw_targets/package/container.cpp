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

// In the order in which they are written.
struct Dtype {
  const char* name;
  std::int64_t size;
};
constexpr Dtype dtypes[] = {{"F32", 4}, {"I32", 4}, {"F16", 2}, {"I16", 2}, {"I8", 1}, {"U8", 1}};

// 0: unknown.
std::int64_t value_size(const std::string& dtype) {
  for (const Dtype& known : dtypes)
    if (dtype == known.name) return known.size;
  return 0;
}

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
  if (!dtype.is_string() || value_size(dtype.get<std::string>()) == 0)
    fail(file, place, "dtype must be F32, I32, F16, I16, I8 or U8");
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
  for (const Dtype& dtype : dtypes)
    for (const auto& item : container.tensors) {
      if (item.second.dtype != dtype.name) continue;
      const std::size_t begin = data.size();
      data += item.second.bytes;
      header[item.first] = {
          {"dtype", dtype.name}, {"shape", item.second.shape}, {"data_offsets", {begin, data.size()}}};
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

namespace {

template <std::size_t size>
struct Word;
template <>
struct Word<1> {
  using type = std::uint8_t;
};
template <>
struct Word<2> {
  using type = std::uint16_t;
};
template <>
struct Word<4> {
  using type = std::uint32_t;
};

// Round to nearest, ties to even (IEEE 754 binary16).
std::uint16_t half_of(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, 4);
  const std::uint32_t sign = (bits >> 16) & 0x8000u, magnitude = bits & 0x7FFFFFFFu;
  if (magnitude > 0x7F800000u) return static_cast<std::uint16_t>(sign | 0x7E00u);   // not a number
  if (magnitude >= 0x47800000u) return static_cast<std::uint16_t>(sign | 0x7C00u);  // 65536 and more
  const auto rounded = [](std::uint32_t x, int shift) {
    const std::uint32_t half = 1u << (shift - 1), rest = x & ((1u << shift) - 1);
    return (x >> shift) + (rest > half || (rest == half && ((x >> shift) & 1u) != 0) ? 1u : 0u);
  };
  if (magnitude >= 0x38800000u)  // a carry into the exponent is right, up to infinity
    return static_cast<std::uint16_t>(sign | rounded(magnitude - 0x38000000u, 13));
  const int exponent = static_cast<int>(magnitude >> 23);
  const int shift = 126 - exponent;  // subnormal: the value in steps of 2^-24
  if (shift > 24) return static_cast<std::uint16_t>(sign);
  return static_cast<std::uint16_t>(sign | rounded((magnitude & 0x7FFFFFu) | 0x800000u, shift));
}

float float_of(std::uint16_t half) {
  const std::uint32_t sign = (half & 0x8000u) << 16, exponent = (half >> 10) & 31u, fraction = half & 0x3FFu;
  std::uint32_t bits;
  if (exponent == 31) {
    bits = sign | 0x7F800000u | (fraction << 13);
  } else if (exponent != 0) {
    bits = sign | ((exponent + 112) << 23) | (fraction << 13);
  } else {
    const float magnitude = static_cast<float>(fraction) / 16777216.0F;  // 2^24
    return sign != 0 ? -magnitude : magnitude;
  }
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

}  // namespace

template <class Value>
std::string to_bytes(const std::vector<Value>& values) {
  std::string bytes;
  bytes.reserve(sizeof(Value) * values.size());
  for (const Value& value : values) {
    typename Word<sizeof(Value)>::type word;
    std::memcpy(&word, &value, sizeof value);
    for (std::size_t k = 0; k < sizeof value; ++k)
      bytes += static_cast<char>((static_cast<std::uint32_t>(word) >> (8 * k)) & 255);
  }
  return bytes;
}

template <class Value>
std::vector<Value> from_bytes(const std::string& bytes) {
  std::vector<Value> values(bytes.size() / sizeof(Value));
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::uint32_t word = 0;
    for (std::size_t k = 0; k < sizeof(Value); ++k)
      word |= std::uint32_t{static_cast<unsigned char>(bytes[sizeof(Value) * i + k])} << (8 * k);
    const auto narrow = static_cast<typename Word<sizeof(Value)>::type>(word);
    std::memcpy(&values[i], &narrow, sizeof narrow);
  }
  return values;
}

template std::string to_bytes(const std::vector<float>&);
template std::string to_bytes(const std::vector<std::int32_t>&);
template std::string to_bytes(const std::vector<std::int16_t>&);
template std::string to_bytes(const std::vector<std::int8_t>&);
template std::string to_bytes(const std::vector<std::uint8_t>&);
template std::vector<float> from_bytes(const std::string&);
template std::vector<std::int32_t> from_bytes(const std::string&);
template std::vector<std::int16_t> from_bytes(const std::string&);
template std::vector<std::int8_t> from_bytes(const std::string&);
template std::vector<std::uint8_t> from_bytes(const std::string&);

std::string floats_to_halves(const std::vector<float>& values) {
  std::vector<std::int16_t> halves;
  for (const float value : values) halves.push_back(static_cast<std::int16_t>(half_of(value)));
  return to_bytes(halves);
}

std::vector<float> halves_to_floats(const std::string& bytes) {
  std::vector<float> values;
  for (const std::int16_t half : from_bytes<std::int16_t>(bytes))
    values.push_back(float_of(static_cast<std::uint16_t>(half)));
  return values;
}

}  // namespace package
}  // namespace automask
