#include "methods/deployed.h"

#include <algorithm>

#include "core/error.h"
#include "graph/union.h"
#include "methods/evaluate.h"
#include "methods/training/affine.h"
#include "models/network.h"
#include "models/trained_on.h"

namespace automask::methods {
namespace {

[[noreturn]] void fail(const TrainJob& job, const std::string& problem, const std::string& remedy) {
  throw core::Error(core::ExitCode::steps_failed, "the deployed network of " + job.spec.name, problem, remedy);
}

constexpr std::size_t none = static_cast<std::size_t>(-1);

std::size_t set_of(const models::Checkpoint& checkpoint, const std::string& condition) {
  const auto found = std::find(checkpoint.conditions.begin(), checkpoint.conditions.end(), condition);
  return found == checkpoint.conditions.end() ? none : static_cast<std::size_t>(found - checkpoint.conditions.begin());
}

void check(const TrainJob& job) {
  if (!job.deployed) fail(job, "is not given", "name its checkpoint as init");
  const models::Checkpoint& deployed = *job.deployed;
  if (deployed.conditions == std::vector<std::string>{"*"})
    fail(job, "has one normalisation and mask for all conditions, so that none can be added",
         "take \"backbone\": \"frozen\", which learns them anew");
  const core::Json its = graph::to_json(deployed.graph);
  if (its != graph::to_json(job.graph) && its != graph::to_json(with_affine(job.graph)))
    fail(job, "is not the model " + job.graph.name + " of the experiment", "name the model that it was trained as");
  if (!has_normalisation(deployed.graph))
    fail(job, "has no normalisation or scale that a condition could have for itself", "train it anew with \"bn_k\"");
  if (deployed.classes != job.train->classes)
    fail(job, "has other classes than the data set", "name the data set that it was trained on");
  if (job.spec.general_set && set_of(deployed, "*") == none)
    fail(job, "has no general set, which cannot be added", "remove general_set");
  if (deployed.ranges.empty() != (job.spec.qat.epochs == 0))
    fail(job, deployed.ranges.empty() ? "was not fine-tuned for INT8" : "was fine-tuned for INT8",
         deployed.ranges.empty() ? "remove qat" : "give qat, as it had");
}

double share(const graph::Graph& graph, const graph::Mask& mask) {
  const auto macs = graph::masked_cost(graph, graph::channel_groups(graph), mask).macs;
  return double(macs) / double(graph::cost(graph).macs);
}

// A set of one checkpoint as the last set of another.
void add_set(const models::Checkpoint& from, std::size_t set, const std::string& name, models::Checkpoint& to) {
  to.conditions.push_back(name);
  to.masks.push_back(from.masks[set]);
  to.normalisation.push_back(from.normalisation[set]);
  if (!from.ranges.empty()) to.ranges.push_back(from.ranges[set]);
}

}  // namespace

models::Checkpoint extended(const TrainJob& job, Recipe (*recipe_of)(const TrainJob&)) {
  check(job);
  const models::Checkpoint& deployed = *job.deployed;
  std::vector<std::string> wanted;
  TrainJob fresh = job;
  fresh.graph = deployed.graph;
  fresh.conditions.clear();
  fresh.spec.general_set = false;
  std::vector<graph::Mask> known;
  for (const corruptions::Condition& condition : job.conditions) {
    wanted.push_back(condition.canonical());
    const std::size_t set = set_of(deployed, wanted.back());
    if (set == none) {
      fresh.conditions.push_back(condition);
    } else {
      known.push_back(deployed.masks[set]);
    }
  }
  if (job.spec.general_set) {
    wanted.push_back("*");
    known.push_back(deployed.masks[set_of(deployed, "*")]);
  }
  if (fresh.conditions.empty())
    fail(job, "knows all conditions of the experiment", "add the condition that is to be learnt");
  if (known.empty())
    fail(job, "knows none of the experiment's conditions",
         "name those that it has, too, or take \"backbone\": \"frozen\"");
  fresh.initial = std::make_shared<const graph::TensorMap>(models::dense_weights(deployed));

  Recipe recipe = recipe_of(fresh);
  recipe.within = graph::united(known);
  // Where the budget allows all that is there, nothing is cut. With lanes the cut sees to them.
  const bool fits =
      job.spec.mac_budget == 1 || (job.spec.lanes == 1 && share(fresh.graph, recipe.within) <= job.spec.mac_budget);
  if (!recipe.masked || (!job.spec.latency_budget && fits)) recipe.fixed_masks = {recipe.within};
  const models::Checkpoint trained = run(fresh, recipe);

  models::Checkpoint all = deployed;
  all.conditions.clear();
  all.masks.clear();
  all.normalisation.clear();
  all.ranges.clear();
  all.estimator = core::Json();
  all.training = trained.training;
  core::Json kept = core::Json::array(), shares = core::Json::object(), top1 = core::Json::object();
  std::size_t learnt = 0;
  for (const std::string& name : wanted) {
    const std::size_t set = set_of(deployed, name);
    if (set == none) {
      add_set(trained, learnt++, name, all);
      // What it did not learn for itself, a private stem, is as it was given.
      for (const auto& [own, tensor] : deployed.normalisation.front())
        all.normalisation.back().emplace(own, fresh.initial->at(own));
    } else {
      add_set(deployed, set, name, all);
      kept.push_back(name);
    }
    shares[name] = share(all.graph, all.masks.back());
  }
  // A network's own copy of what all share is its first set's.
  for (const auto& [name, tensor] : all.normalisation.front()) all.weights[name] = tensor;
  top1 = trained.training.at("validation_top1");
  models::Network network(all);
  for (std::size_t k = 0; k < job.conditions.size(); ++k)
    if (!top1.contains(wanted[k]))
      if (const auto percent = validation_top1(network, job, job.conditions[k], all.input, static_cast<int>(k)))
        top1[wanted[k]] = *percent;
  all.training.update({{"options", job.spec.parameters()},
                       {"deployed", {{"kept", kept}}},
                       {"mac_share", shares},
                       {"validation_top1", top1}});
  models::add_trained_on(models::trained_on(deployed), all);
  // A network of one set calls it "*".
  if (core::Json& log = all.training["log"]; fresh.conditions.size() == 1 && log.contains("latency"))
    log["latency"]["predicted_ms"] = {
        {fresh.conditions.front().canonical(), log["latency"]["predicted_ms"].begin().value()}};
  return all;
}

}  // namespace automask::methods
