#include "methods/training/trainer.h"

#include <ATen/ATen.h>
#include <torch/utils.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include "core/error.h"
#include "graph/union.h"
#include "methods/estimator.h"
#include "methods/evaluate.h"
#include "methods/masks/mask_cutter.h"
#include "methods/masks/package_bytes.h"
#include "methods/masks/scorer.h"
#include "methods/masks/widths.h"
#include "methods/network_needs.h"
#include "methods/objectives/objective.h"
#include "methods/objectives/teacher.h"
#include "methods/training/affine.h"
#include "methods/training/device.h"
#include "methods/training/fine_tune.h"
#include "methods/training/initial.h"
#include "methods/training/input_scaling.h"
#include "methods/training/learner.h"
#include "methods/training/learner_state.h"
#include "methods/training/schedule.h"
#include "methods/training/training_log.h"
#include "models/shrunk.h"
#include "models/trained_on.h"

namespace automask::methods {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* state_file = "state.safetensors";
constexpr const char* tuning_file = "fine_tune.safetensors";
// Running statistics are averaged anew over so many batches with the final weights.
constexpr std::int64_t recalibration_batches = 20;
// Channels of the network that is trained on once masks are frozen: oneDNN computes other numbers of them so much
// slower that half of the MACs took longer than all (tests/perf/training_bench.cpp: 1.14 of a dense step, 0.7 with
// this).
constexpr int fast_multiple = 8;

[[noreturn]] void fail(const std::string& where, const std::string& problem, const std::string& remedy) {
  throw core::Error(core::ExitCode::steps_failed, where, problem, remedy);
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
  require_stem(job.graph, job.spec);
  if (job.spec.backbone != Backbone::trained && !job.initial)
    fail(where, "the backbone is frozen, but there are no weights to start from",
         "name a file of weights, or let the backbone train");
}

// The graph that is trained: the recipe's or the job's, and where conditions need a scale and bias of their own and the
// network has no normalisation, one with affine nodes.
graph::Graph graph_of(const TrainJob& job, const Recipe& recipe) {
  const graph::Graph& graph = recipe.graph ? *recipe.graph : job.graph;
  const bool several = recipe.conditions.size() > 1 || recipe.general_set;
  const bool own = recipe.own_sets && !recipe.shared_normalisation && several;
  return own && !has_normalisation(graph) ? with_affine(graph) : graph;
}

// A general set is shown as many pictures as the average condition, and counts for as much.
std::vector<double> weights_of(const TrainJob& job, const Recipe& recipe) {
  std::vector<double> weights = job.spec.weights_of(recipe.conditions);
  if (!recipe.general_set) return weights;
  const double all = static_cast<double>(weights.size()) + 1;
  for (double& weight : weights) weight *= (all - 1) / all;
  weights.push_back(1 / all);
  return weights;
}

// Empty: all alike. An even share for all and weights alone would do as well in the mean, but 70 % of clean pictures
// then hang on a fifth of each batch, and AutoMask loses 5 points of CIFAR-10 under each condition.
std::vector<double> uneven_shares(const TrainJob& job, const Recipe& recipe, const std::vector<double>& weights) {
  const bool even = std::all_of(weights.begin(), weights.end(), [&](double weight) { return weight == weights[0]; });
  if (!recipe.own_sets || job.spec.frequencies.empty() || even) return {};
  return shares_of_views(weights);
}

// A set of its own that no picture ever reaches would be left as it was drawn.
void check_views(const TrainJob& job, const Recipe& recipe) {
  const auto views = Schedule(job.spec.train, job.train->size(), 1).steps * job.spec.train.batch;
  const auto conditions = static_cast<std::int64_t>(recipe.conditions.size()) + (recipe.general_set ? 1 : 0);
  const std::vector<double> shares = uneven_shares(job, recipe, weights_of(job, recipe));
  // Of uneven parts the least gets a picture after about so many views; of even ones the last is the last to get one.
  const auto least = std::min_element(shares.begin(), shares.end());
  const double needed = shares.empty() ? static_cast<double>(conditions) : 2 / *least;
  if (!recipe.own_sets || static_cast<double>(views) >= needed) return;
  const auto set = static_cast<std::size_t>(shares.empty() ? conditions - 1 : least - shares.begin());
  const std::string who = set == recipe.conditions.size()
                              ? "the general set"
                              : "the condition \"" + recipe.conditions[set].canonical() + "\"";
  fail("training " + job.spec.name,
       who + (shares.empty() ? " gets" : " may get") + " no picture: " + std::to_string(views) +
           " views are too few for " + std::to_string(recipe.conditions.size()) + " conditions" +
           (recipe.general_set ? " and a general set" : ""),
       "raise epochs or batch");
}

class Trainer {
 public:
  Trainer(const TrainJob& job, const Recipe& recipe)
      : job_(job),
        recipe_(recipe),
        device_(training_device(job.spec.train)),
        graph_(graph_of(job, recipe)),
        may_mask_(recipe.masked && recipe.fixed_masks.empty() && !recipe.even),
        schedule_(job.spec.train, job.train->size(), 1, job.spec.freeze_at),
        weights_(weights_of(job, recipe)),
        view_shares_(uneven_shares(job, recipe, weights_)),
        scaling_(input_scaling_of(job)),
        cutter_(graph_, job.spec, recipe.mac_budget.value_or(job.spec.mac_budget), recipe.consensus, set_weights(),
                bytes_of_masks()),
        fixed_masks_(recipe.even ? std::vector<graph::Mask>{even_mask()} : recipe.fixed_masks),
        masked_(may_mask_ && (cutter_.budget() < 1 || job.spec.byte_budget > 0)),
        objective_(recipe.objective ? recipe.objective(job) : std::make_unique<Objective>(job.spec)),
        scorer_(make_scorer(job.spec.scorer, cutter_.groups(), sets(), job.seed, job.spec.gate_learning)),
        log_(schedule_.steps),
        teacher_(make_teacher(job, recipe.conditions)) {
    if (teacher_) teacher_->move(device_);
    schedule_.budget = cutter_.budget();
    for (int k = 0; k < sets(); ++k)
      masks_.push_back(fixed_masks_.empty()       ? widest_mask()
                       : fixed_masks_.size() == 1 ? fixed_masks_[0]
                                                  : fixed_masks_[static_cast<std::size_t>(k)]);
  }

  models::Checkpoint run() {
    last_save_ = last_report_ = Clock::now();
    start();
    restore();
    train();
    recalibrate();
    quantise();
    return result();
  }

 private:
  int sets() const {
    if (recipe_.own_sets) return static_cast<int>(weights_.size());
    return std::max(static_cast<int>(recipe_.set_names.size()), 1);
  }
  // p_k of the sets.
  std::vector<double> set_weights() const {
    return recipe_.own_sets ? weights_ : std::vector<double>(static_cast<std::size_t>(sets()), 1.0 / sets());
  }
  // What a budget of bytes is held against; empty where there is none.
  MaskCutter::PackageBytes bytes_of_masks() const {
    if ((!may_mask_ && !recipe_.even) || job_.spec.byte_budget == 0) return {};
    PackagePlan plan;
    plan.graph = graph_;
    plan.set_names = set_names();
    plan.classes = job_.train->classes;
    plan.scaling = scaling_;
    if (job_.preprocessing) plan.resizing = job_.preprocessing->resizing;
    plan.estimator = has_estimator(static_cast<std::size_t>(sets()), *job_.train);
    plan.estimator_options = job_.spec.estimator;
    plan.private_stem = private_stem();
    plan.record = record();
    return [plan](const std::vector<graph::Mask>& masks) { return package_bytes(plan, masks); };
  }
  // Of a network that is thinned alike; that the narrowest meets the budgets the cutter has seen.
  graph::Mask even_mask() const {
    const auto bytes = bytes_of_masks();
    const auto& latency = job_.spec.latency_budget;
    const auto fits = [&](const graph::Mask& mask) {
      if (latency && latency->predicted_ms(graph_, cutter_.groups(), mask) > latency->ms) return false;
      return !bytes || bytes(std::vector<graph::Mask>(static_cast<std::size_t>(sets()), mask)) <= job_.spec.byte_budget;
    };
    return slim_mask(graph_, cutter_.groups(), latency ? 1 : job_.spec.mac_budget, job_.spec.lanes, fits).mask;
  }
  // What a package says of its training, too.
  core::Json record() const {
    return {{"method", job_.spec.method},
            {"options", job_.spec.parameters()},
            {"seed", job_.seed},
            {"steps", schedule_.steps},
            {"views", schedule_.steps * job_.spec.train.batch}};
  }
  FeedPlan plan() const {
    FeedPlan plan;
    plan.pictures = job_.train;
    plan.conditions = recipe_.conditions;
    plan.parts_by_condition = recipe_.own_sets;
    plan.mixed_part = recipe_.general_set;
    plan.batch = job_.spec.train.batch;
    plan.seed = job_.seed;
    if (!job_.spec.frequencies.empty()) plan.frequencies = job_.spec.weights_of(recipe_.conditions);
    plan.extra_views = recipe_.extra_views;
    plan.augmentation = job_.spec.train.augmentation;
    plan.part_shares = view_shares_;
    return plan;
  }
  int workers() const { return feed_workers(job_.spec.train); }
  const graph::Mask* within() const { return recipe_.within.empty() ? nullptr : &recipe_.within; }
  graph::Mask widest_mask() const { return within() ? *within() : graph::full_mask(cutter_.groups()); }
  models::Network& network() { return learner_->network; }
  bool private_stem() const { return recipe_.own_sets && job_.spec.stem == Stem::own && sets() > 1; }
  // Statistics that came with the weights stay where conditions have only a scale and bias of their own.
  bool keeps_statistics() const { return recipe_.own_sets && job_.spec.normalisation == Normalisation::affine_k; }

  void start();
  void shrink();
  void train();
  bool one_normalisation() const;
  double forward_backward(const Batch& batch);
  double weight_of(int set) const;
  Shown shown(const Part& part, double pictures, bool taught = true) const;
  std::vector<Shown> shown(const Batch& batch, bool taught = true) const;
  void cut_masks();
  void recalibrate();
  void quantise();
  models::Checkpoint result();
  core::Json validation();
  std::vector<std::string> condition_names() const;
  std::vector<std::string> set_names() const;
  double mean_share() const;
  void report(const char* phase, double loss, std::size_t pictures, std::int64_t more_steps = 0);
  [[noreturn]] void interrupted() const;

  core::Json identity() const;
  std::filesystem::path state_path() const {  // empty where nothing is kept
    return job_.work_folder.empty() ? job_.work_folder : job_.work_folder / state_file;
  }
  void check_weights() const;
  [[noreturn]] void diverged(const std::string& what, std::int64_t step) const;
  void save();
  void restore();

  const TrainJob& job_;
  const Recipe& recipe_;
  torch::Device device_;
  graph::Graph graph_;  // dense
  bool may_mask_;       // the method cuts masks where there is a budget
  Schedule schedule_;
  std::vector<double> weights_;      // p_k of each condition's set, and of the general one
  std::vector<double> view_shares_;  // of the same; empty: all alike
  models::InputScaling scaling_;
  MaskCutter cutter_;
  std::vector<graph::Mask> fixed_masks_;  // as Recipe::fixed_masks
  bool masked_;
  std::unique_ptr<Objective> objective_;
  std::unique_ptr<Scorer> scorer_;
  TrainingLog log_;
  std::unique_ptr<Teacher> teacher_;

  std::unique_ptr<Learner> learner_;
  std::vector<graph::Mask> masks_;  // of the dense graph, per set
  std::optional<FineTuned> tuned_;
  std::optional<graph::Mask> kept_;  // what the learner was shrunk to
  std::int64_t step_ = 0;
  Clock::time_point last_save_, last_report_;
  std::size_t pictures_since_report_ = 0;
};

// A dense learner with the job's weights, drawn or given. Fixed masks are shrunk to at once.
void Trainer::start() {
  LearnerOptions options;
  options.network = {sets(), recipe_.shared_normalisation, private_stem()};
  options.momentum = job_.spec.train.momentum;
  options.weight_decay = job_.spec.train.weight_decay;
  // What a recipe adds to the job's network, a denoiser, is not what was deployed.
  if (job_.spec.backbone != Backbone::trained) options.frozen = backbone_of(job_.graph);
  options.seed = job_.seed;
  options.device = device_;
  learner_ = std::make_unique<Learner>(graph_, options);
  if (!recipe_.initial.empty()) start_from(network(), recipe_.initial);
  if (job_.initial) {
    start_from(network(), *job_.initial);
  } else if (keeps_statistics() && has_normalisation(job_.graph)) {
    fail("training " + job_.spec.name, "affine_k keeps the statistics of the weights to start from, and there are none",
         "name a file of weights, or take bn_k");
  }
  for (int k = 0; k < sets(); ++k) network().set_mask(k, masks_[static_cast<std::size_t>(k)]);
  if (!fixed_masks_.empty()) shrink();
}

// From here on nothing is computed that no mask keeps.
void Trainer::shrink() {
  kept_ = graph::rounded_up(graph::united(masks_), cutter_.groups(), fast_multiple);
  if (*kept_ != graph::full_mask(cutter_.groups())) learner_ = learner_->shrunk(*kept_);
}

// Sets that differ in their masks alone: each normalisation must average over all parts of a batch, as the one that is
// left in the end does for all conditions.
bool Trainer::one_normalisation() const {
  return recipe_.own_sets && recipe_.shared_normalisation && sets() > 1 && has_normalisation(graph_);
}

// One part for all was drawn by the frequencies already.
double Trainer::weight_of(int set) const {
  if (!recipe_.own_sets) return 1;
  const auto k = static_cast<std::size_t>(set);
  return view_shares_.empty() ? weights_[k] * static_cast<double>(weights_.size()) : weights_[k] / view_shares_[k];
}

Shown Trainer::shown(const Part& part, double pictures, bool taught) const {
  const auto count = static_cast<std::int64_t>(part.labels.size());
  Shown shown;
  shown.set = part.set;
  const auto view = [&](const std::vector<std::uint8_t>& pixels) {
    return moved(input_of(pixels.data(), count, *job_.train, scaling_), learner_->options.device);
  };
  shown.views.push_back(view(part.pixels));
  for (const auto& extra : part.extra) shown.views.push_back(view(extra));
  shown.labels = moved(at::tensor(part.labels), learner_->options.device);
  if (teacher_ && taught) shown.teacher = teacher_->answer(shown.views[0], part.shown);
  shown.pictures = pictures;
  shown.weight = weight_of(part.set);
  shown.step = step_;
  shown.steps = schedule_.steps;
  return shown;
}

// The parts of a batch, or all as one where they are normalised together.
std::vector<Shown> Trainer::shown(const Batch& batch, bool taught) const {
  const double pictures = double(batch.pictures());
  std::vector<Shown> parts;
  for (const Part& part : batch.parts) parts.push_back(shown(part, pictures, taught));
  if (!one_normalisation() || parts.size() == 1) return parts;

  const auto joined = [&](const auto& tensor_of) {
    std::vector<torch::Tensor> tensors;
    for (const Shown& part : parts) tensors.push_back(tensor_of(part));
    return at::cat(tensors);
  };
  Shown all = parts[0];
  for (std::size_t v = 0; v < all.views.size(); ++v)
    all.views[v] = joined([v](const Shown& part) { return part.views[v]; });
  all.labels = joined([](const Shown& part) { return part.labels; });
  if (all.teacher.defined()) all.teacher = joined([](const Shown& part) { return part.teacher; });
  bool alike = true;
  for (const Shown& part : parts) {
    all.rows.push_back({part.set, part.labels.size(0)});
    alike = alike && std::abs(part.weight - 1) < 1e-9;
  }
  all.weight = 1;
  if (!alike)
    all.row_weights = joined([](const Shown& part) { return at::full_like(part.labels, part.weight, at::kFloat); });
  return {all};
}

// The sum over what is shown of the mean loss over the batch; gradients add up in the optimizer's vector.
double Trainer::forward_backward(const Batch& batch) {
  const bool recording = masked_ && step_ < schedule_.freeze_step() && scorer_->wants_gates(step_);
  const double pictures = double(batch.pictures());
  double loss_sum = 0;
  network().record_gates(recording);
  network().set_step(step_);
  for (const Shown& what : shown(batch)) {
    std::vector<int> sets_shown;
    for (const auto& rows : what.rows) sets_shown.push_back(rows.condition);
    if (sets_shown.empty()) sets_shown.push_back(what.set);
    for (const int k : sets_shown)
      if (recording) scorer_->before_forward(network(), k, step_);
    const torch::Tensor loss = [&] {
      const MixedPrecision mixed(job_.spec.train.mixed_precision);
      return objective_->loss(network(), what);
    }();
    loss.backward();
    loss_sum += loss.item<double>();
    for (const int k : sets_shown)
      if (recording) scorer_->after_backward(network(), k, pictures / weight_of(k));
  }
  const torch::Tensor penalty = objective_->penalty(network(), step_);
  if (penalty.defined()) {
    penalty.backward();
    loss_sum += penalty.item<double>();
  }
  return loss_sum;
}

void Trainer::train() {
  Feed feed(plan(), step_, schedule_.steps, workers());
  while (step_ < schedule_.steps) {
    network().train();
    network().freeze_statistics(keeps_statistics());
    const Batch batch = feed.next();
    learner_->optimizer.zero_gradients();
    const double loss = forward_backward(batch);
    if (!std::isfinite(loss)) diverged("the loss", step_ + 1);
    learner_->optimizer.step(schedule_.learning_rate(step_));
    log_.loss(step_, loss);
    ++step_;
    if (masked_ && schedule_.cuts_after(step_)) cut_masks();
    report("train", loss, batch.pictures());
    const bool stop = job_.stop_requested && job_.stop_requested();
    if (stop || Clock::now() - last_save_ >= std::chrono::seconds(job_.spec.train.checkpoint_seconds)) save();
    if (stop) interrupted();
  }
  network().record_gates(false);
  save();  // so that a stop from here on repeats no step
}

// Throws before anything is saved: the last good state stays.
void Trainer::check_weights() const {
  if (!learner_->optimizer.finite()) diverged("a weight", step_);
}

void Trainer::diverged(const std::string& what, std::int64_t step) const {
  fail("training " + job_.spec.name + ", step " + std::to_string(step) + " of " + std::to_string(schedule_.steps),
       what + " is no longer a finite number" + kept_state(state_path()), "lower learning_rate or raise warmup");
}

void Trainer::cut_masks() {
  const bool last = step_ == schedule_.freeze_step();
  scorer_->before_cut(network());
  std::vector<const Scores*> own;
  for (int k = 0; k < sets(); ++k) own.push_back(&scorer_->own(k));
  std::vector<Scores> of_groups;
  if (!recipe_.mask_group.empty()) {
    of_groups = grouped(own, weights_, recipe_.mask_group);
    for (std::size_t k = 0; k < own.size(); ++k) own[k] = &of_groups[k];
  }
  if (last) {
    masks_ = cutter_.last(own, within());
  } else {
    auto masks = cutter_.ramp(own, schedule_.share(step_), schedule_.ramp(step_), within());
    if (!masks) return;
    masks_ = std::move(*masks);
  }
  network().record_gates(false);
  for (int k = 0; k < sets(); ++k) network().set_mask(k, masks_[static_cast<std::size_t>(k)]);
  log_.cut(step_, mean_share(), cutter_.mean_overlap(masks_));
  if (last) shrink();
}

// Statistics that the optimizer saw were of weights on the move; now each normalisation gets plain averages.
void Trainer::recalibrate() {
  if (keeps_statistics() || !has_normalisation(graph_)) return;
  const torch::NoGradGuard no_grad;
  network().train();
  Feed feed(plan(), schedule_.steps, schedule_.steps + recalibration_batches, workers());
  std::vector<int> seen(static_cast<std::size_t>(sets()));
  for (std::int64_t i = 0; i < recalibration_batches; ++i) {
    const Batch batch = feed.next();
    network().set_step(schedule_.steps + i);
    for (const Shown& part : shown(batch, false)) {
      const torch::Tensor x = objective_->calibration(part);
      for (int k = 0; k < sets(); ++k) {
        if (recipe_.own_sets && k != part.set) continue;
        network().set_norm_momentum(1.0 / ++seen[recipe_.shared_normalisation ? 0 : static_cast<std::size_t>(k)]);
        recipe_.own_sets ? Objective::answer(network(), x, part) : network().forward(x, k);
      }
    }
    report("recalibrate", 0, batch.pictures());
    if (job_.stop_requested && job_.stop_requested()) interrupted();
  }
}

void Trainer::quantise() {
  if (job_.spec.qat.epochs == 0) return;
  // Integers are simulated on the processor.
  if (device_ != torch::kCPU) learner_ = learner_->moved(torch::kCPU);
  if (teacher_) teacher_->move(torch::kCPU);
  // A channel's step depends on what the package will store: nothing that no mask keeps.
  if (!kept_) kept_ = graph::full_mask(cutter_.groups());
  if (const graph::Mask exact = within() ? *within() : graph::united(masks_); *kept_ != exact) {
    learner_ = learner_->shrunk(graph::masks_within(graph_, *kept_, {exact})[0]);
    kept_ = exact;
  }
  FineTuning tuning;
  tuning.where = "training " + job_.spec.name;
  tuning.options = job_.spec.qat;
  tuning.plan = plan();
  tuning.first_batch = schedule_.steps + recalibration_batches;
  tuning.workers = workers();
  tuning.shown = [this](const Part& part, double pictures) { return shown(part, pictures); };
  tuning.objective = objective_.get();
  tuning.scaling = scaling_;
  tuning.identity = identity();
  if (!job_.work_folder.empty()) tuning.state = job_.work_folder / tuning_file;
  tuning.checkpoint_seconds = job_.spec.train.checkpoint_seconds;
  tuning.stop_requested = job_.stop_requested;
  tuning.report = [this](std::int64_t step, std::int64_t steps, double loss, std::size_t pictures) {
    step_ = schedule_.steps + step;
    report("fine-tune", loss, pictures, steps);
  };
  tuned_ = fine_tune(*learner_, tuning);
  step_ = schedule_.steps;
}

std::vector<std::string> Trainer::condition_names() const {
  std::vector<std::string> names;
  for (const corruptions::Condition& condition : recipe_.conditions) names.push_back(condition.canonical());
  return names;
}

std::vector<std::string> Trainer::set_names() const {
  if (!recipe_.set_names.empty()) return recipe_.set_names;
  if (sets() == 1) return {"*"};
  std::vector<std::string> names = condition_names();
  if (recipe_.general_set) names.push_back("*");
  return names;
}

core::Json Trainer::validation() {
  core::Json result = core::Json::object();
  if (!job_.validation || job_.validation->size() == 0) return result;
  for (const corruptions::Condition& condition : job_.conditions) {
    if (job_.stop_requested && job_.stop_requested()) interrupted();
    const auto own = std::find(recipe_.conditions.begin(), recipe_.conditions.end(), condition);
    const int k = recipe_.own_sets ? static_cast<int>(own - recipe_.conditions.begin()) : 0;
    if (const auto top1 = validation_top1(network(), job_, condition, scaling_, k))
      result[condition.canonical()] = *top1;
  }
  return result;
}

models::Checkpoint Trainer::result() {
  models::Checkpoint checkpoint;
  network().store(checkpoint);
  if (kept_) checkpoint = models::expanded_checkpoint(checkpoint, graph_, *kept_, masks_);
  checkpoint.conditions = set_names();
  checkpoint.input = scaling_;
  if (job_.preprocessing) checkpoint.resizing = job_.preprocessing->resizing;
  checkpoint.classes = job_.train->classes;

  core::Json shares = core::Json::object(), rates = core::Json::array();
  for (int k = 0; k < sets(); ++k)
    shares[checkpoint.conditions[static_cast<std::size_t>(k)]] = cutter_.share(masks_[static_cast<std::size_t>(k)]);
  for (std::int64_t i = 0; i < TrainingLog::points; ++i)
    rates.push_back(schedule_.learning_rate(i * schedule_.steps / TrainingLog::points));
  core::Json log = {{"losses", log_.losses()}, {"learning_rates", rates}, {"cuts", log_.cuts()}};
  if (sets() > 1) log["overlap"] = cutter_.overlaps(masks_);
  if (const auto& latency = job_.spec.latency_budget) {
    core::Json predicted = core::Json::object();
    for (int k = 0; k < sets(); ++k)
      predicted[checkpoint.conditions[static_cast<std::size_t>(k)]] =
          latency->predicted_ms(graph_, cutter_.groups(), masks_[static_cast<std::size_t>(k)]);
    log["latency"] = {{"budget_ms", latency->ms},
                      {"predicted_ms", predicted},
                      {"runner", latency->runner},
                      {"evidence", latency->evidence}};
  }
  if (teacher_) log["teacher"] = teacher_->record();
  if (tuned_) {
    log["fine_tuning"] = tuned_->log;
    checkpoint.ranges = tuned_->ranges;
  }
  checkpoint.training = record();
  checkpoint.training.update({{"mac_share", shares}, {"validation_top1", validation()}, {"log", log}});
  // Sets that differ in nothing are one for all.
  const bool alike = recipe_.shared_normalisation && !private_stem() && recipe_.own_sets && sets() > 1 &&
                     std::all_of(masks_.begin(), masks_.end(), [&](const auto& mask) { return mask == masks_[0]; });
  if (alike) {
    checkpoint.conditions = {"*"};
    checkpoint.masks.resize(1);
    checkpoint.normalisation.resize(1);
    for (const auto& of_set : checkpoint.ranges)  // what one network meets under all conditions
      for (const auto& [node, range] : of_set) checkpoint.ranges[0][node] = std::max(checkpoint.ranges[0][node], range);
    checkpoint.ranges.resize(std::min<std::size_t>(checkpoint.ranges.size(), 1));
  }
  models::add_trained_on(condition_names(), checkpoint);
  return checkpoint;
}

double Trainer::mean_share() const {
  const std::vector<double> weights = set_weights();
  double share = 0;
  for (std::size_t k = 0; k < masks_.size(); ++k) share += weights[k] * cutter_.share(masks_[k]);
  return share;
}

void Trainer::report(const char* phase, double loss, std::size_t pictures, std::int64_t more_steps) {
  pictures_since_report_ += pictures;
  const auto now = Clock::now();
  const double seconds = std::chrono::duration<double>(now - last_report_).count();
  if (!job_.progress || seconds < 1) return;
  job_.progress(
      {step_, schedule_.steps + more_steps, loss, mean_share(), double(pictures_since_report_) / seconds, phase});
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
  core::Json identity = {{"format_version", 2},
                         {"method", job_.spec.parameters()},
                         {"seed", job_.seed},
                         {"conditions", condition_names()},
                         {"graph", graph::to_json(graph_)},
                         {"pictures", job_.train->size()},
                         {"consensus", recipe_.consensus}};
  if (one_normalisation()) identity["normalised"] = "whole";
  return identity;
}

void Trainer::save() {
  check_weights();
  if (job_.work_folder.empty()) return;
  save_state(*learner_, identity(),
             {{"step", step_},
              {"log", log_.state()},
              {"masks", masks_},
              {"shrunk", kept_.has_value()},
              {"scores", scorer_->state()}},
             state_path());
  last_save_ = Clock::now();
}

void Trainer::restore() {
  if (job_.work_folder.empty()) return;
  const auto saved = SavedState::find(state_path(), identity());
  if (!saved) return;
  saved->guarded([&] {
    const core::Json& state = saved->state();
    masks_ = state.at("masks").get<std::vector<graph::Mask>>();
    for (int k = 0; k < sets() && !kept_; ++k) network().set_mask(k, masks_.at(static_cast<std::size_t>(k)));
    if (state.at("shrunk").get<bool>() && !kept_) shrink();
    saved->fill(*learner_);
    log_.restore(state.at("log"));
    scorer_->restore(state.at("scores"));
    step_ = state.at("step").get<std::int64_t>();
  });
}

}  // namespace

models::Checkpoint run(const TrainJob& job, const Recipe& recipe) {
  check(job);
  check_views(job, recipe);
  at::set_num_threads(job.spec.train.threads);
  return Trainer(job, recipe).run();
}

}  // namespace automask::methods
