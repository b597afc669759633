#include "hw_targets/package/ranges.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

namespace automask {
namespace package {

std::vector<int> scale_classes(const graph::Graph& graph) {
  std::vector<int> parent(graph.nodes.size());
  std::iota(parent.begin(), parent.end(), 0);
  const auto root = [&](int i) {
    while (parent[static_cast<std::size_t>(i)] != i) i = parent[static_cast<std::size_t>(i)];
    return i;
  };
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    if (shares_scale(graph.nodes[i].op))
      for (const int input : graph.nodes[i].inputs) {
        const int a = root(static_cast<int>(i)), b = root(input);
        parent[static_cast<std::size_t>(std::max(a, b))] = std::min(a, b);
      }
  for (std::size_t i = 0; i < parent.size(); ++i) parent[i] = root(static_cast<int>(i));
  return parent;
}

std::vector<bool> ranges_that_count(const graph::Graph& graph) {
  std::vector<bool> counts(graph.nodes.size(), true);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    bool read = false, other = false;
    for (const graph::Node& node : graph.nodes)
      for (const int input : node.inputs)
        if (input == static_cast<int>(i)) {
          read = true;
          other = other || (node.op != graph::Op::relu && node.op != graph::Op::relu6);
        }
    counts[i] = !read || other;
  }
  return counts;
}

double least_error_range(const std::vector<double>& histogram, double largest) {
  const double width = largest / static_cast<double>(histogram.size());
  double best = largest, least = -1;
  for (int share = 100; share >= 10; --share) {
    const double range = largest * share / 100, step = range / package::most_value;
    double error = 0;
    for (std::size_t i = 0; i < histogram.size(); ++i) {
      const double centre = width * (static_cast<double>(i) + 0.5);
      const double distance = centre - step * std::min(std::round(centre / step), double{package::most_value});
      error += histogram[i] * distance * distance;
    }
    if (least < 0 || error < least) {
      least = error;
      best = range;
    }
  }
  return best;
}

double input_range(const std::vector<float>& mean, const std::vector<float>& deviation) {
  double most = 0;
  for (std::size_t c = 0; c < mean.size(); ++c)
    for (const double level : {0.0, 255.0}) most = std::max(most, std::abs((level / 255 - mean[c]) / deviation[c]));
  return most > 0 ? most : 1;
}

Requantisation requantisation_of(double factor, double offset) {
  // A bias beyond 2^30 accumulator steps belongs to a channel whose products hardly count: they are scaled up to what
  // the bias allows, by less than 1 / 64 of it.
  const double least = std::abs(offset) / most_bias;
  if (std::abs(factor) < least) factor = factor < 0 ? -least : least;
  Requantisation r = requantisation_of(factor);
  if (r.multiplier == 0) return r;
  const double bias = std::round(std::ldexp(offset / r.multiplier, r.shift));
  r.bias = static_cast<std::int32_t>(
      std::max(std::min(bias, static_cast<double>(most_bias)), -static_cast<double>(most_bias)));
  return r;
}

// The largest summand's multiplier has 15 bits, the others its shift.
std::vector<Requantisation> summands_of(const std::vector<double>& in, double out) {
  const Requantisation largest = requantisation_of(*std::max_element(in.begin(), in.end()) / out);
  std::vector<Requantisation> list;
  for (const double scale : in) {
    Requantisation r;
    r.shift = largest.shift;
    r.multiplier = static_cast<std::int16_t>(std::min(std::round(std::ldexp(scale / out, largest.shift)), 32767.0));
    list.push_back(r);
  }
  return list;
}

}  // namespace package
}  // namespace automask
