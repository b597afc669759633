#include "methods/estimator.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"
#include "core/hash.h"
#include "core/parallel.h"
#include "core/philox.h"
#include "core/shuffle.h"
#include "corruptions/variant.h"
#include "methods/training/feed.h"

namespace automask::methods {
namespace {

// A statistic's deviation over the training views is worth so many steps of the s8 input: +-4 deviations fit.
constexpr double steps_per_deviation = 32;
constexpr std::size_t batch_size = 64;
constexpr double learning_rate = 0.01;  // Adam's (Kingma and Ba, 2015), falling to 0 as a cosine
constexpr double first_memory = 0.9, second_memory = 0.999, tiny = 1e-8;
constexpr double weight_decay = 1e-4;  // of the loss: half of the squared weights
// The largest score seen in training is worth so much, so that unseen pictures have room.
constexpr double largest_score = package::most_output / 2;

core::RandomStream stream(std::uint64_t seed, const std::string& purpose) {
  return core::RandomStream(seed, core::hash64("estimator " + purpose));
}

using Numbers = std::vector<double>;

// A linear layer's parameters, [outputs, inputs] and [outputs] in one vector, and Adam's moments of them.
struct Layer {
  std::size_t inputs, outputs;
  Numbers values, gradient, first, second;

  Layer(std::size_t in, std::size_t out, core::RandomStream random) : inputs(in), outputs(out) {
    const std::size_t count = (in + 1) * out;
    values.resize(count), gradient.resize(count), first.resize(count), second.resize(count);
    for (std::size_t i = 0; i < in * out; ++i) values[i] = random.normal() * std::sqrt(2.0 / static_cast<double>(in));
  }
  const double* row(std::size_t o) const { return values.data() + o * inputs; }
  double bias(std::size_t o) const { return values[outputs * inputs + o]; }

  void forward(const double* x, double* y) const {
    for (std::size_t o = 0; o < outputs; ++o) {
      double sum = bias(o);
      for (std::size_t i = 0; i < inputs; ++i) sum += row(o)[i] * x[i];
      y[o] = sum;
    }
  }
  // Adds to the gradient; the loss' gradient of x to `back` unless that is null.
  void backward(const double* x, const double* of_output, double* back) {
    for (std::size_t o = 0; o < outputs; ++o) {
      const double g = of_output[o];
      if (g == 0) continue;
      double* into = gradient.data() + o * inputs;
      for (std::size_t i = 0; i < inputs; ++i) into[i] += g * x[i];
      gradient[outputs * inputs + o] += g;
      if (back != nullptr)
        for (std::size_t i = 0; i < inputs; ++i) back[i] += g * row(o)[i];
    }
  }
  void adam(double rate, std::int64_t step) {
    const double unbias_first = 1 - std::pow(first_memory, step), unbias_second = 1 - std::pow(second_memory, step);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double g = gradient[i] + (i < inputs * outputs ? weight_decay * values[i] : 0);
      first[i] = first_memory * first[i] + (1 - first_memory) * g;
      second[i] = second_memory * second[i] + (1 - second_memory) * g * g;
      values[i] -= rate * (first[i] / unbias_first) / (std::sqrt(second[i] / unbias_second) + tiny);
      gradient[i] = 0;
    }
  }
};

std::vector<package::Requantisation> standardisation(const StatisticsSet& set) {
  std::vector<package::Requantisation> all;
  const auto n = static_cast<double>(set.statistics.size());
  for (std::size_t j = 0; j < package::statistic_count; ++j) {
    double sum = 0, squares = 0;
    for (const auto& row : set.statistics) {
      sum += row[j];
      squares += static_cast<double>(row[j]) * row[j];
    }
    const double mean = sum / n, deviation = std::sqrt(std::max(squares / n - mean * mean, 0.0));
    // Below a step's worth of variation there is nothing to see.
    all.push_back(package::requantisation_of(steps_per_deviation / std::max(deviation, 1.0)));
    all.back().bias = -static_cast<std::int32_t>(std::floor(mean + 0.5));
  }
  return all;
}

// The network's input, one row per view, in deviations; exactly what the integers will see.
Numbers standardised(const StatisticsSet& set, const std::vector<package::Requantisation>& by) {
  Numbers x;
  x.reserve(set.statistics.size() * by.size());
  for (const auto& row : set.statistics)
    for (std::size_t j = 0; j < by.size(); ++j)
      x.push_back(package::requantised(row[j], by[j], package::most_value) / steps_per_deviation);
  return x;
}

struct Mlp {
  Layer hidden, output;

  // Scores of one view.
  void forward(const double* x, Numbers& h, Numbers& s) const {
    hidden.forward(x, h.data());
    for (double& value : h) value = std::max(value, 0.0);
    output.forward(h.data(), s.data());
  }
};

// Cross entropy on shuffled batches.
void fit(Mlp& mlp, const Numbers& x, const std::vector<int>& labels, const std::vector<Aim>& aims, int epochs,
         core::RandomStream random) {
  const std::size_t inputs = mlp.hidden.inputs, count = labels.size();
  const std::size_t batches = (count + batch_size - 1) / batch_size;
  const auto steps = static_cast<double>(batches * static_cast<std::size_t>(epochs));
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  Numbers h(mlp.hidden.outputs), s(mlp.output.outputs), of_hidden(h.size());
  std::int64_t step = 0;
  for (int epoch = 0; epoch < epochs; ++epoch) {
    core::shuffle(order, random);
    for (std::size_t begin = 0; begin < count; begin += batch_size) {
      const std::size_t end = std::min(begin + batch_size, count);
      for (std::size_t b = begin; b < end; ++b) {
        const double* view = x.data() + order[b] * inputs;
        mlp.forward(view, h, s);
        const double most = *std::max_element(s.begin(), s.end());
        double sum = 0;
        for (double& score : s) sum += score = std::exp(score - most);
        const Aim& aim = aims[static_cast<std::size_t>(labels[order[b]])];
        for (std::size_t k = 0; k < s.size(); ++k)
          s[k] = aim.weight * (s[k] / sum - aim.shares[k]) / static_cast<double>(end - begin);
        std::fill(of_hidden.begin(), of_hidden.end(), 0.0);
        mlp.output.backward(h.data(), s.data(), of_hidden.data());
        for (std::size_t i = 0; i < h.size(); ++i)
          if (h[i] <= 0) of_hidden[i] = 0;
        mlp.hidden.backward(view, of_hidden.data(), nullptr);
      }
      const double rate = learning_rate * 0.5 * (1 + std::cos(M_PI * static_cast<double>(step) / steps));
      ++step;
      mlp.hidden.adam(rate, step);
      mlp.output.adam(rate, step);
    }
  }
}

// Weights to s8 per output; an accumulator step becomes `input_step` times the weight's, an output step `output_step`.
package::EstimatorLayer quantised(const Layer& layer, double input_step, double output_step) {
  package::EstimatorLayer result;
  for (std::size_t o = 0; o < layer.outputs; ++o) {
    double most = 1e-6;  // a unit without weights still has its bias
    for (std::size_t i = 0; i < layer.inputs; ++i) most = std::max(most, std::abs(layer.row(o)[i]));
    const double weight_step = most / package::most_value, accumulator_step = weight_step * input_step;
    for (std::size_t i = 0; i < layer.inputs; ++i)
      result.weights.push_back(static_cast<std::int8_t>(std::floor(layer.row(o)[i] / weight_step + 0.5)));
    package::Requantisation r = package::requantisation_of(std::min(accumulator_step / output_step, 32767.0));
    const double most_bias = package::most_bias;
    r.bias = static_cast<std::int32_t>(
        std::floor(std::clamp(layer.bias(o) / accumulator_step, -most_bias, most_bias) + 0.5));
    result.requantisation.push_back(r);
  }
  return result;
}

}  // namespace

StatisticsSet collect_statistics(const StatisticsPlan& plan) {
  const datasets::PictureSet& set = *plan.pictures;
  const std::size_t conditions = plan.conditions.size(), count = set.size();
  const std::vector<std::uint32_t> order = epoch_order(plan.seed, 0, count);
  StatisticsSet result;
  result.statistics.resize(plan.views * conditions);
  result.labels.resize(plan.views * conditions);
  core::parallel_for(plan.views, plan.threads, [&](std::size_t view) {
    if (plan.stop_requested && plan.stop_requested())
      throw core::Error(core::ExitCode::interrupted, "the estimator's training", "was stopped",
                        "run again to continue from there");
    corruptions::VariantOptions options;
    options.seed = plan.seed;
    options.split = plan.split;
    options.view = plan.first_view + static_cast<std::uint32_t>(view / count);
    std::vector<std::uint8_t> picture(set.picture_bytes()), memory;
    const auto clean = set.picture(order[view % count], memory);
    for (std::size_t k = 0; k < conditions; ++k) {
      corruptions::corrupt_pixels(set, order[view % count], clean.data(), plan.conditions[k], options, picture.data());
      const std::size_t at = view * conditions + k;
      result.statistics[at] = package::statistics(picture.data(), {set.channels, set.height, set.width});
      result.labels[at] = static_cast<int>(k);
    }
  });
  return result;
}

package::Estimator train_estimator(const StatisticsSet& set, std::size_t sets, const EstimatorOptions& options,
                                   int fallback, std::uint64_t seed, const std::vector<Aim>& others) {
  if (sets < 2 || set.statistics.empty())
    throw core::Error(core::ExitCode::internal, "the estimator", "has nothing to choose from");
  std::vector<Aim> aims(sets, {Numbers(sets, 0.0), 1});
  for (std::size_t k = 0; k < sets; ++k) aims[k].shares[k] = 1;
  aims.insert(aims.end(), others.begin(), others.end());
  package::Estimator estimator;
  estimator.input = standardisation(set);
  const Numbers x = standardised(set, estimator.input);
  const auto units = static_cast<std::size_t>(options.hidden);
  Mlp mlp{Layer(package::statistic_count, units, stream(seed, "hidden")), Layer(units, sets, stream(seed, "output"))};
  fit(mlp, x, set.labels, aims, options.epochs, stream(seed, "order"));

  double most_hidden = 1e-6, most_score = 1e-6;
  Numbers h(units), s(sets);
  for (std::size_t i = 0; i < set.statistics.size(); ++i) {
    mlp.forward(x.data() + i * package::statistic_count, h, s);
    for (const double value : h) most_hidden = std::max(most_hidden, value);
    for (const double value : s) most_score = std::max(most_score, std::abs(value));
  }
  const double hidden_step = most_hidden / package::most_value, score_step = most_score / largest_score;
  estimator.hidden = quantised(mlp.hidden, 1 / steps_per_deviation, hidden_step);
  estimator.output = quantised(mlp.output, hidden_step, score_step);
  estimator.fallback = fallback;
  const auto in_steps = [&](double nats) {
    return static_cast<std::int32_t>(std::min(std::floor(nats / score_step + 0.5), 2.0 * package::most_output));
  };
  estimator.margin = in_steps(options.margin);
  estimator.frames = options.hysteresis_frames;
  if (options.hysteresis_lead > 0) estimator.lead = in_steps(options.hysteresis_lead);
  return estimator;
}

std::vector<double> estimator_accuracy(const package::Estimator& estimator, const StatisticsSet& set) {
  std::vector<std::int64_t> right(estimator.conditions()), all(estimator.conditions());
  for (std::size_t i = 0; i < set.statistics.size(); ++i) {
    const auto label = static_cast<std::size_t>(set.labels[i]);
    const auto picked = package::decide(estimator, package::estimator_scores(estimator, set.statistics[i]));
    right[label] += picked.condition == set.labels[i];
    ++all[label];
  }
  std::vector<double> percent;
  for (std::size_t k = 0; k < right.size(); ++k)
    percent.push_back(all[k] == 0 ? 0 : 100.0 * static_cast<double>(right[k]) / static_cast<double>(all[k]));
  return percent;
}

}  // namespace automask::methods
