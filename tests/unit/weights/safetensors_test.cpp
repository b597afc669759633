#include "models/safetensors.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "tests/unit/core/throws.h"

namespace automask::models {
namespace {

using automask::testing::error_of;

std::string file_of(const std::string& header, const std::string& data) {
  std::string bytes(8, '\0');
  const std::uint64_t size = header.size();
  std::memcpy(bytes.data(), &size, 8);
  return bytes + header + data;
}

TEST(Safetensors, RoundTripKeepsBits) {
  SafetensorsFile file;
  file.metadata = {{"a", "text \"quoted\"\n"}, {"b", ""}};
  file.tensors["w"] = {{2, 3}, {1, -0.0F, INFINITY, 1e-40F, 5, 6}};
  file.tensors["scalar"] = {{}, {42}};
  file.tensors["empty"] = {{0, 4}, {}};
  const SafetensorsFile read = decode_safetensors(encode_safetensors(file), "f");
  EXPECT_EQ(read.metadata, file.metadata);
  EXPECT_EQ(safetensors_metadata(encode_safetensors(file), "f"), file.metadata);
  ASSERT_EQ(read.tensors.size(), 3U);
  for (const auto& [name, tensor] : file.tensors) {
    EXPECT_EQ(read.tensors.at(name).shape, tensor.shape) << name;
    ASSERT_EQ(read.tensors.at(name).data.size(), tensor.data.size());
    if (!tensor.data.empty()) {
      EXPECT_EQ(std::memcmp(read.tensors.at(name).data.data(), tensor.data.data(), tensor.data.size() * 4), 0) << name;
    }
  }
}

// The layout as the format's README gives it, written by hand.
TEST(Safetensors, ReadsTheDocumentedLayout) {
  const float values[] = {1.5F, -2};
  const std::string data(reinterpret_cast<const char*>(values), sizeof values);
  const SafetensorsFile read = decode_safetensors(
      file_of(R"({"__metadata__":{"k":"v"},"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}  )", data), "f");
  EXPECT_EQ(read.metadata.at("k"), "v");
  EXPECT_EQ(read.tensors.at("x").data, (std::vector<float>{1.5F, -2}));
}

TEST(Safetensors, HeaderIsPaddedSoThatTensorsAreAligned) {
  for (int length = 1; length < 9; ++length) {
    SafetensorsFile file;
    file.tensors[std::string(length, 'n')] = {{1}, {1}};
    const std::string bytes = encode_safetensors(file);
    std::uint64_t header = 0;
    std::memcpy(&header, bytes.data(), 8);
    EXPECT_EQ(header % 8, 0U);
  }
}

TEST(Safetensors, RefusesEachKindOfDamage) {
  const std::string eight(8, 'x');
  const auto entry = [](const std::string& rest) { return "{\"x\":{" + rest + "}}"; };
  struct Case {
    std::string bytes, fault;
  };
  const Case cases[] = {
      {"", "too short"},
      {"1234567", "too short"},
      {file_of("{}", "").replace(0, 1, "\x50"), "past the end"},
      {file_of("[]", ""), "no JSON object"},
      {file_of("{", ""), "not valid JSON"},
      {file_of("{\"x\":1e999}", ""), "too large"},
      {file_of("{\"__metadata__\":3}", ""), "no object"},
      {file_of("{\"__metadata__\":{\"a\":3}}", ""), "no string"},
      {file_of("{\"x\":3}", ""), "missing"},
      {file_of(entry(R"("dtype":"F32","shape":[2])"), eight), "missing"},
      {file_of(entry(R"("dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8])"), eight), "F8_E4M3"},
      {file_of(entry(R"("dtype":"F32","shape":[-2],"data_offsets":[0,8])"), eight), "no size"},
      {file_of(entry(R"("dtype":"F32","shape":[2.0],"data_offsets":[0,8])"), eight), "no size"},
      {file_of(entry(R"("dtype":"F32","shape":7,"data_offsets":[0,8])"), eight), "shape"},
      {file_of(entry(R"("dtype":"F32","shape":[3],"data_offsets":[0,8])"), eight), "disagree"},
      {file_of(entry(R"("dtype":"F32","shape":[4],"data_offsets":[0,16])"), eight), "past the end"},
      {file_of(entry(R"("dtype":"F32","shape":[2],"data_offsets":[8,0])"), eight), "past the end"},
      {file_of(entry(R"("dtype":"F32","shape":[2],"data_offsets":[0])"), eight), "pair"},
      {file_of(entry(R"("dtype":"F32","shape":[1],"data_offsets":[4,8])"), eight), "hole"},
      {file_of(entry(R"("dtype":"F32","shape":[1],"data_offsets":[0,4])"), eight), "follow the last tensor"},
      {file_of(entry(R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8])"), eight), "too large"},
      {file_of(
           R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"y":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
           eight),
       "overlap"},
  };
  for (const Case& c : cases) {
    const core::Error error = error_of([&] { decode_safetensors(c.bytes, "weights.safetensors"); });
    EXPECT_EQ(error.code(), core::ExitCode::corrupt);
    EXPECT_SAYS(error, "weights.safetensors");
    EXPECT_SAYS(error, c.fault);
  }
}

}  // namespace
}  // namespace automask::models
