// Damaged INT8 and FP16 packages; tests/unit/package/damage_test.cpp has the FP32 ones and the container's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "hw_targets/compiler/quantise.h"
#include "hw_targets/package/layout.h"
#include "tests/unit/package/damage.h"

namespace automask {
namespace {

using damage::fault_of;
using damage::tiny;
using testing::HasSubstr;
using testing::StartsWith;

package::Package integers() {
  const compiler::CalibrationPictures pictures{{0, 10, 20, 30, 200, 100, 255, 7, 90}, 1};
  return compiler::quantise(tiny(), {pictures, pictures}, {});
}

TEST(QuantisedDamage, TruncationAndEveryBit) {
  for (const package::Package& package : {integers(), compiler::to_half(tiny())}) {
    std::string bytes = package::encode(package);
    EXPECT_EQ(fault_of(bytes), "");
    for (std::size_t length = 0; length < bytes.size(); ++length)
      ASSERT_THAT(fault_of(bytes.substr(0, length)), StartsWith("p.amk: ")) << length;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      const char bit = static_cast<char>(1 << (i % 8));
      bytes[i] = static_cast<char>(bytes[i] ^ bit);
      ASSERT_THAT(fault_of(bytes), StartsWith("p.amk: ")) << "byte " << i;
      bytes[i] = static_cast<char>(bytes[i] ^ bit);
    }
  }
}

// Changed with its hash right again, as a careless writer would.
std::string rewritten(const std::function<void(package::Container&)>& change) {
  package::Container container = package::decode_container(package::encode(integers()), "p");
  change(container);
  container.metadata[package::hash_key] = package::content_hash(container);
  return package::encode_container(container);
}

TEST(QuantisedDamage, NamesWhatDisagrees) {
  const auto tensor = [](const char* name, std::size_t byte, char value) {
    return rewritten([=](package::Container& c) { c.tensors.at(name).bytes.at(byte) = value; });
  };
  EXPECT_EQ(fault_of(rewritten([](package::Container&) {})), "");
  EXPECT_THAT(fault_of(tensor("conv.weight", 0, '\x80')), HasSubstr("whole numbers from -127 to 127"));
  EXPECT_THAT(fault_of(tensor("integers.0.shift", 0, 60)), HasSubstr("a shift is above 46"));
  EXPECT_THAT(fault_of(tensor("integers.0.multiplier", 1, 0)), HasSubstr("must be 0 or have 15 bits"));
  EXPECT_THAT(fault_of(tensor("integers.0.bias", 3, 0x70)), HasSubstr("beyond 2^30"));
  EXPECT_THAT(fault_of(tensor("integers.0.scale", 3, '\xBF')), HasSubstr("must be finite and above 0"));
  EXPECT_THAT(fault_of(tensor("input_table", 5, '\x80')), HasSubstr("from -127 to 127"));
  EXPECT_THAT(fault_of(rewritten([](package::Container& c) { c.tensors.erase("integers.1.bias"); })),
              HasSubstr("tensor integers.1.bias: is missing"));
  EXPECT_THAT(fault_of(rewritten([](package::Container& c) {
                c.tensors.at("integers.0.shift").shape[0] -= 1;
                c.tensors.at("integers.0.shift").bytes.pop_back();
              })),
              HasSubstr("has more values than multiplier or shift"));
  EXPECT_THAT(fault_of(rewritten([](package::Container& c) {
                std::string& text = c.metadata.at(package::structure_key);
                text.replace(text.find("int8"), 4, "int4");
              })),
              HasSubstr("must be \"fp16\" or \"int8\""));
}

}  // namespace
}  // namespace automask
