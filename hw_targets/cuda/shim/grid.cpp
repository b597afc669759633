#include "hw_targets/cuda/shim/grid.h"

#include <algorithm>
#include <boost/context/fiber.hpp>
#include <boost/context/fixedsize_stack.hpp>
#include <exception>
#include <map>
#include <memory>
#include <stdexcept>
#include <vector>

#include "hw_targets/cuda/half.h"
#include "hw_targets/cuda/shim/call.h"
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

namespace automask::cuda::shim {
namespace {

namespace ctx = boost::context;

// AddressSanitizer must know on which stack the processor is.
struct Stack {
  const void* bottom = nullptr;
  std::size_t bytes = 0;
};
struct Leaving {
  void* frames = nullptr;
#ifdef __SANITIZE_ADDRESS__
  explicit Leaving(const Stack& to, bool for_good = false) {
    __sanitizer_start_switch_fiber(for_good ? nullptr : &frames, to.bottom, to.bytes);
  }
#else
  explicit Leaving(const Stack&, bool = false) {}
#endif
};
void arrived([[maybe_unused]] void* frames, [[maybe_unused]] Stack* from) {
#ifdef __SANITIZE_ADDRESS__
  const void* bottom = nullptr;
  std::size_t bytes = 0;
  __sanitizer_finish_switch_fiber(frames, &bottom, &bytes);
  if (from != nullptr) *from = {bottom, bytes};
#endif
}

constexpr unsigned warp_size = 32;
constexpr std::size_t stack_bytes = 128 * 1024;

// Threads that wait for each other: a block or a warp. Those that returned are waited for no more, as on a GPU.
struct Meeting {
  unsigned live = 0, arrived = 0, generation = 0;
  int line = 0;

  void leave() {
    --live;
    release_if_whole();
  }
  void arrive(int at) {
    if (arrived > 0 && line != at)
      throw std::logic_error("threads wait for each other at lines " + std::to_string(line) + " and " +
                             std::to_string(at));
    line = at;
    ++arrived;
    release_if_whole();
  }
  void release_if_whole() {
    if (arrived > 0 && arrived == live) {
      arrived = 0;
      ++generation;
    }
  }
};

class Block {
 public:
  static Block& current() {
    if (current_ == nullptr) throw std::logic_error("a kernel's function was called outside of a launch");
    return *current_;
  }

  Block(unsigned threads, const std::function<void()>& body)
      : body_(body), threads_(threads), warps_((threads + warp_size - 1) / warp_size), exchanged_(threads) {
    fibers_.reserve(threads);
    for (unsigned t = 0; t < threads; ++t) {
      ctx::fixedsize_stack allocator(stack_bytes);
      const ctx::stack_context stack = allocator.allocate();
      stacks_.push_back({static_cast<const char*>(stack.sp) - stack.size, stack.size});
      fibers_.emplace_back(std::allocator_arg, ctx::preallocated(stack.sp, stack.size, stack), allocator,
                           [this](ctx::fiber&& scheduler) {
                             arrived(nullptr, &own_stack_);
                             scheduler_ = std::move(scheduler);
                             live_through_blocks();
                             const Leaving leaving(own_stack_, true);
                             return std::move(scheduler_);
                           });
    }
  }
  ~Block() {
    ending_ = true;
    for (unsigned t = 0; t < threads_; ++t) resume(t);
  }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  void run(Index index) {
    current_ = this;
    block_ = index;
    shared_.clear();
    done_.assign(threads_, false);
    moved_ = true;
    whole_ = {threads_, 0, 0, 0};
    for (std::size_t w = 0; w < warps_.size(); ++w)
      warps_[w] = {std::min(warp_size, threads_ - static_cast<unsigned>(w) * warp_size), 0, 0, 0};
    unsigned finished = 0;
    while (finished < threads_) {
      if (!moved_) throw std::logic_error("a barrier that some threads never reach");
      moved_ = false;
      for (unsigned t = 0; t < threads_; ++t) {
        if (done_[t]) continue;
        resume(t);
        if (fault_) std::rethrow_exception(fault_);
        if (done_[t]) ++finished;
      }
    }
    current_ = nullptr;
  }

  void meet(Meeting& meeting, int line) {
    const unsigned generation = meeting.generation;
    meeting.arrive(line);
    moved_ = true;
    while (meeting.generation == generation) {
      yield();
      if (broken()) throw std::logic_error("another thread of the block failed");
    }
    moved_ = true;
  }

  float exchange(float own, int lane, int line) {
    const unsigned first = thread_ / warp_size * warp_size;
    exchanged_[thread_] = own;
    Meeting& warp = warps_[thread_ / warp_size];
    meet(warp, line);
    const unsigned other = first + static_cast<unsigned>(lane);
    const float value = lane >= 0 && lane < static_cast<int>(warp_size) && other < threads_ ? exchanged_[other] : own;
    meet(warp, line);
    return value;
  }

  void* shared(int place, std::size_t bytes) {
    auto& memory = shared_[place];
    if (!memory.first) memory = {std::make_unique<unsigned char[]>(bytes), bytes};
    if (memory.second != bytes) throw std::logic_error("a shared array has two sizes");
    return memory.first.get();
  }

  Meeting& whole() { return whole_; }
  unsigned thread() const { return thread_; }
  unsigned threads() const { return threads_; }
  Index block() const { return block_; }

 private:
  // Fibers are made once and serve block after block.
  void live_through_blocks() {
    while (!ending_) {
      const unsigned self = thread_;
      try {
        body_();
      } catch (...) {
        if (!fault_) fault_ = std::current_exception();
      }
      thread_ = self;
      done_[self] = true;
      moved_ = true;
      whole_.leave();
      warps_[self / warp_size].leave();
      if (!ending_) yield();
    }
  }
  void resume(unsigned thread) {
    thread_ = thread;
    const Leaving leaving(stacks_[thread]);
    fibers_[thread] = std::move(fibers_[thread]).resume();
    arrived(leaving.frames, nullptr);
  }
  void yield() {
    const unsigned self = thread_;
    const Leaving leaving(own_stack_);
    scheduler_ = std::move(scheduler_).resume();
    arrived(leaving.frames, &own_stack_);
    thread_ = self;
  }
  bool broken() const { return ending_ || fault_ != nullptr; }

  static Block* current_;
  const std::function<void()>& body_;
  unsigned threads_, thread_ = 0;
  Index block_;
  bool ending_ = false, moved_ = false;
  std::exception_ptr fault_;
  Meeting whole_;
  std::vector<Meeting> warps_;
  std::vector<float> exchanged_;
  std::vector<char> done_;
  std::map<int, std::pair<std::unique_ptr<unsigned char[]>, std::size_t>> shared_;
  Stack own_stack_;  // the scheduler's
  std::vector<Stack> stacks_;
  ctx::fiber scheduler_;
  std::vector<ctx::fiber> fibers_;
};

Block* Block::current_ = nullptr;

}  // namespace

const float* half_table() {
  static const std::vector<float> table = [] {
    std::vector<float> values;
    for (unsigned bits = 0; bits < 0x10000; ++bits) values.push_back(float_of(static_cast<std::uint16_t>(bits)));
    return values;
  }();
  return table.data();
}

void run_grid(Index blocks, unsigned threads, const std::function<void()>& body) {
  Block block(threads, body);
  for (unsigned y = 0; y < blocks.y; ++y)
    for (unsigned x = 0; x < blocks.x; ++x) block.run({x, y, 0});
}

Index thread_index() { return {Block::current().thread(), 0, 0}; }
Index block_index() { return Block::current().block(); }
Index block_size() { return {Block::current().threads(), 1, 1}; }
void wait_for_block(int line) { Block::current().meet(Block::current().whole(), line); }
float lane_value(float own, int lane, int line) { return Block::current().exchange(own, lane, line); }
int own_lane() { return static_cast<int>(Block::current().thread() % warp_size); }
void* shared_memory(int place, std::size_t bytes) { return Block::current().shared(place, bytes); }

}  // namespace automask::cuda::shim
