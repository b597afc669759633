#include "core/hash.h"

#include <gtest/gtest.h>

#include "core/atomic_file.h"
#include "core/error.h"
#include "tests/unit/core/temporary_folder.h"
#include "tests/unit/core/throws.h"

namespace automask::core {
namespace {

// FIPS 180-4 examples (NIST "SHA256.pdf").
constexpr const char* of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr const char* of_two_blocks = "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1";
constexpr const char* two_blocks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";

TEST(Sha256, GivesThePublishedDigests) {
  EXPECT_EQ(sha256_hex("abc"), of_abc);
  EXPECT_EQ(sha256_hex(two_blocks), of_two_blocks);
  EXPECT_EQ(Sha256().update("a").update("").update("bc").hex(), of_abc);
  Sha256 moved = std::move(Sha256().update("ab"));
  EXPECT_EQ(moved.update("c").hex(), of_abc);
}

TEST(Sha256, OfAFileIsThatOfItsBytes) {
  const testing::TemporaryFolder folder;
  const std::string bytes(200001, 'x');  // several reads
  write_file_atomically(folder / "x", bytes);
  EXPECT_EQ(sha256_file(folder / "x"), sha256_hex(bytes));
}

TEST(Sha256, NamesAFileThatCannotBeRead) {
  const testing::TemporaryFolder folder;
  const auto missing = testing::error_of([&] { sha256_file(folder / "nothing"); });
  EXPECT_EQ(missing.code(), ExitCode::steps_failed);
  EXPECT_SAYS(missing, "nothing");
  EXPECT_EQ(testing::error_of([&] { sha256_file(folder.path()); }).code(), ExitCode::steps_failed);
}

TEST(Hash64, IsTheFirstEightBytesBigEndian) { EXPECT_EQ(hash64("abc"), 0xba7816bf8f01cfeau); }

TEST(FieldHasher, KeepsFieldsApart) {
  const auto hex = [](std::initializer_list<std::pair<std::string, std::string>> fields) {
    FieldHasher hasher;
    for (const auto& [name, value] : fields) hasher.add(name, std::string_view(value));
    return hasher.hex();
  };
  EXPECT_EQ(hex({{"a", "b"}}), hex({{"a", "b"}}));
  EXPECT_NE(hex({{"a", "bc"}}), hex({{"a", "b"}, {"c", ""}}));
  EXPECT_NE(hex({{"a", "b"}, {"c", "d"}}), hex({{"c", "d"}, {"a", "b"}}));
  EXPECT_NE(hex({{"a", "b"}, {"c", "d"}}), hex({{"a", "b\nc 1 d"}}));
  EXPECT_NE(hex({{"a", ""}}), hex({}));
}

TEST(FieldHasher, ShowsWhatItAte) {
  FieldHasher hasher;
  hasher.add("stage", "train").add("seed", std::int64_t{-3});
  EXPECT_EQ(hasher.transcript(), "stage 5 train\nseed 2 -3\n");
  EXPECT_EQ(hasher.hex(), sha256_hex(hasher.transcript()));
}

}  // namespace
}  // namespace automask::core
