#include "methods/trainer.h"

#include <ATen/ATen.h>
#include <torch/utils.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <thread>

#include "core/atomic_file.h"
#include "core/error.h"
#include "corruptions/variant.h"
#include "methods/evaluate.h"
#include "methods/feed.h"
#include "methods/objective.h"
#include "methods/schedule.h"
#include "methods/scorer.h"
#include "methods/sgd.h"
#include "models/network.h"
#include "models/safetensors.h"

namespace automask::methods {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* state_file = "state.safetensors";
constexpr const char* state_key = "automask.training";
// Running statistics are averaged anew over so many batches with the final weights.
constexpr std::int64_t recalibration_batches = 20;
constexpr std::int64_t loss_points = 20;

[[noreturn]] void fail(const std::string& where, const std::string& problem, const std::string& remedy) {
  throw core::Error(core::ExitCode::steps_failed, where, problem, remedy);
}

// Mean and deviation per channel over the clean training pictures; sums of integers, so exact in any order.
models::InputScaling scaling_of(const datasets::PictureSet& set) {
  std::vector<std::uint64_t> sum(set.channels), squares(set.channels);
  for (std::size_t i = 0; i < set.pixels.size(); ++i) {
    const std::uint64_t value = set.pixels[i];
    sum[i % set.channels] += value;
    squares[i % set.channels] += value * value;
  }
  models::InputScaling scaling;
  const double count = double(set.pixels.size()) / set.channels;
  for (int c = 0; c < set.channels; ++c) {
    const double mean = double(sum[c]) / count;
    const double variance = std::max(double(squares[c]) / count - mean * mean, 1.0);
    scaling.mean.push_back(static_cast<float>(mean / 255));
    scaling.deviation.push_back(static_cast<float>(std::sqrt(variance) / 255));
  }
  return scaling;
}

void check(const TrainJob& job) {
  const std::string where = "training " + job.spec.name;
  if (!job.train || job.train->size() == 0)
    fail(where, "there are no training pictures", "check the data set's limits");
  if (job.conditions.empty()) fail(where, "there are no conditions", "name at least \"clean\"");
  const std::vector<graph::Shape> shapes = graph::infer_shapes(job.graph);
  const graph::Shape& in = job.graph.input;
  if (in.channels != job.train->channels || in.height != job.train->height || in.width != job.train->width)
    fail(where, "pictures and network input differ in size", "build the model for the data set's input");
  const auto [low, high] = std::minmax_element(job.train->labels.begin(), job.train->labels.end());
  if (*low < 0 || *high >= shapes.back().channels)
    fail(where, "a label is outside the network's " + std::to_string(shapes.back().channels) + " classes",
         "build the model for the data set's classes");
}

class Trainer {
 public:
  Trainer(const TrainJob& job, const Recipe& recipe)
      : job_(job),
        recipe_(recipe),
        graph_(recipe.graph.value_or(job.graph)),
        schedule_(job.spec.train, job.train->size(), job.spec.mac_budget),
        masked_(recipe.masked && job.spec.mac_budget < 1 && recipe.fixed_masks.empty()),
        weights_(job.spec.weights_of(recipe.conditions)),
        network_(graph_, {sets_of(recipe), recipe.shared_normalisation}, job.seed),
        optimizer_(network_, job.spec.train.momentum, job.spec.train.weight_decay),
        objective_(recipe.objective ? recipe.objective(job) : std::make_unique<Objective>(job.spec)),
        scorer_(scorer_of(recipe)),
        ramp_cut_(graph_, network_.groups(), 1),
        final_cut_(graph_, network_.groups(), job.spec.lanes),
        scaling_(job.preprocessing ? job.preprocessing->scaling : scaling_of(*job.train)),
        losses_(loss_points) {
    if (masked_) final_cut_.require(job.spec.mac_budget);
    for (int k = 0; k < network_.conditions() && !recipe.fixed_masks.empty(); ++k)
      network_.set_mask(k, recipe.fixed_masks[recipe.fixed_masks.size() == 1 ? 0 : static_cast<std::size_t>(k)]);
  }

  models::Checkpoint run() {
    restore();
    last_save_ = last_report_ = Clock::now();
    train();
    recalibrate();
    return result();
  }

 private:
  static int sets_of(const Recipe& recipe) {
    if (recipe.own_sets) return static_cast<int>(recipe.conditions.size());
    return std::max(static_cast<int>(recipe.set_names.size()), 1);
  }
  std::unique_ptr<Scorer> scorer_of(const Recipe& recipe) const {
    const std::int64_t steps = schedule_.freeze_step();
    if (recipe.scorer) return recipe.scorer(network_.groups(), network_.conditions(), steps, job_.seed);
    return make_scorer(job_.spec.scorer, network_.groups(), network_.conditions(), steps, job_.seed);
  }
  FeedPlan plan() const {
    FeedPlan plan{job_.train, recipe_.conditions, recipe_.own_sets, job_.spec.train.batch, job_.seed, {}, {}};
    if (!job_.spec.frequencies.empty()) plan.frequencies = weights_;
    plan.extra_views = recipe_.extra_views;
    return plan;
  }
  Shown shown(const Part& part, double pictures) const;
  std::vector<std::string> set_names() const;
  int workers() const {
    const int cores = static_cast<int>(std::thread::hardware_concurrency());
    return std::clamp(cores - job_.spec.train.threads, 1, 8);
  }

  void train();
  double forward_backward(const Batch& batch);
  void cut_masks();
  void recalibrate();
  models::Checkpoint result();
  void report(const char* phase, double loss, std::size_t pictures);
  [[noreturn]] void interrupted() const;

  core::Json identity() const;
  void save();
  void restore();
  std::filesystem::path state_path() const { return job_.work_folder / state_file; }

  const TrainJob& job_;
  const Recipe& recipe_;
  graph::Graph graph_;
  Schedule schedule_;
  bool masked_;
  std::vector<double> weights_;  // p_k per condition of the recipe
  models::Network network_;
  FlatSgd optimizer_;
  std::unique_ptr<Objective> objective_;
  std::unique_ptr<Scorer> scorer_;
  BudgetCut ramp_cut_, final_cut_;
  models::InputScaling scaling_;
  std::int64_t step_ = 0;
  struct Mean {
    double sum = 0;
    std::int64_t count = 0;
  };
  std::vector<Mean> losses_;  // over equal stretches of the training
  Clock::time_point last_save_, last_report_;
  std::size_t pictures_since_report_ = 0;
};

Shown Trainer::shown(const Part& part, double pictures) const {
  const auto count = static_cast<std::int64_t>(part.labels.size());
  Shown shown;
  shown.condition = part.condition;
  shown.views.push_back(input_of(part.pixels.data(), count, *job_.train, scaling_));
  for (const auto& extra : part.extra) shown.views.push_back(input_of(extra.data(), count, *job_.train, scaling_));
  shown.labels = at::tensor(part.labels);
  shown.pictures = pictures;
  // A mixed part was drawn by the frequencies already.
  shown.weight = recipe_.own_sets ? weights_[part.condition] * static_cast<double>(weights_.size()) : 1;
  shown.step = step_;
  shown.steps = schedule_.steps;
  return shown;
}

// The sum over the batch's parts of the mean loss over the batch; gradients add up in the optimizer's vector.
double Trainer::forward_backward(const Batch& batch) {
  const bool recording = masked_ && step_ < schedule_.freeze_step() && scorer_->wants_gates(step_);
  const double pictures = double(batch.pictures());
  double loss_sum = 0;
  network_.record_gates(recording);
  network_.set_step(step_);
  for (const Part& part : batch.parts) {
    const Shown what = shown(part, pictures);
    if (recording) scorer_->before_forward(network_, part.condition, step_);
    const torch::Tensor loss = objective_->loss(network_, what);
    loss.backward();
    loss_sum += loss.item<double>();
    if (recording) scorer_->after_backward(network_, part.condition, pictures / what.weight);
  }
  const torch::Tensor penalty = objective_->penalty(network_, step_);
  if (penalty.defined()) {
    penalty.backward();
    loss_sum += penalty.item<double>();
  }
  return loss_sum;
}

void Trainer::train() {
  network_.train();
  Feed feed(plan(), step_, schedule_.steps, workers());
  while (step_ < schedule_.steps) {
    const Batch batch = feed.next();
    optimizer_.zero_gradients();
    const double loss = forward_backward(batch);
    if (!std::isfinite(loss))
      fail("training " + job_.spec.name + ", step " + std::to_string(step_ + 1) + " of " +
               std::to_string(schedule_.steps),
           "the loss is no longer a finite number", "lower learning_rate or raise warmup");
    optimizer_.step(schedule_.learning_rate(step_));
    Mean& mean = losses_[step_ * loss_points / schedule_.steps];
    mean.sum += loss;
    ++mean.count;
    ++step_;
    if (masked_ && schedule_.cuts_after(step_)) cut_masks();
    report("train", loss, batch.pictures());
    const bool stop = job_.stop_requested && job_.stop_requested();
    if (stop || Clock::now() - last_save_ >= std::chrono::seconds(job_.spec.train.checkpoint_seconds)) save();
    if (stop) interrupted();
  }
  network_.record_gates(false);
  save();  // so that a stop from here on repeats no step
}

void Trainer::cut_masks() {
  const bool last = step_ == schedule_.freeze_step();
  const double share = schedule_.mac_share(step_);
  if (!last && share < ramp_cut_.smallest_share()) return;
  scorer_->before_cut(network_);
  std::vector<const Scores*> own;
  for (int k = 0; k < network_.conditions(); ++k) own.push_back(&scorer_->own(k));
  const std::vector<double> weights =
      recipe_.own_sets ? weights_ : std::vector<double>(own.size(), 1.0 / double(own.size()));
  for (int k = 0; k < network_.conditions(); ++k)
    network_.set_mask(k, (last ? final_cut_ : ramp_cut_)(mixed(own, weights, k, recipe_.consensus), share));
}

// Statistics that the optimizer saw were of weights on the move; now each normalisation gets plain averages.
void Trainer::recalibrate() {
  const torch::NoGradGuard no_grad;
  network_.train();
  Feed feed(plan(), schedule_.steps, schedule_.steps + recalibration_batches, workers());
  std::vector<int> seen(network_.conditions());
  for (std::int64_t i = 0; i < recalibration_batches; ++i) {
    const Batch batch = feed.next();
    network_.set_step(schedule_.steps + i);
    for (const Part& part : batch.parts) {
      const Shown what = shown(part, double(batch.pictures()));
      for (int k = 0; k < network_.conditions(); ++k) {
        if (recipe_.own_sets && k != part.condition) continue;
        const int statistics = recipe_.shared_normalisation ? 0 : k;
        network_.set_norm_momentum(1.0 / ++seen[statistics]);
        network_.forward(what.views[0], k);
      }
    }
    report("recalibrate", 0, batch.pictures());
    if (job_.stop_requested && job_.stop_requested()) interrupted();
  }
}

std::vector<std::string> Trainer::set_names() const {
  if (!recipe_.set_names.empty()) return recipe_.set_names;
  if (network_.conditions() == 1) return {"*"};
  std::vector<std::string> names;
  for (const corruptions::Condition& condition : recipe_.conditions) names.push_back(condition.canonical());
  return names;
}

models::Checkpoint Trainer::result() {
  models::Checkpoint checkpoint;
  network_.store(checkpoint);
  checkpoint.conditions = set_names();
  checkpoint.input = scaling_;
  if (job_.preprocessing) checkpoint.resizing = job_.preprocessing->resizing;
  checkpoint.classes = job_.train->classes;

  core::Json losses = core::Json::array(), shares = core::Json::object(), validation = core::Json::object();
  for (const Mean& mean : losses_)
    if (mean.count != 0) losses.push_back(mean.sum / double(mean.count));
  for (int k = 0; k < network_.conditions(); ++k) shares[checkpoint.conditions[k]] = final_cut_.share(network_.mask(k));
  if (job_.validation && job_.validation->size() != 0)
    for (const corruptions::Condition& condition : job_.conditions) {
      const auto own = std::find(recipe_.conditions.begin(), recipe_.conditions.end(), condition);
      const int k = recipe_.own_sets ? static_cast<int>(own - recipe_.conditions.begin()) : 0;
      corruptions::VariantOptions options;
      options.seed = job_.seed;
      options.split = "validation";
      options.threads = job_.spec.train.threads;
      const auto variant = corruptions::make_variant(*job_.validation, condition, options);
      validation[condition.canonical()] = top1(network_, variant.pictures, scaling_, k);
    }
  checkpoint.training = {{"method", job_.spec.method},
                         {"options", job_.spec.parameters()},
                         {"seed", job_.seed},
                         {"steps", schedule_.steps},
                         {"views", schedule_.steps * job_.spec.train.batch},
                         {"losses", losses},
                         {"mac_share", shares},
                         {"validation_top1", validation}};
  return checkpoint;
}

void Trainer::report(const char* phase, double loss, std::size_t pictures) {
  pictures_since_report_ += pictures;
  const auto now = Clock::now();
  const double seconds = std::chrono::duration<double>(now - last_report_).count();
  if (!job_.progress || seconds < 1) return;
  double share = 0;
  for (int k = 0; k < network_.conditions(); ++k) share += final_cut_.share(network_.mask(k)) / network_.conditions();
  job_.progress({step_, schedule_.steps, loss, share, double(pictures_since_report_) / seconds, phase});
  last_report_ = now;
  pictures_since_report_ = 0;
}

void Trainer::interrupted() const {
  throw core::Error(core::ExitCode::interrupted, "training " + job_.spec.name,
                    "stopped after step " + std::to_string(step_) + " of " + std::to_string(schedule_.steps),
                    "run again to continue from there");
}

// What must agree for a saved state to be this job's.
core::Json Trainer::identity() const {
  core::Json conditions = core::Json::array();
  for (const corruptions::Condition& condition : recipe_.conditions) conditions.push_back(condition.canonical());
  return {{"format_version", 1},      {"method", job_.spec.parameters()}, {"seed", job_.seed},
          {"conditions", conditions}, {"graph", graph::to_json(graph_)},  {"pictures", job_.train->size()}};
}

void Trainer::save() {
  if (job_.work_folder.empty()) return;
  models::SafetensorsFile file;
  file.tensors["values"] = models::to_plain(optimizer_.values());
  file.tensors["velocity"] = models::to_plain(optimizer_.velocity());
  for (const auto& buffer : network_.named_buffers())
    file.tensors["buffers." + buffer.key()] = models::to_plain(buffer.value());
  core::Json losses = core::Json::array(), masks = core::Json::array();
  for (const Mean& mean : losses_) losses.push_back({mean.sum, mean.count});
  for (int k = 0; k < network_.conditions(); ++k) masks.push_back(network_.mask(k));
  const core::Json state = {
      {"identity", identity()}, {"step", step_}, {"losses", losses}, {"masks", masks}, {"scores", scorer_->state()}};
  file.metadata[state_key] = state.dump();
  core::write_file_atomically(state_path(), models::encode_safetensors(file));
  last_save_ = Clock::now();
}

void Trainer::restore() {
  std::error_code ignored;
  if (job_.work_folder.empty() || !std::filesystem::exists(state_path(), ignored)) return;
  const std::string name = state_path().string();
  const models::SafetensorsFile file = models::decode_safetensors(core::read_file(state_path()), name);
  try {
    const core::Json state = core::parse_json(file.metadata.at(state_key), name, core::ExitCode::corrupt);
    if (state.at("identity") != identity()) return;  // of another job: start over, the next save replaces it
    const torch::NoGradGuard no_grad;
    const auto fill = [&](torch::Tensor target, const std::string& tensor) {
      const graph::Tensor& from = file.tensors.at(tensor);
      if (from.shape != target.sizes().vec()) throw std::out_of_range(tensor);
      target.copy_(models::to_torch(from));
    };
    fill(optimizer_.values(), "values");
    fill(optimizer_.velocity(), "velocity");
    for (const auto& buffer : network_.named_buffers()) fill(buffer.value(), "buffers." + buffer.key());
    for (int k = 0; k < network_.conditions(); ++k) network_.set_mask(k, state.at("masks").at(k).get<graph::Mask>());
    for (std::size_t i = 0; i < losses_.size(); ++i)
      losses_[i] = {state.at("losses").at(i).at(0).get<double>(), state.at("losses").at(i).at(1).get<std::int64_t>()};
    scorer_->restore(state.at("scores"));
    step_ = state.at("step").get<std::int64_t>();
  } catch (const core::Error&) {
    throw;
  } catch (const std::exception& e) {
    throw core::Error(core::ExitCode::corrupt, name, std::string("the training state is damaged: ") + e.what(),
                      "remove the file; training then starts over");
  }
}

}  // namespace

models::Checkpoint run(const TrainJob& job, const Recipe& recipe) {
  check(job);
  at::set_num_threads(job.spec.train.threads);
  return Trainer(job, recipe).run();
}

}  // namespace automask::methods
