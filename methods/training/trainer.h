#pragma once
// The training loop that all methods share, so that they differ in nothing but their recipe. No LibTorch here.
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "corruptions/condition.h"
#include "methods/method.h"
#include "methods/training/feed.h"

namespace automask::methods {

class Objective;

struct Recipe {
  std::vector<corruptions::Condition> conditions;  // what training pictures are shown under
  // A set of normalisation and mask per condition; batches come in parts, one per condition. Else one set for all.
  bool own_sets = false;
  // With own sets: whether their normalisations are one and the same, so that only masks differ. A batch's parts are
  // then shown together.
  bool shared_normalisation = false;
  // With own sets: one more, the last, which is shown a part of mixed conditions.
  bool general_set = false;
  bool masked = false;          // channels are cut to the spec's budget
  double consensus = 1;         // as in MethodSpec
  std::vector<int> mask_group;  // of each set, where sets share masks; empty: each has its own

  // Sets that don't belong to conditions, e.g. widths, by the names that the checkpoint gives them. Every part is shown
  // to the objective once, with condition 0, and calibrates every set; own_sets must be false.
  std::vector<std::string> set_names;

  std::optional<graph::Graph> graph;  // in place of the job's, e.g. with a denoiser in front
  std::optional<double> mac_budget;   // share of that graph's MACs, in place of the spec's
  graph::TensorMap initial;           // tensors of that graph that shall not be drawn, by name
  bool even = false;   // every group is thinned alike to the spec's budgets before the first step; masks stay so
  graph::Mask within;  // channels that masks may keep; empty: all
  std::vector<graph::Mask> fixed_masks;  // one per set, or one for all: from the first step on, instead of a ramp
  std::vector<ExtraView> extra_views;    // made of every picture shown; Shown::views
  std::function<std::unique_ptr<Objective>(const TrainJob&)> objective;  // empty: Objective itself
};

models::Checkpoint run(const TrainJob& job, const Recipe& recipe);

}  // namespace automask::methods
