#pragma once
// Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011).
// A stream is a pure function of its key, so results don't depend on threads, order or restarts.
#include <array>
#include <cstdint>
#include <span>

namespace automask::core {

// One block of the Philox4x32-10 bijection.
std::array<std::uint32_t, 4> philox4x32_10(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

// The stream (key, stream): 2^66 numbers, read in order. Copies continue independently from the same place.
class RandomStream {
 public:
  explicit RandomStream(std::uint64_t key, std::uint64_t stream = 0) : key_(key), stream_(stream) {}

  std::uint32_t next() {  // all 2^32 values
    if (left_ == 0) refill();
    return words_[4 - left_--];
  }
  void fill(std::span<std::uint32_t> out);  // the same words as next() gives, several times faster
  double uniform();                         // [0, 1), 53 bits, two words
  float uniform_float();                    // [0, 1), 24 bits, one word
  double normal();                          // N(0, 1) by inversion (core/normal.h), two words; the same bits everywhere
  std::uint32_t below(std::uint32_t bound);  // [0, bound), unbiased; bound >= 1

 private:
  void refill();

  std::uint64_t key_, stream_, block_ = 0;
  std::array<std::uint32_t, 4> words_{};
  unsigned left_ = 0;
};

}  // namespace automask::core
