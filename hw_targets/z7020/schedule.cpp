#include "hw_targets/z7020/schedule.h"

#include <algorithm>
#include <utility>

#include "hw_targets/z7020/arithmetic.h"
#include "hw_targets/z7020/hls/parameters.h"

namespace automask {
namespace z7020 {
namespace {

bool meet(const Region& a, const Region& b) {
  return a.storage == b.storage && a.first_plane < b.first_plane + b.planes &&
         b.first_plane < a.first_plane + a.planes && a.top < b.bottom && b.top < a.bottom && a.left < b.right &&
         b.left < a.right;
}

}  // namespace

// The first step in which all of the region is in DDR.
int Schedule::ready(const Region& region) const {
  int step = 0;
  if (region.storage < 0) return step;
  for (const Stored& stored : stored_)
    if (meet(stored.region, region)) step = std::max(step, stored.step + 1);
  return step;
}

void Schedule::grow(int step, int layer) {
  while (static_cast<int>(steps_.size()) <= step) {
    steps_.emplace_back();
    steps_.back().layer = layer;
    time_.emplace_back();
  }
}

double Schedule::slack(int step) const { return time_[index(step)].unit - time_[index(step)].ddr; }

// For one more load: a step's compute, store and end have their places.
bool Schedule::has_room(int step) const {
  return step >= static_cast<int>(steps_.size()) ||
         static_cast<int>(steps_[index(step)].loads.size()) < hls::step_instructions - 3;
}

int Schedule::place(const Load& load, int layer) {
  int earliest = std::max(ready(load.reads), free_after_[static_cast<int>(load.buffer)][load.half] + 1);
  if (load.picture) earliest = std::max(earliest, 1);
  const double cycles = traffic(load.instruction).cycles(bandwidth_);
  // Up to the step of the last compute there is something to hide behind; the step with the most time left, and of
  // equals the latest, so that early steps stay free for what only they can take.
  int best = -1;
  for (int step = earliest; step <= last_compute_; ++step)
    if (has_room(step) && (best < 0 || slack(step) >= slack(best))) best = step;
  if (best < 0) {
    best = std::max(earliest, last_compute_ + 1);
    while (!has_room(best)) ++best;
  }
  grow(best, layer);
  time_[index(best)].ddr += cycles;
  steps_[index(best)].loads.push_back(load.instruction);
  return best;
}

void Schedule::load_table(const Instruction& instruction, int layer) {
  grow(0, layer);
  steps_[0].loads.push_back(instruction);
  time_[0].ddr += traffic(instruction).cycles(bandwidth_);
  has_table_ = true;
}

void Schedule::add(const Compute& compute) {
  int step = last_compute_ + 1;
  for (const Load& load : compute.loads) step = std::max(step, place(load, compute.layer) + 1);
  grow(step, compute.layer);
  steps_[index(step)].layer = compute.layer;
  steps_[index(step)].computes.push_back(compute.instruction);
  time_[index(step)].unit += unit_cycles(compute.instruction);
  for (int b = 0; b < buffers; ++b) {
    if (compute.half_of[b] < 0) continue;
    int& free_after = free_after_[b][compute.half_of[b]];
    free_after = std::max(free_after, step);
  }
  last_compute_ = step;
  if (!compute.stores) return;
  grow(step + 1, compute.layer);
  steps_[index(step + 1)].stores.push_back(compute.store);
  time_[index(step + 1)].ddr += traffic(compute.store).cycles(bandwidth_);
  stored_.push_back({compute.writes, step + 1});
}

std::vector<Step> Schedule::take() {
  std::vector<Step> taken = std::move(steps_);
  *this = Schedule(bandwidth_);
  return taken;
}

}  // namespace z7020
}  // namespace automask
