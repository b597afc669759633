// Files that torch.save wrote (tests/fuzz/make_corpus.py), whole and damaged, and pickles written by hand.
#include "models/torch_file.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "core/atomic_file.h"
#include "models/pickle.h"
#include "tests/unit/core/throws.h"

namespace automask::models {
namespace {

using automask::testing::error_of;
using graph::TensorMap;

std::string fixture(const std::string& name) {
  return core::read_file(std::string(AUTOMASK_SOURCE_DIR) + "/tests/fuzz/corpus/pth/" + name);
}

// Bit for bit: NaN equals NaN, and 0 is not -0.
bool same(const TensorMap& a, const TensorMap& b) {
  if (a.size() != b.size()) return false;
  for (auto i = a.begin(), j = b.begin(); i != a.end(); ++i, ++j) {
    const auto &x = i->second, &y = j->second;
    if (i->first != j->first || x.shape != y.shape || x.data.size() != y.data.size()) return false;
    if (!x.data.empty() && std::memcmp(x.data.data(), y.data.data(), x.data.size() * sizeof(float)) != 0) return false;
  }
  return true;
}

class TorchFile : public ::testing::TestWithParam<const char*> {};
std::string test_name(const ::testing::TestParamInfo<const char*>& file) {
  return std::string(file.param) == "zip.pth" ? "zip" : "legacy";
}
INSTANTIATE_TEST_SUITE_P(BothFormats, TorchFile, ::testing::Values("zip.pth", "legacy.pth"), test_name);

TEST_P(TorchFile, ReadsEveryLayoutAndNumberFormat) {
  const float infinity = std::numeric_limits<float>::infinity();
  TensorMap expected;
  expected["plain"] = {{2, 3}, {-2, -1.75F, -1.5F, -1.25F, -1, -0.75F}};
  graph::Tensor& permuted = expected["permuted"] = {{4, 2, 3}, {}};
  for (int k = 0; k < 4; ++k)
    for (int i = 0; i < 2; ++i)
      for (int j = 0; j < 3; ++j) permuted.data.push_back(static_cast<float>(i * 12 + j * 4 + k) / 4 - 2);
  expected["offset"] = {{4}, {-0.75F, -0.25F, 0.25F, 0.75F}};
  expected["half"] = {{5}, {1.5F, -0.0F, 65504, 0x1p-24F, infinity}};
  // -3e38 to 8 bits: 1.765... x 2^127 = 225.94 / 128, rounded to 226 / 128.
  expected["bfloat"] = {{3}, {1.5F, -226.0F / 128 * 0x1p127F, std::numeric_limits<float>::quiet_NaN()}};
  expected["double"] = {{2}, {1.0F / 3, -infinity}};
  expected["parameter"] = {{1}, {7}};
  expected["bn.num_batches_tracked"] = {{}, {3}};
  expected["empty"] = {{0, 4}, {}};
  EXPECT_TRUE(same(decode_torch(fixture(GetParam()), "f"), expected));
  expected["plain"].data[5] += 1e-6F;
  EXPECT_FALSE(same(decode_torch(fixture(GetParam()), "f"), expected));
}

TEST_P(TorchFile, EveryTruncationIsRefused) {
  const std::string whole = fixture(GetParam());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    // A buffer of its own, so that the sanitizers see a read past its end.
    const std::string cut(whole.data(), size);
    EXPECT_THROW(decode_torch(cut, "f"), core::Error) << "cut to " << size << " bytes";
  }
}

// Zip entries carry checksums: whatever is accepted has the values that were saved. Legacy files have none.
TEST_P(TorchFile, EveryFlippedBitIsRefusedOrHarmless) {
  const std::string whole = fixture(GetParam());
  const TensorMap saved = decode_torch(whole, "f");
  const bool checked = std::string(GetParam()) == "zip.pth";
  int refused = 0;
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::string damaged = whole;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    try {
      const TensorMap read = decode_torch(damaged, "f");
      if (checked) {
        EXPECT_TRUE(same(read, saved)) << "bit " << bit;
      }
    } catch (const core::Error& e) {
      EXPECT_EQ(e.code(), core::ExitCode::corrupt) << e.what();
      ++refused;
    }
  }
  EXPECT_GT(refused, 1000);
}

TEST(TorchZip, FindsTheStateDictInsideACheckpoint) {
  const TensorMap tensors = decode_torch(fixture("wrapped.pth"), "f");
  ASSERT_EQ(tensors.size(), 2U);
  EXPECT_EQ(tensors.at("module.w").data, (std::vector<float>{1, 1}));
}

TEST(TorchZip, ReadsPickleProtocol4) { EXPECT_EQ(decode_torch(fixture("protocol4.pth"), "f").at("w").data.size(), 2U); }

// A legacy file around any object pickle; `storages` are the pickled keys and what follows.
std::string legacy(const std::string& object, const std::string& storages = "\x80\x02].") {
  const std::string whole = fixture("legacy.pth");
  const std::size_t magic_and_version = 15 + 6;  // "\x80\x02\x8a\x0a" + 10 bytes + "."; "\x80\x02M\xe9\x03."
  return whole.substr(0, magic_and_version) + "\x80\x02}." + object + storages;
}

core::Error refusal(const std::string& object, const std::string& storages = "\x80\x02].") {
  return error_of([&] { decode_torch(legacy(object, storages), "f.pth"); });
}

TEST(TorchPickle, RefusesEveryOtherNameByName) {
  EXPECT_SAYS(refusal("\x80\x02"
                      "cos\nsystem\nX\x02\0\0\0ls\x85R."),
              "asks for os.system, which is refused");
  EXPECT_SAYS(refusal(std::string("\x80\x04\x8c\x08"
                                  "builtins\x8c\x04"
                                  "eval\x93.",
                                  20)),
              "asks for builtins.eval, which is refused");
}

TEST(TorchPickle, NamesTheFault) {
  EXPECT_SAYS(refusal("\x80\x02}."), "f.pth: holds no dict of tensors");
  EXPECT_SAYS(refusal("\x80\x02i."), "opcode 0x69 is none that torch.save writes");
  EXPECT_SAYS(refusal("\x80\x01}."), "pickle protocol 1");
  EXPECT_SAYS(refusal("\x80\x02h\x07."), "recalls value 7");
  EXPECT_SAYS(refusal("\x80\x02t."), "takes to a mark that is not there");
  EXPECT_SAYS(refusal("\x80\x02}Ns."), "takes from an empty stack");
  EXPECT_SAYS(refusal(std::string("\x80\x02X\xff\xff\xff\xff", 7), ""), "reaches past its end");
}

// {"w": _rebuild_tensor_v2(storage of `elements` floats, offset, size, stride, False, OrderedDict())}
std::string tensor_pickle(const std::string& elements, const std::string& offset, const std::string& size,
                          const std::string& stride) {
  using namespace std::string_literals;
  return "\x80\x02}X\1\0\0\0w"s + "ctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storage"s +
         "ctorch\nFloatStorage\nX\1\0\0\0000X\3\0\0\0cpu"s + elements + "NtQ" + offset + size + stride +
         "\x89"
         "ccollections\nOrderedDict\n)RtRs.";
}
std::string one_storage(std::uint64_t elements, std::size_t bytes) {
  using namespace std::string_literals;
  std::string text = "\x80\x02]X\1\0\0\0000a."s;
  text.append(reinterpret_cast<const char*>(&elements), sizeof elements);
  return text + std::string(bytes, '\0');
}

const std::string zero_offset("K\0", 2);

TEST(TorchTensor, StaysInsideItsStorage) {
  const auto read = [](const std::string& object, const std::string& storages) {
    return decode_torch(legacy(object, storages), "f.pth");
  };
  EXPECT_EQ(read(tensor_pickle("K\4", "K\1", "K\3\x85", "K\1\x85"), one_storage(4, 16)).at("w").data.size(), 3U);
  EXPECT_SAYS(refusal(tensor_pickle("K\4", "K\2", "K\3\x85", "K\1\x85"), one_storage(4, 16)),
              "f.pth: tensor w: it reaches to element 4 of a storage of 4");
  EXPECT_SAYS(refusal(tensor_pickle("K\4", zero_offset, "K\3\x85", "K\2\x85"), one_storage(4, 16)),
              "it reaches to element 4");
  EXPECT_SAYS(refusal(tensor_pickle("K\4", zero_offset, "J\xff\xff\xff\xff\x85", "K\1\x85"), one_storage(4, 16)),
              "no number from 0 to 2^40");
  EXPECT_SAYS(refusal(tensor_pickle("K\4", zero_offset, "K\2K\2\x86", "K\1\x85"), one_storage(4, 16)),
              "not as many strides as sizes");
  EXPECT_SAYS(refusal(tensor_pickle("K\5", zero_offset, "K\4\x85", "K\1\x85"), one_storage(4, 16)),
              "another size than the pickle says");
  EXPECT_SAYS(refusal(tensor_pickle("K\4", zero_offset, "K\4\x85", "K\1\x85"), one_storage(4, 15)),
              "reaches past the end of the file");
}

// Strides of 0 would make any memory out of one number.
TEST(TorchTensor, MemoryIsBoundedByTheFile) {
  const std::string zero = zero_offset + "\x85";
  EXPECT_EQ(decode_torch(legacy(tensor_pickle("K\1", zero_offset, "K\x64\x85", zero), one_storage(1, 4)), "f")
                .at("w")
                .data.size(),
            100U);
  EXPECT_SAYS(refusal(tensor_pickle("K\1", zero_offset, "J\xff\xff\xff\x7f\x85", zero), one_storage(1, 4)),
              "would take more than");
  // A list of pairs copied once more by every OrderedDict made from it: 4 bytes for 16 MB.
  std::string bomb = "\x80\x02]q\1(";
  for (int i = 0; i < 100'000; ++i) bomb += std::string(i == 0 ? "K\0K\0\x86q\2" : "h\2", i == 0 ? 7 : 2);
  bomb += "e";
  for (int i = 0; i < 1000; ++i) bomb += "ccollections\nOrderedDict\nh\1\x85R0";
  EXPECT_SAYS(refusal(bomb + "."), "more than 16 million references");
}

TEST(TorchTensor, CyclesAndDeepNestingDoNoHarm) {
  EXPECT_SAYS(refusal("\x80\x02]q\1h\1a."), "holds no dict of tensors");
  std::string deep = "\x80\x02)";
  deep.append(1'000'000, '\x85');
  EXPECT_SAYS(refusal(deep + "."), "holds no dict of tensors");
}

}  // namespace
}  // namespace automask::models
