#pragma once
// Networks on integers: the one definition that the compiler, the reference and every integer runner follow
// (docs/package.md, section 10). Values are s8 in [-127, 127], symmetric, one scale per tensor; weights s8 in [-127,
// 127], symmetric, one scale per output channel; accumulators s32. C++14.
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace automask {
namespace package {

struct Package;

constexpr std::int32_t most_value = 127;     // of activations and weights
constexpr std::int32_t most_output = 32767;  // of the network's last values, which become logits
constexpr int affine_fraction_bits = 8;      // an affine's accumulator is value << 8
constexpr int most_shift = 46;               // so that double holds every product and its rounding exactly
constexpr std::int32_t most_bias = 1 << 30;  // and accumulators stay below that, too: their sum is an s32

// (accumulator + bias) * multiplier / 2^shift, rounded half up. The multiplier has 15 bits and a sign (a negative one
// comes from a negative affine scale); unless it is 0, its magnitude is at least 2^14.
struct Requantisation {
  std::int32_t bias = 0;
  std::int16_t multiplier = 0;
  std::uint8_t shift = 0;  // 0 to most_shift
  bool operator==(const Requantisation& o) const {
    return bias == o.bias && multiplier == o.multiplier && shift == o.shift;
  }
};

// floor(product / 2^shift + 1/2). Right shifts of negative numbers are arithmetic on every compiler that matters.
inline std::int64_t round_shift(std::int64_t product, int shift) {
  return shift == 0 ? product : (product + (std::int64_t(1) << (shift - 1))) >> shift;
}
inline std::int32_t clamped(std::int64_t value, std::int32_t most) {
  return static_cast<std::int32_t>(value < -most ? -most : value > most ? most : value);
}
inline std::int32_t requantised(std::int64_t accumulator, const Requantisation& r, std::int32_t most) {
  return clamped(round_shift((accumulator + r.bias) * r.multiplier, r.shift), most);
}

// The nearest multiplier and shift of a real factor, bias 0. Throws std::invalid_argument where |factor| >= 2^15 or is
// no number; factors below 2^-32 give 0.
Requantisation requantisation_of(double factor);
// 1 / count of an avg_pool's window, in integers: multiplier round(2^shift / count) in [2^14, 2^15). count >= 1.
Requantisation reciprocal(std::int32_t count);

// What one condition needs besides weights and mask.
struct Integers {
  // By node: conv2d, linear and affine one per output channel; add one per input, all of one shift and without bias;
  // global_avg_pool one (of the sum); relu6 one, whose bias is the value of 6 in [0, 127]. Other nodes have none, nor
  // has an affine that is folded into the layer before it.
  std::map<std::string, std::vector<Requantisation>> of_node;
  // What a step of each node's value stands for, one per node; inputs and outputs of max_pool, avg_pool, relu, relu6,
  // concat, flatten, dropout and softmax share one. For people and exports: executing needs the output's alone.
  std::vector<float> scale;
};

// One condition as a network of its own, affine nodes folded like materialise() does: what an integer runner executes.
struct IntegerNetwork {
  graph::Graph graph;
  std::map<std::string, std::vector<std::int8_t>>
      weights;  // NODE -> row-major, [out, in / groups, kh, kw] or [out, in]
  Integers integers;
  std::vector<std::int8_t> input_table;  // [channels][256]: the value of each u8 level
};
IntegerNetwork materialise_integers(const Package& package, int condition);

// max_pool, avg_pool, relu, relu6, concat, flatten, dropout, softmax: the output's steps are worth the inputs'.
bool shares_scale(graph::Op op);

// The node whose values become logits: the last but for softmax, dropout and flatten. It is clamped at most_output
// where it is a conv2d, linear, affine, add or global_avg_pool. logit = value * scale of that node, one FP32
// multiplication.
std::size_t output_node(const graph::Graph& graph);
std::int32_t most_of_node(const graph::Graph& graph, std::size_t node);

}  // namespace package
}  // namespace automask
