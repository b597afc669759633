#pragma once
// The safetensors container (github.com/huggingface/safetensors, "Format"): u64 header size, JSON header, tensors.
// Own small reader and writer, since boards have none. Inside this room only. C++14.
#include <cstddef>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "hw_targets/package/package.h"

namespace automask {
namespace package {

[[noreturn]] void fail(const std::string& file, const std::string& place, const std::string& fault);

// Refuses what JSON readers disagree on: a key twice in an object, NUL bytes, deep nesting.
nlohmann::json parse_strictly(const std::string& text, const std::string& file, const std::string& place);

struct StoredTensor {
  std::string dtype;  // one of F32, I32, F16, I16, I8, U8
  std::vector<std::int64_t> shape;
  std::string bytes;  // little endian
};

struct Container {
  std::map<std::string, std::string> metadata;
  std::map<std::string, StoredTensor> tensors;
};

// Wide values come first, so that all are aligned, each kind in the order of the names. The same content gives the
// same bytes.
std::string encode_container(const Container& container);
// Checks everything the format promises: every byte of the file belongs to exactly one tensor or the header.
Container decode_container(const std::string& bytes, const std::string& file);

// Little endian, two's complement. `Value`: float or a whole number of 1, 2 or 4 bytes.
template <class Value>
std::string to_bytes(const std::vector<Value>& values);
template <class Value>
std::vector<Value> from_bytes(const std::string& bytes);
// FP16: nearest, ties to even; what is too large becomes infinite.
std::string floats_to_halves(const std::vector<float>& values);
std::vector<float> halves_to_floats(const std::string& bytes);

}  // namespace package
}  // namespace automask
