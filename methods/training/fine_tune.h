#pragma once
// The stage behind the training proper: INT8 quantisation-aware fine-tuning of the shrunk, recalibrated network.
#include <filesystem>
#include <functional>

#include "methods/objectives/objective.h"
#include "methods/training/fake_quantiser.h"
#include "methods/training/feed.h"
#include "methods/training/learner.h"

namespace automask::methods {

struct FineTuning {
  std::string where;  // for errors: "training NAME"
  QatOptions options;
  FeedPlan plan;
  std::int64_t first_batch = 0;  // of the feed: behind what the stages before it were shown
  int workers = 1;
  std::function<Shown(const Part&, double pictures)> shown;
  Objective* objective = nullptr;
  models::InputScaling scaling;
  core::Json identity;          // of the job
  std::filesystem::path state;  // file; empty: none is kept
  int checkpoint_seconds = 20;
  std::function<void(std::int64_t step, std::int64_t steps, double loss, std::size_t pictures)> report;
  std::function<bool()> stop_requested;  // may be empty
};

struct FineTuned {
  FakeQuantiser::Ranges ranges;  // that the weights were trained for
  core::Json log;                // {"steps", "losses"}
};

// Moves the learner's weights, normalisations' scales and biases; running statistics stay as they are. Ranges are
// calibrated on the first batches, then fixed. Error(steps_failed) on a loss that is no finite number,
// Error(interrupted) when asked to stop; a state found is continued with the same bits.
FineTuned fine_tune(Learner& learner, const FineTuning& tuning);

}  // namespace automask::methods
