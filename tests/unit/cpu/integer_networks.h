#pragma once
// Networks on integers with random weights and requantisations, and random graphs of every operator.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "hw_targets/package/integer.h"

namespace automask::cpu {

// Values spread over all of [-127, 127], sometimes beyond; `odd` adds requantisations that no compiler would choose:
// multipliers of 0 and of both signs, the shifts 0 and 46.
inline package::IntegerNetwork random_integers(const graph::Graph& graph, unsigned seed, bool odd) {
  std::mt19937 random(seed);
  const auto number = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
  const auto factor = [&](double about) {
    package::Requantisation r = package::requantisation_of(about * (0.5 + number(0, 1000) / 500.0));
    if (!odd) return r;
    switch (number(0, 12)) {
      case 0:
        r.multiplier = 0;
        break;
      case 1:
        r.shift = number(0, 1) == 0 ? 0 : package::most_shift;
        break;
      case 2:
        r.multiplier = static_cast<std::int16_t>(-r.multiplier);
        break;
      default:
        break;
    }
    return r;
  };
  package::IntegerNetwork network;
  network.graph = graph;
  const auto shapes = graph::infer_shapes(graph);
  network.integers.scale.assign(shapes.size(), 0.043F);
  const bool negative_input = number(0, 3) > 0;
  for (int i = 0; i < graph.input.channels * 256; ++i)
    network.input_table.push_back(static_cast<std::int8_t>(number(negative_input ? -127 : 0, 127)));
  for (std::size_t i = 1; i < shapes.size(); ++i) {
    const graph::Node& node = graph.nodes[i];
    const graph::Shape in = shapes[static_cast<std::size_t>(node.inputs[0])], out = shapes[i];
    auto& factors = network.integers.of_node[node.name];
    switch (node.op) {
      case graph::Op::conv2d:
      case graph::Op::linear: {
        const graph::Attributes& a = node.attributes;
        const int fan_in = node.op == graph::Op::linear ? in.channels * in.height * in.width
                                                        : in.channels / a.groups * a.kernel_h * a.kernel_w;
        auto& weights = network.weights[node.name];
        for (int w = 0; w < out.channels * fan_in; ++w)
          weights.push_back(
              static_cast<std::int8_t>(number(0, 40) == 0 ? (number(0, 1) ? 127 : -127) : number(-127, 127)));
        const double spread = 73 * 60 * std::sqrt(fan_in);
        for (int c = 0; c < out.channels; ++c) {
          factors.push_back(factor(60 / spread));
          factors.back().bias = static_cast<std::int32_t>(spread * number(-100, 100) / 100.0);
        }
        break;
      }
      case graph::Op::affine:
        for (int c = 0; c < out.channels; ++c) {
          factors.push_back(factor(1.0 / 256));
          factors.back().bias = number(-30000, 30000);
        }
        break;
      case graph::Op::relu6:
        factors.resize(1);
        factors[0].bias = number(0, 127);
        break;
      case graph::Op::global_avg_pool:
        factors.push_back(factor(1.0 / (in.height * in.width)));
        break;
      case graph::Op::add: {
        const int shift = odd && number(0, 4) == 0 ? number(0, package::most_shift) : 15;
        for (std::size_t k = 0; k < node.inputs.size(); ++k) {
          factors.emplace_back();
          factors.back().multiplier = static_cast<std::int16_t>(number(odd ? -32767 : 8000, 32767));
          factors.back().shift = static_cast<std::uint8_t>(shift);
        }
        break;
      }
      default:
        network.integers.of_node.erase(node.name);
    }
  }
  return network;
}

// Some 4 to 20 nodes; every operator, odd sizes, any channel counts.
inline graph::Graph random_graph(unsigned seed) {
  std::mt19937 random(seed);
  const auto number = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
  graph::Graph graph;
  graph.name = "random";
  graph.input = {number(1, 4), number(5, 19), number(5, 19)};
  graph.add("input", graph::Op::input, {});
  const auto add = [&](graph::Op op, std::vector<int> from, graph::Attributes a = {}) {
    return graph.add("n" + std::to_string(graph.nodes.size()), op, std::move(from), a);
  };
  const auto shape = [&](int node) { return graph::infer_shapes(graph)[static_cast<std::size_t>(node)]; };
  const auto any_activation = [&](int from) {
    const int which = number(0, 3);
    return which == 0 ? from : add(which == 1 ? graph::Op::relu6 : graph::Op::relu, {from});
  };
  const auto conv = [&](int from, int channels, int kernel_h, int kernel_w, bool keeps) {
    const graph::Shape in = shape(from);
    graph::Attributes a;
    a.out_channels = channels;
    a.kernel_h = kernel_h;
    a.kernel_w = kernel_w;
    if (keeps) {
      a.pad_top = a.pad_bottom = kernel_h / 2;
      a.pad_left = a.pad_right = kernel_w / 2;
    } else {
      a.dilation_h = number(1, 2);
      a.dilation_w = number(1, 2);
      a.stride_h = number(1, 3);
      a.stride_w = number(1, 2);
      a.pad_top = number(0, 2);
      a.pad_left = number(0, 3);
      a.pad_bottom = number(0, 2);
      a.pad_right = number(0, 2);
      if (in.height + a.pad_top + a.pad_bottom < (kernel_h - 1) * a.dilation_h + 1) a.pad_bottom += 8;
      if (in.width + a.pad_left + a.pad_right < (kernel_w - 1) * a.dilation_w + 1) a.pad_right += 8;
    }
    const int kind = number(0, 4);
    if (kind == 0 && !keeps) {
      a.groups = a.out_channels = in.channels;
    } else if (kind == 1) {
      for (int g = 8; g > 1; --g)
        if (in.channels % g == 0 && a.out_channels % g == 0) {
          a.groups = g;
          break;
        }
    }
    return add(graph::Op::conv2d, {from}, a);
  };
  int x = 0;
  for (int steps = number(2, 7); steps-- > 0;) {
    const graph::Shape in = shape(x);
    switch (number(0, 9)) {
      case 0:
      case 1:
      case 2:
        x = any_activation(conv(x, number(1, 70), number(1, 5), number(1, 5), false));
        break;
      case 3: {  // residual block
        const int first = any_activation(conv(x, number(1, 40), 3, 3, true));
        int second = conv(first, in.channels, 1, 3, true);
        if (number(0, 2) == 0) second = any_activation(second);
        const int other = number(0, 1) ? x : conv(x, in.channels, 1, 1, true);
        x = any_activation(
            add(graph::Op::add, number(0, 1) ? std::vector<int>{second, other} : std::vector<int>{other, second}));
        break;
      }
      case 4:
      case 5: {
        graph::Attributes a;
        a.kernel_h = std::min(number(1, 4), in.height);
        a.kernel_w = std::min(number(1, 4), in.width);
        a.stride_h = number(1, 3);
        a.stride_w = number(1, 3);
        a.pad_top = number(0, a.kernel_h - 1);
        a.pad_left = number(0, a.kernel_w - 1);
        a.pad_bottom = number(0, a.kernel_h - 1);
        a.pad_right = number(0, a.kernel_w - 1);
        a.ceil_mode = number(0, 1);
        const bool average = number(0, 1);
        a.count_include_pad = average && number(0, 1);
        x = add(average ? graph::Op::avg_pool : graph::Op::max_pool, {x}, a);
        break;
      }
      case 6: {
        const int other = any_activation(conv(x, number(1, 20), 3, 1, true));
        x = add(graph::Op::concat, {other, x, x});
        break;
      }
      case 7:
        x = any_activation(add(graph::Op::affine, {x}));
        break;
      case 8: {
        const int a = conv(x, in.channels, 3, 3, true), b = add(graph::Op::relu, {x});
        x = add(graph::Op::add, {a, x, b});
        break;
      }
      default:
        x = add(number(0, 1) ? graph::Op::relu : graph::Op::dropout, {x});
    }
  }
  const int ending = number(0, 5);
  if (ending == 0) return graph;
  if (ending != 1) x = add(graph::Op::global_avg_pool, {x});
  if (ending == 2) return graph;
  x = add(graph::Op::flatten, {x});
  graph::Attributes a;
  a.out_channels = number(1, 40);
  x = add(graph::Op::linear, {x}, a);
  if (ending == 3) {
    x = add(graph::Op::linear, {any_activation(x)}, a);
    add(graph::Op::softmax, {x});
  }
  return graph;
}

}  // namespace automask::cpu
