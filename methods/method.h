#pragma once
// A method obtains a network from (model, data, conditions): start here. One method a file; method.cpp has the table.
// No LibTorch in this header.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "corruptions/condition.h"
#include "datasets/picture_set.h"
#include "graph/graph.h"
#include "methods/catalogue.h"
#include "models/checkpoint.h"
#include "models/zoo.h"

namespace automask::methods {

struct Progress {
  std::int64_t step = 0, steps = 0;
  double loss = 0, macs_share = 1, pictures_per_second = 0;
  std::string phase;  // "train", "recalibrate", "fine-tune", "estimator"
};

struct TrainJob {
  graph::Graph graph;
  MethodSpec spec;
  std::vector<corruptions::Condition> conditions;  // those to adapt to; `clean` among them if wanted
  // Clean pictures; corrupted on the fly, fresh at each view. Of no epochs only the classes are looked at.
  const datasets::PictureSet* train = nullptr;
  const datasets::PictureSet* validation = nullptr;  // held out of train; may be empty
  // What the model's published weights expect of pictures; without it the scaling is the training pictures' own.
  std::optional<models::Preprocessing> preprocessing;
  // The training pictures' own scaling where it is known; else whoever needs it goes through all of them.
  std::optional<models::InputScaling> scaling;
  // Where training starts: of parameter_shapes(graph); tensors that are not there, and all where it is null, are drawn
  // from the seed.
  std::shared_ptr<const graph::TensorMap> initial;
  // Of Backbone::deployed: the network that is extended (methods/deployed.h).
  std::shared_ptr<const models::Checkpoint> deployed;
  // The finished trainings that this one builds on, by role (methods/prerequisites.h).
  std::map<std::string, std::shared_ptr<const models::Checkpoint>> prerequisites;
  const models::Checkpoint& prerequisite(const std::string& role) const;  // Error(internal) where it is missing
  std::uint64_t seed = 0;
  // Resumable state lives here; a job that finds some continues and ends with the same bits as an undisturbed one.
  std::filesystem::path work_folder;
  std::function<void(const Progress&)> progress;  // may be empty; called about once a second
  std::function<bool()> stop_requested;           // may be empty; true: checkpoint, then Error(interrupted)
};

// Trains and returns the checkpoint. Error(steps_failed) on NaN loss (keeps the last good checkpoint, names the
// step), on budgets that cannot be met (names the smallest possible).
models::Checkpoint train(const TrainJob& job);

// The estimator of the checkpoint's conditions, trained on the job's pictures, and how often it is right on those held
// out; nothing where there is one condition. Which set serves `estimator.others` is measured first.
void add_estimator(const TrainJob& job, models::Checkpoint& checkpoint);

// Top-1 of a checkpoint's network on pictures under normalisation and mask `k`, by LibTorch; the reference.
double reference_top1(const models::Checkpoint& checkpoint, const datasets::PictureSet& pictures, int k, int threads);

}  // namespace automask::methods
