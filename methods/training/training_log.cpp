#include "methods/training/training_log.h"

#include <algorithm>

namespace automask::methods {

void TrainingLog::loss(std::int64_t step, double value) {
  Mean& mean = losses_[std::min(step * points / steps_, points - 1)];
  mean.sum += value;
  ++mean.count;
}

void TrainingLog::cut(std::int64_t step, double share, double overlap) {
  const core::Json entry = {{"step", step}, {"mac_share", share}, {"overlap", overlap}};
  const auto stretch = [&](const core::Json& e) { return e.at("step").get<std::int64_t>() * points / steps_; };
  if (!cuts_.empty() && stretch(cuts_.back()) == stretch(entry)) {
    cuts_.back() = entry;
  } else {
    cuts_.push_back(entry);
  }
}

core::Json TrainingLog::losses() const {
  core::Json curve = core::Json::array();
  for (const Mean& mean : losses_)
    if (mean.count != 0) curve.push_back(mean.sum / static_cast<double>(mean.count));
  return curve;
}

core::Json TrainingLog::state() const {
  core::Json losses = core::Json::array();
  for (const Mean& mean : losses_) losses.push_back({mean.sum, mean.count});
  return {{"losses", losses}, {"cuts", cuts_}};
}

void TrainingLog::restore(const core::Json& state) {
  for (std::size_t i = 0; i < losses_.size(); ++i)
    losses_[i] = {state.at("losses").at(i).at(0).get<double>(), state.at("losses").at(i).at(1).get<std::int64_t>()};
  cuts_ = state.at("cuts");
}

}  // namespace automask::methods
