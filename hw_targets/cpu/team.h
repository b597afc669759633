#pragma once
// The threads that execute a network's steps together. They start once a picture and meet after each step: starting and
// joining them for each step costs tens of microseconds where threads sleep in between, and MobileNetV2 has 70 steps.
#include <atomic>
#include <cstddef>
#include <thread>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace automask::cpu {

// Where `count` threads wait for the last of them. They spin, since steps take microseconds, but let others have the
// core when that takes long.
class Meeting {
 public:
  void wait(int count) {
    const unsigned round = round_.load(std::memory_order_acquire);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == count) {
      arrived_.store(0, std::memory_order_relaxed);
      round_.store(round + 1, std::memory_order_release);
      return;
    }
    for (int spins = 0; round_.load(std::memory_order_acquire) == round; ++spins)
      spins < patience ? pause() : std::this_thread::yield();
  }

 private:
  static constexpr int patience = 2000;  // some 30 to 80 microseconds
  static void pause() {
#if defined(__x86_64__)
    _mm_pause();
#endif
  }
  // Far from each other: who arrives would otherwise disturb those who look at the round.
  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<unsigned> round_{0};
};

// One of them, as a step sees it.
struct Member {
  int index = 0, count = 1;
  Meeting* meeting = nullptr;

  struct Part {
    std::ptrdiff_t first, end;
  };
  // This thread's share of so many items: neighbours, so that a step's caches hold what the next step reads.
  Part part(std::ptrdiff_t items) const { return {items * index / count, items * (index + 1) / count}; }
  // Until all have come here.
  void wait() const {
    if (count > 1) meeting->wait(count);
  }
};

}  // namespace automask::cpu
