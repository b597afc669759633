#pragma once
// Looks at a picture and picks the condition that it was taken under: integer statistics of the u8 picture at network
// size and a tiny MLP under the rules of integer.h, so that every runner picks the same (docs/package.md, section 11).
// C++14.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "graph/graph.h"
#include "hw_targets/package/integer.h"

namespace automask {
namespace package {

constexpr std::size_t statistic_count = 16;
constexpr int statistics_version = 1;  // of their definition; stored beside the weights
constexpr std::size_t most_hidden = 1024;
constexpr int most_frames = 1000;

// Of a picture u8 [H, W, C], C 1 or 3, of any size from 1 x 1; each lies within [-4096, 4096]. Throws
// std::invalid_argument for other shapes.
std::vector<std::int32_t> statistics(const std::uint8_t* picture, const graph::Shape& shape);

// 256 log2(1 + value), interpolated linearly between powers of two: the scale of most statistics.
std::int32_t log_scale(std::uint64_t value);

// Accumulators of a linear layer, requantised per output.
struct EstimatorLayer {
  std::vector<std::int8_t> weights;  // [outputs, inputs], in [-127, 127]
  std::vector<Requantisation> requantisation;
  bool operator==(const EstimatorLayer& o) const { return weights == o.weights && requantisation == o.requantisation; }
};

struct Estimator {
  std::vector<Requantisation> input;  // per statistic; the results are clamped at 127
  EstimatorLayer hidden;              // clamped at 127, then ReLU
  EstimatorLayer output;              // one per condition, clamped at most_output, all on one scale
  std::int32_t margin = 0;            // where the best score leads by less, the fallback is taken
  int fallback = 0;                   // index of a condition
  // For pictures that follow each other; 1 frame: each is judged alone.
  int frames = 1;
  std::int32_t lead = 2 * most_output;

  bool empty() const { return input.empty(); }  // a package without one
  std::size_t conditions() const { return output.requantisation.size(); }
  bool operator==(const Estimator& o) const {
    return input == o.input && hidden == o.hidden && output == o.output && margin == o.margin &&
           fallback == o.fallback && frames == o.frames && lead == o.lead;
  }
};

struct Estimate {
  int condition = 0;
  std::int32_t lead = 0;  // of the best score over the next, at least 0
};

// One score per condition. The first of equal scores is the best.
std::vector<std::int32_t> estimator_scores(const Estimator& estimator, const std::vector<std::int32_t>& statistics);
Estimate decide(const Estimator& estimator, const std::vector<std::int32_t>& scores);
// All of it, for one picture.
int estimate(const Estimator& estimator, const std::uint8_t* picture, const graph::Shape& shape);

// For pictures that follow each other: a condition is left when the same other one was estimated `frames` times in a
// row, or once with a lead of `lead` at least. The state is the caller's, so that the network has none.
class Hysteresis {
 public:
  Hysteresis(int frames, std::int32_t lead) : frames_(frames), lead_(lead) {}
  explicit Hysteresis(const Estimator& estimator) : Hysteresis(estimator.frames, estimator.lead) {}
  int next(const Estimate& estimate);  // the condition to execute this picture under

 private:
  int frames_;
  std::int32_t lead_;
  int current_ = -1;  // before the first picture
  int rival_ = -1, wins_ = 0;
};

}  // namespace package
}  // namespace automask
