#include "methods/objectives/teacher.h"

#include <ATen/ATen.h>
#include <torch/utils.h>

#include <algorithm>
#include <map>

#include "core/error.h"
#include "methods/prerequisites.h"
#include "methods/training/device.h"
#include "methods/training/input_scaling.h"

namespace automask::methods {

Teacher::Teacher(const TrainJob& job, const std::vector<corruptions::Condition>& conditions) {
  const models::Checkpoint& checkpoint = job.prerequisite(teacher_role);
  network_ = std::make_unique<models::Network>(checkpoint);
  const models::InputScaling own = input_scaling_of(job), &its = checkpoint.input;
  if (own.mean != its.mean || own.deviation != its.deviation) {
    const auto row = [](const std::vector<float>& of_channel) { return at::tensor(of_channel).view({1, -1, 1, 1}); };
    factor_ = row(own.deviation) / row(its.deviation);
    offset_ = (row(own.mean) - row(its.mean)) / row(its.deviation);
  }
  network_->eval();
  const auto& sets = checkpoint.conditions;
  for (const corruptions::Condition& condition : conditions) {
    const auto set = std::find(sets.begin(), sets.end(), condition.canonical());
    if (set == sets.end() && sets.size() > 1)
      throw core::Error(core::ExitCode::internal, "training " + job.spec.name,
                        "the teacher has no set for " + condition.canonical());
    set_of_.push_back(set == sets.end() ? 0 : static_cast<int>(set - sets.begin()));
  }
  record_ = {{"method", checkpoint.training.at("method")},
             {"steps", checkpoint.training.at("steps")},
             {"views", checkpoint.training.at("views")},
             {"validation_top1", checkpoint.training.at("validation_top1")}};
  if (graph::to_json(checkpoint.graph) != graph::to_json(job.graph)) {  // another network
    const graph::Cost cost = graph::cost(checkpoint.graph);
    record_.update({{"macs", cost.macs}, {"parameters", cost.parameters}});
  }
}

void Teacher::move(torch::Device device) {
  if (factor_.defined()) {
    factor_ = factor_.to(device);
    offset_ = offset_.to(device);
  }
  methods::move(*network_, device);
}

torch::Tensor Teacher::answer(const torch::Tensor& seen, const std::vector<int>& shown) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor x = factor_.defined() ? seen * factor_ + offset_ : seen;
  std::map<int, std::vector<std::int64_t>> of_set;
  for (std::size_t i = 0; i < shown.size(); ++i)
    of_set[set_of_.at(static_cast<std::size_t>(shown[i]))].push_back(static_cast<std::int64_t>(i));
  if (of_set.size() == 1) return network_->forward(x, of_set.begin()->first);
  torch::Tensor logits;
  for (const auto& [set, pictures] : of_set) {
    const torch::Tensor index = at::tensor(pictures).to(x.device());
    const torch::Tensor answered = network_->forward(x.index_select(0, index), set);
    if (!logits.defined()) logits = at::empty({x.size(0), answered.size(1)}, answered.options());
    logits.index_copy_(0, index, answered);
  }
  return logits;
}

std::unique_ptr<Teacher> make_teacher(const TrainJob& job, const std::vector<corruptions::Condition>& conditions) {
  if (job.spec.distillation.teacher == DistillationOptions::Teacher::none) return nullptr;
  return std::make_unique<Teacher>(job, conditions);
}

}  // namespace automask::methods
