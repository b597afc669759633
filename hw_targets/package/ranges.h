#pragma once
// What decides the scales of an INT8 network's values, shared by the compiler and by training that simulates it. Graphs
// may have affine nodes that are not folded yet. C++14.
#include <vector>

#include "graph/graph.h"
#include "hw_targets/package/integer.h"

namespace automask {
namespace package {

// Logits of other pictures may be larger than calibration's; 32767 steps leave room for this factor.
constexpr double output_margin = 4;

// Which nodes' values share a scale: the first node of each node's class.
std::vector<int> scale_classes(const graph::Graph& graph);

// A value that only activations read is never seen below 0 or beyond their limit: its own range doesn't count.
std::vector<bool> ranges_that_count(const graph::Graph& graph);

// The range with the least mean squared error after rounding and clipping, from a histogram of absolute values: bin i
// counts those in [i, i + 1) * largest / bins.
double least_error_range(const std::vector<double>& histogram, double largest);

// The largest absolute value that a u8 level can become; 1 where all become 0.
double input_range(const std::vector<float>& mean, const std::vector<float>& deviation);

// factor * accumulator + offset, both in steps of the output, as requantisation. Throws std::invalid_argument where
// |factor| >= 2^15 or is no number.
Requantisation requantisation_of(double factor, double offset);

// The summands' factors of an add whose inputs' steps are worth `in`: one shift for all.
std::vector<Requantisation> summands_of(const std::vector<double>& in, double out);

// Per node: the conv2d or linear node that an affine is folded into when a condition is executed, else -1.
std::vector<int> folded_into(const graph::Graph& graph);

}  // namespace package
}  // namespace automask
