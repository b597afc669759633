#include "methods/training/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace automask::methods {
namespace {

// Often enough for a smooth ramp, seldom enough to cost nothing.
constexpr std::int64_t cuts = 100;

}  // namespace

std::int64_t freeze_step(std::int64_t steps, double freeze_at) {
  return std::clamp<std::int64_t>(static_cast<std::int64_t>(freeze_at * double(steps) + 1e-9), 1,
                                  std::max<std::int64_t>(steps, 1));
}

Schedule::Schedule(const TrainOptions& train, std::size_t pictures, double share, double freeze)
    : options(train), budget(share), freeze_at(freeze) {
  steps = std::max<std::int64_t>(std::llround(train.epochs * double(pictures) / train.batch), 1);
}

std::int64_t Schedule::warmup_steps() const { return std::llround(options.warmup * double(steps)); }

double Schedule::learning_rate(std::int64_t step) const {
  const std::int64_t warmup = warmup_steps();
  if (step < warmup) return options.learning_rate * double(step + 1) / double(warmup);
  const double progress = double(step - warmup) / double(std::max<std::int64_t>(steps - warmup, 1));
  return options.learning_rate * 0.5 * (1 + std::cos(std::numbers::pi * progress));
}

double Schedule::ramp(std::int64_t done) const {
  if (done >= freeze_step()) return 1;
  const std::int64_t start = std::min(warmup_steps(), freeze_step());
  if (done <= start) return 0;
  return double(done - start) / double(freeze_step() - start);
}

bool Schedule::cuts_after(std::int64_t done) const {
  if (done == freeze_step()) return true;
  return done > warmup_steps() && done < freeze_step() && done % std::max<std::int64_t>(freeze_step() / cuts, 1) == 0;
}

}  // namespace automask::methods
