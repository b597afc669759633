#pragma once
// CUDA's threads on this processor: every thread of a block is a fiber that yields at barriers and shuffles, so that
// kernels run as they are written. Blocks run one after the other. One launch at a time, from one thread.
#include <functional>
#include <string>

namespace automask::cuda::shim {

struct Index {
  unsigned x = 0, y = 0, z = 0;
};

// Executes body() for every thread. A barrier that some threads never reach, or that they reach at different lines, is
// a std::logic_error, as are shuffles at different lines; on a GPU it would be a hang or a wrong number.
void run_grid(Index blocks, unsigned threads, const std::function<void()>& body);

// For kernels, while run_grid() is at work.
Index thread_index();
Index block_index();
Index block_size();
void wait_for_block(int line);
// The value of another lane of the warp; one's own where `lane` is outside of it.
float lane_value(float own, int lane, int line);
int own_lane();
// Memory that the block's threads share, exactly this large; `place` tells a kernel's arrays apart.
void* shared_memory(int place, std::size_t bytes);

}  // namespace automask::cuda::shim
