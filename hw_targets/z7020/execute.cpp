#include "hw_targets/z7020/execute.h"

#include <algorithm>
#include <cstring>

#include "hw_targets/z7020/arm_layers.h"
#include "hw_targets/z7020/check.h"

namespace automask {
namespace z7020 {

Executor::Executor(const Image& image, Port& port)
    : image_(image), port_(port), memory_(port.reserve(image.memory_words)) {
  const Memory memory{image.words.data(), image.memory_words, image.arena, image.arena + image.arena_words};
  for (const Program& program : image.programs)
    for (const Segment& segment : program.segments)
      if (segment.count > 0) check_stream(memory, segment.commands);
  std::copy(image.words.begin(), image.words.end(), memory_);
}

std::vector<std::int32_t> Executor::values(int condition, const std::uint8_t* picture) {
  const Program& program = image_.programs.at(static_cast<std::size_t>(condition));
  const graph::Shape& input = program.network->graph.input;
  // Bytes in the order of the processor: little endian here and on the board.
  std::memcpy(memory_ + image_.picture, picture, static_cast<std::size_t>(input.channels * input.height * input.width));
  for (const Segment& segment : program.segments) {
    if (segment.count > 0)
      port_.run(segment.commands);
    else
      execute_on_arm(program, program.lowered.layers[static_cast<std::size_t>(segment.layer)], picture, memory_);
  }
  const std::size_t output = static_cast<std::size_t>(program.lowered.output);
  return read_map(program.lowered.maps[output], memory_ + program.map_address[output]);
}

void Executor::run(int condition, const std::uint8_t* picture, float* logits) {
  const float scale = image_.programs.at(static_cast<std::size_t>(condition)).scale;
  for (const std::int32_t value : values(condition, picture)) *logits++ = static_cast<float>(value) * scale;
}

}  // namespace z7020
}  // namespace automask
