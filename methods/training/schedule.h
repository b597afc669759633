#pragma once
// What changes over the steps of a training: rate and budget. Pure functions of the step. No LibTorch here.
#include <cstdint>

#include "methods/catalogue.h"

namespace automask::methods {

// 1 at least, where there is a step.
std::int64_t freeze_step(std::int64_t steps, double freeze_at);

struct Schedule {
  TrainOptions options;
  std::int64_t steps = 1;
  double budget = 1;  // share of the dense MACs, or of the dense time
  double freeze_at = MethodSpec().freeze_at;

  Schedule(const TrainOptions& train, std::size_t pictures, double share, double freeze_at = MethodSpec().freeze_at);

  std::int64_t warmup_steps() const;
  // Rises linearly over the warm-up, then falls to 0 as half a cosine (Loshchilov and Hutter, "SGDR", ICLR 2017).
  double learning_rate(std::int64_t step) const;

  // Masks freeze when so many steps are done.
  std::int64_t freeze_step() const { return methods::freeze_step(steps, freeze_at); }
  // The share allowed after `done` steps: 1 until the warm-up's end, linear down to the budget at freeze.
  double share(std::int64_t done) const { return done >= freeze_step() ? budget : 1 - (1 - budget) * ramp(done); }
  // How much of that way has been gone, [0, 1].
  double ramp(std::int64_t done) const;
  // Whether masks are cut anew after `done` steps; the last time at freeze.
  bool cuts_after(std::int64_t done) const;
};

}  // namespace automask::methods
