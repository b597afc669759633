#include "hw_targets/package/integer.h"

#include <cmath>
#include <stdexcept>

namespace automask {
namespace package {

using graph::Op;

Requantisation requantisation_of(double factor) {
  if (!(std::abs(factor) < 32768)) throw std::invalid_argument("a requantisation factor must be below 32768");
  Requantisation r;
  if (std::abs(factor) < 1.0 / 4294967296.0) return r;
  int exponent = 0;
  const double fraction = std::frexp(std::abs(factor), &exponent);  // [1/2, 1)
  std::int32_t multiplier = static_cast<std::int32_t>(std::floor(fraction * 32768 + 0.5));
  int shift = 15 - exponent;
  if (multiplier == 32768) {
    multiplier = 16384;
    --shift;
  }
  if (shift < 0) throw std::invalid_argument("a requantisation factor must be below 32768");
  r.multiplier = static_cast<std::int16_t>(factor < 0 ? -multiplier : multiplier);
  r.shift = static_cast<std::uint8_t>(shift);
  return r;
}

Requantisation reciprocal(std::int32_t count) {
  if (count < 1) throw std::invalid_argument("a mean needs one value at least");
  int shift = 14;
  while ((std::int64_t(1) << (shift - 14)) < count) ++shift;
  std::int64_t multiplier = ((std::int64_t(2) << shift) / count + 1) / 2;
  if (multiplier >= 32768) {  // rounded up out of its range
    multiplier = 16384;
    --shift;
  }
  Requantisation r;
  r.multiplier = static_cast<std::int16_t>(multiplier);
  r.shift = static_cast<std::uint8_t>(shift);
  return r;
}

bool shares_scale(Op op) {
  switch (op) {
    case Op::max_pool:
    case Op::avg_pool:
    case Op::relu:
    case Op::relu6:
    case Op::concat:
    case Op::flatten:
    case Op::dropout:
    case Op::softmax:
      return true;
    default:
      return false;
  }
}

std::size_t output_node(const graph::Graph& graph) {
  std::size_t node = graph.nodes.size() - 1;
  while (graph.nodes[node].op == Op::softmax || graph.nodes[node].op == Op::dropout ||
         graph.nodes[node].op == Op::flatten)
    node = static_cast<std::size_t>(graph.nodes[node].inputs[0]);
  return node;
}

std::int32_t most_of_node(const graph::Graph& graph, std::size_t node) {
  if (node != output_node(graph)) return most_value;
  switch (graph.nodes[node].op) {
    case Op::conv2d:
    case Op::linear:
    case Op::affine:
    case Op::add:
    case Op::global_avg_pool:
      return most_output;
    default:
      return most_value;
  }
}

}  // namespace package
}  // namespace automask
