#pragma once
// Package -> what the board's DDR holds, and per condition a command stream. C++14.
//
// DDR from word 0 on: the union's weights; the picture's table; the picture; activations, which all conditions share;
// per condition channel lists, parameter blocks and commands. All weights lie there, a private stem's of every
// condition among them: selecting a condition moves nothing.
#include <memory>
#include <string>
#include <vector>

#include "hw_targets/package/package.h"
#include "hw_targets/z7020/layers.h"
#include "hw_targets/z7020/schedule.h"

namespace automask {
namespace z7020 {

constexpr std::uint32_t most_memory_words = (256U << 20) / 4;  // of the board's 512 MiB; Linux keeps the rest

// One stretch of work: a command stream for the engine, or one layer for the ARM cores.
struct Segment {
  std::uint32_t commands = 0;  // word address
  std::uint32_t count = 0;     // instructions, `end` included; 0: the ARM cores' turn
  int layer = -1;              // theirs, or the engine's where layers are apart
};

struct Program {
  std::string condition;
  std::shared_ptr<const package::IntegerNetwork> network;
  Lowered lowered;
  std::vector<std::uint32_t> map_address;  // per map of `lowered`, in words
  std::vector<Segment> segments;
  std::vector<int> layer_of_step;                    // of all segments, one after the other
  std::uint32_t table_words = 0, command_words = 0;  // a condition's own: lists and blocks, commands
  float scale = 1;                                   // logit = value x scale
};

struct Image {
  std::vector<std::uint32_t> words;          // all of DDR in use, before the first picture
  std::uint32_t memory_words = 0;            // their number
  std::uint32_t picture = 0;                 // word address of u8 [H, W, C]
  std::uint32_t weight_words = 0;            // the union's
  std::uint32_t arena = 0, arena_words = 0;  // where activations lie: all that streams write
  std::vector<Program> programs;             // per condition
};

// together: tiles of the next layer are loaded while the last ones of a layer are computed. apart: a stream for each
// layer, so that each can be timed.
enum class Layers { together, apart };

// Throws CompileError where a layer is beyond the engine, std::invalid_argument where the package is not INT8.
Image compile(const package::Package& package, const Bandwidth& bandwidth = {}, Layers layers = Layers::together);
// One network, as if it were a package of one condition.
Image compile(const package::IntegerNetwork& network, const Bandwidth& bandwidth = {},
              Layers layers = Layers::together);

}  // namespace z7020
}  // namespace automask
