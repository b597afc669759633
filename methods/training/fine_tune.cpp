#include "methods/training/fine_tune.h"

#include <chrono>
#include <cmath>
#include <numbers>
#include <optional>
#include <stdexcept>

#include "core/error.h"
#include "methods/training/learner_state.h"
#include "methods/training/training_log.h"

namespace automask::methods {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t calibration_batches = 8;

// Batches behind those of the training itself, so that recalibration's are not seen again; pictures as they are.
std::vector<FakeQuantiser::Input> calibration_inputs(const Learner& learner, const FineTuning& tuning) {
  const bool own_parts = tuning.plan.parts_by_condition;
  std::vector<FakeQuantiser::Input> inputs;
  FeedPlan plan = tuning.plan;
  plan.augmentation = {};
  Feed feed(plan, tuning.first_batch, tuning.first_batch + calibration_batches, tuning.workers);
  for (std::int64_t i = 0; i < calibration_batches; ++i) {
    const Batch batch = feed.next();
    for (const Part& part : batch.parts) {
      const torch::Tensor x = tuning.shown(part, static_cast<double>(batch.pictures())).views[0];
      for (int k = 0; k < learner.network.conditions(); ++k)
        if (!own_parts || k == part.set) inputs.push_back({k, x});
    }
  }
  return inputs;
}

// Loss and gradients of a batch; empty where INT8's factors cannot hold what the weights have become.
std::optional<double> forward_backward(Learner& learner, const FineTuning& tuning, const Batch& batch) {
  double sum = 0;
  try {
    for (const Part& part : batch.parts) {
      const torch::Tensor loss =
          tuning.objective->loss(learner.network, tuning.shown(part, static_cast<double>(batch.pictures())));
      loss.backward();
      sum += loss.item<double>();
    }
  } catch (const std::invalid_argument&) {  // package::requantisation()
    return std::nullopt;
  }
  return sum;
}

}  // namespace

FineTuned fine_tune(Learner& learner, const FineTuning& tuning) {
  const auto pictures = static_cast<double>(tuning.plan.pictures->size());
  const std::int64_t steps =
      std::max<std::int64_t>(std::llround(tuning.options.epochs * pictures / tuning.plan.batch), 1);
  TrainingLog log(steps);
  std::int64_t step = 0;
  FakeQuantiser quantiser(learner.network, tuning.scaling);
  const auto saved = tuning.state.empty() ? std::nullopt : SavedState::find(tuning.state, tuning.identity);
  if (saved) {
    saved->guarded([&] {
      saved->fill(learner);
      quantiser.set_ranges(saved->state().at("ranges").get<FakeQuantiser::Ranges>());
      log.restore(saved->state().at("log"));
      step = saved->state().at("step").get<std::int64_t>();
    });
  } else {
    quantiser.calibrate(calibration_inputs(learner, tuning));
    learner.optimizer.rest();
  }
  const auto fault = [&](const std::string& what) {
    throw core::Error(core::ExitCode::steps_failed,
                      tuning.where + ", fine-tuning step " + std::to_string(step) + " of " + std::to_string(steps),
                      what + kept_state(tuning.state), "lower qat.learning_rate");
  };
  // Throws before anything is saved: the last good state stays.
  const auto save = [&] {
    if (!learner.optimizer.finite()) fault("a weight is no longer a finite number");
    if (tuning.state.empty()) return;
    save_state(learner, tuning.identity, {{"ranges", quantiser.ranges()}, {"log", log.state()}, {"step", step}},
               tuning.state);
  };

  learner.network.eval();  // statistics stay, nothing is dropped
  quantiser.attach();
  Feed feed(tuning.plan, tuning.first_batch + calibration_batches + step,
            tuning.first_batch + calibration_batches + steps, tuning.workers);
  Clock::time_point last_save = Clock::now();
  while (step < steps) {
    const Batch batch = feed.next();
    learner.optimizer.zero_gradients();
    const std::optional<double> loss = forward_backward(learner, tuning, batch);
    const double progress = static_cast<double>(step) / static_cast<double>(steps);
    ++step;
    if (!loss) fault("a weight is beyond what INT8 can hold");
    if (!std::isfinite(*loss)) fault("the loss is no longer a finite number");
    learner.optimizer.step(tuning.options.learning_rate * 0.5 * (1 + std::cos(std::numbers::pi * progress)));
    log.loss(step - 1, *loss);
    if (tuning.report) tuning.report(step, steps, *loss, batch.pictures());
    const bool stop = tuning.stop_requested && tuning.stop_requested();
    if (stop || Clock::now() - last_save >= std::chrono::seconds(tuning.checkpoint_seconds)) {
      save();
      last_save = Clock::now();
    }
    if (stop)
      throw core::Error(core::ExitCode::interrupted, tuning.where,
                        "stopped after fine-tuning step " + std::to_string(step) + " of " + std::to_string(steps),
                        "run again to continue from there");
  }
  save();
  return {quantiser.ranges(), {{"steps", steps}, {"losses", log.losses()}}};
}

}  // namespace automask::methods
