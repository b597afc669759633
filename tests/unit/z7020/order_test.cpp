// Within a step the hardware's units run at the same time: any order must give the same bits.
#include "hw_targets/z7020/arm_layers.h"
#include "hw_targets/z7020/hls/units.h"
#include "tests/unit/z7020/agreement.h"

namespace automask::z7020 {
namespace {

// Executes the instructions of each step in a random order; loads of half-written buffers would show.
class ShufflingPort : public Port {
 public:
  explicit ShufflingPort(unsigned seed) : random_(seed) {}
  std::uint32_t* reserve(std::uint32_t words) override {
    memory_.assign(words, 0);
    return memory_.data();
  }
  std::uint32_t run(std::uint32_t commands) override {
    std::uint32_t executed = 0;
    std::vector<Instruction> step;
    for (const std::uint32_t* at = memory_.data() + commands;; at += instruction_words, ++executed) {
      Instruction i;
      std::copy(at, at + instruction_words, i.begin());
      const auto opcode = static_cast<Opcode>(opcode_byte(i));
      if (opcode != Opcode::step && opcode != Opcode::end) {
        step.push_back(i);
        continue;
      }
      std::shuffle(step.begin(), step.end(), random_);
      for (const Instruction& one : step) hls::execute(one, memory_.data(), *buffers_);
      largest_ = std::max(largest_, step.size());
      step.clear();
      if (opcode == Opcode::end) return executed + 1;
    }
  }
  std::size_t largest() const { return largest_; }

 private:
  std::mt19937 random_;
  std::vector<std::uint32_t> memory_;
  std::unique_ptr<hls::Buffers> buffers_ = std::make_unique<hls::Buffers>();
  std::size_t largest_ = 0;
};

TEST(Order, WithinAStepDoesNotMatter) {
  std::size_t largest = 0;
  for (unsigned seed = 0; seed < 200; ++seed) {
    const graph::Graph graph = cpu::random_graph(seed);
    const package::IntegerNetwork network = cpu::random_integers(graph, seed, false);
    const Image image = compile(network);
    ShufflingPort port(seed);
    Executor executor(image, port);
    ASSERT_TRUE(agrees(network, executor, 0)) << "seed " << seed << " " << graph::to_json(graph).dump();
    largest = std::max(largest, port.largest());
  }
  EXPECT_GT(largest, 3U) << "nothing ran at the same time";
}

}  // namespace
}  // namespace automask::z7020
