// piggyback: a binary mask over single weights for each condition on one shared backbone (A. Mallya, D. Davis,
// S. Lazebnik, "Piggyback: Adapting a Single Network to Multiple Tasks by Learning to Mask Weights", ECCV 2018).
//
// Real-valued scores, one per weight, start at 0.01; a weight is kept where its score is above 0.005; gradients pass
// the threshold as if it were not there; Adam (section 4 of the paper for all three). The backbone's normalisation
// stays as it is. Here the conditions are one task, so they share the classifier, which is masked as any other layer.
#include <ATen/ATen.h>
#include <torch/nn/module.h>
#include <torch/optim/adam.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <thread>

#include "core/error.h"
#include "methods/evaluate.h"
#include "methods/members.h"
#include "methods/objectives/objective.h"
#include "methods/objectives/teacher.h"
#include "methods/recipes/recipes.h"
#include "methods/training/feed.h"
#include "methods/training/schedule.h"
#include "models/network.h"
#include "models/trained_on.h"

namespace automask::methods {
namespace {

constexpr double initial_score = 1e-2, threshold = 5e-3;

bool is_masked(const graph::Node& node) { return node.op == graph::Op::conv2d || node.op == graph::Op::linear; }

// The backbone's weights that a mask lies over, with their scores.
class WeightMasks {
 public:
  explicit WeightMasks(models::Network& network) {
    const auto parameters = network.named_parameters();
    for (const graph::Node& node : network.graph().nodes) {
      if (!is_masked(node)) continue;
      const torch::Tensor weight = parameters[node.name + ".weight"];
      weights_.push_back(weight);
      original_.push_back(weight.detach().clone());
      scores_.push_back(torch::full_like(weight.detach(), initial_score).set_requires_grad(true));
    }
  }

  std::vector<torch::Tensor>& scores() { return scores_; }

  void apply() {
    const torch::NoGradGuard no_grad;
    for (std::size_t i = 0; i < weights_.size(); ++i) weights_[i].copy_(original_[i] * scores_[i].gt(threshold));
  }

  // d loss / d score = d loss / d (masked weight) x weight, the threshold being passed straight through.
  void pass_gradients() {
    const torch::NoGradGuard no_grad;
    for (std::size_t i = 0; i < weights_.size(); ++i) scores_[i].mutable_grad() = weights_[i].grad() * original_[i];
  }

  double kept_share() const {
    std::int64_t kept = 0, all = 0;
    for (const torch::Tensor& score : scores_) {
      kept += score.gt(threshold).sum().item<std::int64_t>();
      all += score.numel();
    }
    return static_cast<double>(kept) / static_cast<double>(std::max<std::int64_t>(all, 1));
  }

 private:
  std::vector<torch::Tensor> weights_, original_, scores_;
};

models::Checkpoint train_mask(const TrainJob& job, const models::Checkpoint& backbone) {
  models::Network network(backbone);
  network.eval();  // the backbone's statistics stay
  WeightMasks masks(network);
  torch::optim::Adam optimizer(masks.scores(), torch::optim::AdamOptions(job.spec.mask_learning_rate));
  const Schedule schedule(job.spec.train, job.train->size(), 1);
  FeedPlan plan;
  plan.pictures = job.train;
  plan.conditions = job.conditions;
  plan.batch = job.spec.train.batch;
  plan.seed = job.seed;
  plan.augmentation = job.spec.train.augmentation;
  Feed feed(plan, 0, schedule.steps, feed_workers(job.spec.train));
  const Objective objective(job.spec);
  const auto teacher = make_teacher(job, job.conditions);
  double loss_sum = 0;
  for (std::int64_t step = 0; step < schedule.steps; ++step) {
    const Batch batch = feed.next();
    masks.apply();
    network.zero_grad();
    double loss_value = 0;
    for (const Part& part : batch.parts) {
      const auto count = static_cast<std::int64_t>(part.labels.size());
      Shown shown;
      shown.views = {input_of(part.pixels.data(), count, *job.train, backbone.input)};
      shown.labels = at::tensor(part.labels);
      shown.pictures = static_cast<double>(count);
      if (teacher) shown.teacher = teacher->answer(shown.views[0], part.shown);
      // Without a teacher the mean as LibTorch forms it: published masks keep their bits.
      const torch::Tensor logits = network.forward(shown.views[0], 0);
      const torch::Tensor loss = teacher ? objective.classification(logits, shown)
                                         : at::cross_entropy_loss(logits, shown.labels, {}, at::Reduction::Mean, -100,
                                                                  job.spec.train.label_smoothing);
      loss.backward();
      loss_value += loss.item<double>();
    }
    if (!std::isfinite(loss_value))
      throw core::Error(core::ExitCode::steps_failed,
                        "training " + job.spec.name + ", mask for " + job.conditions.front().canonical() + ", step " +
                            std::to_string(step + 1) + " of " + std::to_string(schedule.steps),
                        "the loss is no longer a finite number", "lower mask_learning_rate");
    masks.pass_gradients();
    optimizer.step();
    loss_sum += loss_value;
    if (job.progress && step % 10 == 0)
      job.progress({step, schedule.steps, loss_value, 1, 0, "mask " + job.conditions.front().canonical()});
    if (job.stop_requested && job.stop_requested())
      throw core::Error(core::ExitCode::interrupted, "training " + job.spec.name,
                        "stopped within the mask for " + job.conditions.front().canonical(),
                        "run again to continue from the last whole mask");
  }
  masks.apply();
  models::Checkpoint member = backbone;
  network.store(member);
  member.training = {{"steps", schedule.steps},
                     {"mean_loss", loss_sum / static_cast<double>(std::max<std::int64_t>(schedule.steps, 1))},
                     {"kept_weights", masks.kept_share()}};
  models::add_trained_on(models::trained_on(backbone), member);
  const corruptions::Condition& own = job.conditions.front();
  if (const auto top1 = validation_top1(network, job, own, backbone.input, 0))
    member.training["validation_top1"] = {{own.canonical(), *top1}};
  return member;
}

}  // namespace

std::int64_t weight_mask_bits(const graph::Graph& graph) {
  std::int64_t bits = 0;
  for (const auto& [name, shape] : graph::parameter_shapes(graph)) {
    const std::size_t dot = name.rfind('.');
    const int node = graph.find(name.substr(0, dot));
    if (node < 0 || name.substr(dot) != ".weight" || !is_masked(graph.nodes[static_cast<std::size_t>(node)])) continue;
    std::int64_t count = 1;
    for (const std::int64_t size : shape) count *= size;
    bits += count;
  }
  return bits;
}

models::Bundle train_piggyback(const TrainJob& job) {
  models::Bundle bundle;
  bundle.backbone.push_back(kept(job, "backbone", [&] {
    TrainJob shared = job;
    shared.spec.method = "augment";
    shared.spec.normalisation = Normalisation::shared;
    shared.spec.train.epochs *= job.spec.backbone_share;
    if (!job.work_folder.empty()) shared.work_folder = job.work_folder / "backbone";
    return run(shared, augment_recipe(shared));
  }));
  at::set_num_threads(job.spec.train.threads);
  const double share = (1 - job.spec.backbone_share) / static_cast<double>(job.conditions.size());
  for (std::size_t k = 0; k < job.conditions.size(); ++k)
    bundle.members.push_back(kept(job, "mask-" + std::to_string(k),
                                  [&] { return train_mask(member_job(job, k, share), bundle.backbone.front()); }));
  return bundle;
}

}  // namespace automask::methods
