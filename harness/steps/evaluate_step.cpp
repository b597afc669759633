// Stage evaluate: accuracy by the training framework on the trained network, where a runner does not tell it: methods
// that adapt at test time, masks over single weights, and networks with several sets under conditions that are not
// theirs.
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "harness/held_out.h"
#include "harness/steps/data.h"
#include "harness/steps/execute_results.h"
#include "hw_targets/package/package.h"
#include "methods/evaluate.h"
#include "methods/recipes/test_time.h"
#include "models/bundle.h"
#include "models/network.h"

namespace automask::harness::steps {
namespace {

constexpr double z_95 = 1.959963984540054;
constexpr double as_good = 0.5;  // points of top1 that a set may be below the right one

// Networks that serve conditions, one at a time, as LibTorch executes them.
class Sets {
 public:
  explicit Sets(const std::filesystem::path& folder) {
    if (models::holds_bundle(folder)) {
      const models::Bundle bundle = models::load_bundle(folder);
      names_ = bundle.conditions;
      for (const models::Checkpoint& member : bundle.members) add(member);
      read_estimator(bundle.estimator, folder);
    } else {
      const auto checkpoint = models::load_checkpoint(folder / "checkpoint.safetensors");
      names_ = checkpoint.conditions;
      add(checkpoint);
      read_estimator(checkpoint.estimator, folder);
    }
    input_ = networks_.front()->graph().input;
  }

  std::size_t size() const { return names_.size(); }
  const std::vector<std::string>& names() const { return names_; }
  bool predicts() const { return !estimator_.empty(); }
  const package::Estimator& estimator() const { return estimator_; }
  package::Estimate estimate(const std::uint8_t* picture) const {
    return package::decide(estimator_, package::estimator_scores(estimator_, package::statistics(picture, input_)));
  }

  // 1 for each picture that set k gives its class.
  std::vector<std::uint8_t> right(std::size_t k, const datasets::PictureSet& pictures) const {
    const std::size_t at = networks_.size() == 1 ? 0 : k;
    const int set = networks_.size() == 1 ? static_cast<int>(k) : 0;
    const std::vector<bool> right = methods::right_answers(*networks_[at], pictures, scalings_[at], set);
    return {right.begin(), right.end()};
  }

 private:
  void add(const models::Checkpoint& checkpoint) {
    networks_.push_back(std::make_unique<models::Network>(checkpoint));
    scalings_.push_back(checkpoint.input);
  }
  void read_estimator(const core::Json& json, const std::filesystem::path& folder) {
    if (!json.is_null() && !json.empty())
      estimator_ = package::estimator_from_json(json, names_.size(), folder.string());
  }

  std::vector<std::string> names_;
  std::vector<std::unique_ptr<models::Network>> networks_;  // one per set, or one with all sets
  std::vector<models::InputScaling> scalings_;
  package::Estimator estimator_;
  graph::Shape input_;
};

std::int64_t sum(const std::vector<std::uint8_t>& right) {
  std::int64_t hits = 0;
  for (const std::uint8_t one : right) hits += one;
  return hits;
}

// 100 x the mean of one value per picture in [0, 1], with the interval of a mean of independent values.
void add_expected(Outcome& outcome, const std::string& name, const std::string& condition,
                  const std::vector<double>& values) {
  const double n = static_cast<double>(values.size());
  double mean = 0, squares = 0;
  for (const double value : values) mean += value / n;
  for (const double value : values) squares += (value - mean) * (value - mean);
  const double half = n > 1 ? z_95 * std::sqrt(squares / (n - 1) / n) : 0;
  outcome.metrics.push_back({name, condition, 100 * mean, 100 * std::max(mean - half, 0.0),
                             100 * std::min(mean + half, 1.0), "measured", static_cast<std::int64_t>(values.size())});
}

class Evaluation {
 public:
  explicit Evaluation(const Context& context) : context_(context), parameters_(context.parameters()) {
    trained_ = parameters_.at("conditions").strings();
    tested_ = trained_;
    if (parameters_.has("held_out"))
      for (const std::string& condition : parameters_.at("held_out").strings()) tested_.push_back(condition);
    for (const std::string& name : trained_) shown_.push_back(corruptions::Condition::parse(name));
    threads_ = static_cast<int>(parameters_.at("threads").integer());
    at::set_num_threads(threads_);
  }

  Outcome run() {
    const auto folder = context_.input_folder("checkpoint", Stage::train);
    const bool alone = parameters_.has("method");  // no runner executes the network: this is its accuracy
    const std::string method = alone ? parameters_.at("method").at("method").string() : "";
    if (alone && methods::method_info(method).product == methods::Product::none) {
      const core::JsonCursor given = parameters_.at("method");
      core::Json options = given.value();
      for (const char* of_training : {"init", "backbone"}) options.erase(of_training);  // whose file is not here
      adapted(methods::MethodSpec::from_json({options, given.file(), given.pointer(), core::ExitCode::steps_failed},
                                             method, core::Json::object()),
              models::load_checkpoint(folder / "checkpoint.safetensors"));
      unsupported("it adapts to the test pictures, which no runner does");
    } else {
      const Sets sets(folder);
      for (std::size_t i = 0; i < tested_.size(); ++i) {
        context_.progress("evaluate", static_cast<double>(i), static_cast<double>(tested_.size()));
        end_if_stopped(context_);
        under(sets, tested_[i], pictures_of(tested_[i]), alone);
      }
      if (sets.predicts() && sets.estimator().frames > 1) stream(sets.estimator());
      if (alone) unsupported("no runner executes masks over single weights");
    }
    context_.progress("evaluate", static_cast<double>(tested_.size()), static_cast<double>(tested_.size()));
    return std::move(outcome_);
  }

 private:
  void unsupported(const std::string& why) {
    outcome_.details["run_state"] = "unsupported";
    outcome_.details["run_reason"] =
        "accuracy is the FP32 network's by the training framework, there is no latency: " + why;
  }

  bool held_out(const std::string& condition) const {
    return std::find(trained_.begin(), trained_.end(), condition) == trained_.end();
  }
  std::string metric(const std::string& condition) const {
    return held_out(condition) ? held_out_metric(trained_, condition) : "top1";
  }

  datasets::PictureSet pictures_of(const std::string& condition) const {
    auto pictures = datasets::read_picture_set(context_.input_folder("variant:" + condition, Stage::variant));
    const auto wanted = static_cast<std::size_t>(parameters_.integer_or("pictures", 0));
    if (wanted == 0 || wanted >= pictures.size()) return pictures;
    return datasets::spread(pictures, wanted);
  }

  void adapted(const methods::MethodSpec& spec, const models::Checkpoint& checkpoint) {
    for (std::size_t i = 0; i < tested_.size(); ++i) {
      context_.progress("evaluate", static_cast<double>(i), static_cast<double>(tested_.size()));
      const auto right = methods::adapted_answers(spec, checkpoint, pictures_of(tested_[i]), threads_, stop_requested);
      add_share(outcome_, metric(tested_[i]), tested_[i], sum(right), static_cast<std::int64_t>(right.size()),
                "measured");
    }
    adapted_to_validation(spec, checkpoint);
    const double none = std::numeric_limits<double>::quiet_NaN();
    outcome_.metrics.push_back({"adaptation_macs", "",
                                static_cast<double>(methods::adaptation_macs(spec, checkpoint.graph)), none, none,
                                "counted", 1});
  }

  void adapted_to_validation(const methods::MethodSpec& spec, const models::Checkpoint& checkpoint) {
    if (!parameters_.has("dataset")) return;
    const auto validation =
        load_or_read_split(context_, dataset_spec(context_), datasets::Split::validation, free_for_pictures());
    const auto seed = static_cast<std::uint64_t>(parameters_.at("seed").integer());
    for (const corruptions::Condition& condition : shown_) {
      const auto pictures = methods::validation_pictures(validation, condition, seed, threads_);
      const auto right = methods::adapted_answers(spec, checkpoint, pictures, threads_, stop_requested);
      add_share(outcome_, "adapted_validation_top1", condition.canonical(), sum(right),
                static_cast<std::int64_t>(right.size()), "measured");
    }
  }

  void under(const Sets& sets, const std::string& condition, const datasets::PictureSet& pictures, bool alone) {
    const std::size_t n = pictures.size(), count = sets.size();
    std::vector<std::vector<std::uint8_t>> right;
    std::vector<std::int64_t> hits;
    for (std::size_t k = 0; k < count; ++k) {
      right.push_back(sets.right(k, pictures));
      hits.push_back(sum(right.back()));
    }
    const auto oracle = static_cast<std::size_t>(set_for(sets.names(), condition));
    const auto pictures_count = static_cast<std::int64_t>(n);
    if (!held_out(condition))
      add_share(outcome_, "top1_reference", condition, hits[oracle], pictures_count, "measured");
    if (alone) add_share(outcome_, metric(condition), condition, hits[oracle], pictures_count, "measured");
    if (count < 2) return;

    // Of a corruption that training did not show, no set is the right one.
    const bool known = right_set(shown_, corruptions::Condition::parse(condition)).has_value();
    std::vector<double> random(n, 0), wrong(n, 0);
    const std::size_t own_sets = count - (sets.names().back() == "*" ? 1 : 0);  // a general one is nobody's
    for (std::size_t k = 0; k < own_sets; ++k)
      for (std::size_t i = 0; i < n; ++i) {
        random[i] += right[k][i] / static_cast<double>(own_sets);
        if (k != oracle && own_sets > 1) wrong[i] += right[k][i] / static_cast<double>(own_sets - 1);
      }
    add_expected(outcome_, "random_condition_top1", condition, random);
    if (known) add_expected(outcome_, "wrong_condition_top1", condition, wrong);
    if (!sets.predicts()) return;

    const std::int64_t best = known ? hits[oracle] : *std::max_element(hits.begin(), hits.end());
    std::int64_t own = 0, good = 0, predicted = 0;
    std::vector<package::Estimate> estimates;
    for (std::size_t i = 0; i < n; ++i) {
      const package::Estimate estimate = sets.estimate(pictures.picture(i).data());
      const auto taken = static_cast<std::size_t>(estimate.condition);
      estimates.push_back(estimate);
      own += taken == oracle;
      good += static_cast<double>(best - hits[taken]) <= as_good / 100 * static_cast<double>(n);
      predicted += right[taken][i];
    }
    add_share(outcome_, "estimator_good", condition, good, pictures_count, "measured");
    if (!held_out(condition) && sets.estimator().frames > 1)
      scenes_.push_back({std::move(estimates), std::move(right)});
    if (!alone) return;
    add_share(outcome_, "predicted_" + metric(condition), condition, predicted, pictures_count, "measured");
    if (!held_out(condition)) add_share(outcome_, "estimator_accuracy", condition, own, pictures_count, "measured");
  }

  // Frames as a camera delivers them whose condition changes every so often, by turns through the trained ones.
  void stream(const package::Estimator& estimator) {
    constexpr std::size_t frames_of_a_scene = 30;
    package::Hysteresis hysteresis(estimator);
    std::int64_t frames = 0, right = 0, right_alone = 0, switches = 0, switches_alone = 0;
    int current = -1, current_alone = -1;
    std::size_t shortest = scenes_.front().estimates.size();
    for (const Scene& scene : scenes_) shortest = std::min(shortest, scene.estimates.size());
    for (std::size_t first = 0; first < shortest; first += frames_of_a_scene)
      for (const Scene& scene : scenes_)
        for (std::size_t i = first; i < std::min(first + frames_of_a_scene, shortest); ++i, ++frames) {
          const int taken = hysteresis.next(scene.estimates[i]), alone = scene.estimates[i].condition;
          right += scene.right[static_cast<std::size_t>(taken)][i];
          right_alone += scene.right[static_cast<std::size_t>(alone)][i];
          switches += current >= 0 && taken != current;
          switches_alone += current_alone >= 0 && alone != current_alone;
          current = taken;
          current_alone = alone;
        }
    add_share(outcome_, "stream_top1", "", right, frames, "measured");
    add_share(outcome_, "stream_frame_top1", "", right_alone, frames, "measured");
    const double none = std::numeric_limits<double>::quiet_NaN();
    for (const auto& [name, count] :
         {std::pair{"stream_switches", switches}, {"stream_frame_switches", switches_alone}})
      outcome_.metrics.push_back(
          {name, "", 100.0 * static_cast<double>(count) / static_cast<double>(frames), none, none, "measured", frames});
  }

  // Of a trained condition: what the estimator says of each picture, and which sets are right on it.
  struct Scene {
    std::vector<package::Estimate> estimates;
    std::vector<std::vector<std::uint8_t>> right;
  };

  const Context& context_;
  core::JsonCursor parameters_;
  std::vector<Scene> scenes_;
  std::vector<std::string> trained_, tested_;
  std::vector<corruptions::Condition> shown_;
  int threads_ = 1;
  Outcome outcome_;
};

}  // namespace

Outcome run_evaluate(const Context& context) { return Evaluation(context).run(); }

}  // namespace automask::harness::steps
