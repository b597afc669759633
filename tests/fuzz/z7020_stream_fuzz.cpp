// Any bytes as the Z7020 engine's memory: what the checker accepts must stay inside buffers and memory when executed.
// The first three words: where commands begin, where may be written; the seeds are streams that the compiler wrote.
#include <cstring>
#include <memory>
#include <vector>

#include "hw_targets/z7020/check.h"
#include "hw_targets/z7020/costs.h"
#include "hw_targets/z7020/disassemble.h"
#include "hw_targets/z7020/hls/units.h"

namespace {

using namespace automask::z7020;

// Streams that would only take long are left out.
constexpr double most_work = 2e5;

double work(const std::vector<std::uint32_t>& memory, std::uint32_t commands, std::uint32_t count) {
  double sum = 0;
  for (std::uint32_t n = 0; n < count; ++n) {
    Instruction i;
    std::memcpy(i.data(), memory.data() + commands + n * instruction_words, sizeof i);
    sum += unit_cycles(i) + traffic(i).bytes / 4;
  }
  return sum;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  std::vector<std::uint32_t> memory(size / 4);
  if (memory.size() < 3) return 0;
  std::memcpy(memory.data(), data, memory.size() * 4);
  const std::uint32_t commands = memory[0], words = static_cast<std::uint32_t>(memory.size());
  disassemble(memory.data(), words, commands);
  std::uint32_t count = 0;
  try {
    count = check_stream({memory.data(), words, memory[1], memory[2]}, commands);
  } catch (const StreamError&) {
    return 0;
  }
  if (work(memory, commands, count) > most_work) return 0;
  static const auto buffers = std::make_unique<hls::Buffers>();
  if (hls::engine(hls::masters(memory.data()), commands, *buffers) != count) __builtin_trap();
  return 0;
}
