// Damaged bytes either load as a checkpoint that saves again or are refused with Error(corrupt); nothing else.
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <random>

#include "core/atomic_file.h"
#include "models/checkpoint.h"
#include "models/safetensors.h"
#include "tests/unit/core/temporary_folder.h"
#include "tests/unit/models/checkpoints.h"

namespace automask::models {
namespace {

std::string mutate(std::string bytes, std::mt19937& random) {
  std::uint64_t header = 0;
  std::memcpy(&header, bytes.data(), 8);
  // Half of the damage hits the header's length and text, where it can do most.
  const std::size_t reach = random() % 2 ? std::min<std::size_t>(8 + header, bytes.size()) : bytes.size();
  const std::size_t at = random() % reach;
  switch (random() % 6) {
    case 0:
      bytes.resize(at);
      break;
    case 1:
      bytes[at] = static_cast<char>(random());
      break;
    case 2:
      bytes.erase(at, 1 + random() % 16);
      break;
    case 3:
      bytes.insert(at, std::string(1 + random() % 16, static_cast<char>(random())));
      break;
    case 4:
      bytes[at] = "0123456789-[]{}\",:"[random() % 18];
      break;
    default:
      for (int i = 0; i < 8; ++i) bytes[i] = static_cast<char>(random());
      if (random() % 2) std::memset(bytes.data() + 3, 0, 5);
      break;
  }
  return bytes;
}

TEST(FuzzCheckpoint, DamagedFiles) {
  const testing::TemporaryFolder folder;
  std::mt19937 random(7);
  save_checkpoint(testing::random_checkpoint(networks::chain(), 2, random), folder / "whole");
  const std::string whole = core::read_file(folder / "whole");
  int accepted = 0, refused = 0;
  for (int trial = 0; trial < 1500; ++trial) {
    std::string bytes = whole;
    for (unsigned n = 1 + random() % 2; n > 0 && bytes.size() >= 8; --n) bytes = mutate(bytes, random);
    // Written plainly: this test needs no fsync per trial.
    { std::ofstream(folder / "damaged", std::ios::binary) << bytes; }
    try {
      const Checkpoint checkpoint = load_checkpoint(folder / "damaged");
      graph::check_weights(checkpoint.graph, checkpoint.weights);
      for (const graph::Mask& mask : checkpoint.masks) graph::shrink(checkpoint.graph, mask);
      ++accepted;
    } catch (const core::Error& e) {
      EXPECT_EQ(e.code(), core::ExitCode::corrupt) << e.what();
      ++refused;
    }
  }
  EXPECT_GT(accepted, 30);  // a flipped weight is no damage that a reader could see
  EXPECT_GT(refused, 500);
}

}  // namespace
}  // namespace automask::models
