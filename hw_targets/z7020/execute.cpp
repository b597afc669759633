#include "hw_targets/z7020/execute.h"

#include <chrono>
#include <string>

#include "hw_targets/z7020/arm_layers.h"
#include "hw_targets/z7020/check.h"
#include "hw_targets/z7020/words.h"

namespace automask {
namespace z7020 {

Executor::Executor(const Image& image, Port& port)
    : image_(image), port_(port), memory_(port.reserve(image.memory_words)) {
  const Memory memory{image.words.data(), image.memory_words, image.arena, image.arena + image.arena_words};
  for (const Program& program : image.programs)
    for (const Segment& segment : program.segments)
      if (segment.count > 0) check_stream(memory, segment.commands);
  copy_words(image.words.data(), image.words.size(), memory_);
}

std::vector<std::int32_t> Executor::values(int condition, const std::uint8_t* picture) {
  const Program& program = image_.programs.at(static_cast<std::size_t>(condition));
  const graph::Shape& input = program.network->graph.input;
  copy_bytes(picture, static_cast<std::size_t>(input.channels * input.height * input.width), memory_ + image_.picture);
  segment_ms_.clear();
  for (const Segment& segment : program.segments) {
    const auto begin = std::chrono::steady_clock::now();
    if (segment.count > 0) {
      const std::uint32_t executed = port_.run(segment.commands);
      if (executed != segment.count)
        throw PortError("the engine executed " + std::to_string(executed) + " instructions of a stream of " +
                        std::to_string(segment.count) + ": it does not see what the processors wrote");
    } else {
      execute_on_arm(program, program.lowered.layers[static_cast<std::size_t>(segment.layer)], picture, memory_);
    }
    segment_ms_.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count());
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
