#pragma once
// What `plan` says about each step: finished or not, why not, and how long it may take.
#include <optional>
#include <string>
#include <vector>

#include "harness/cache.h"
#include "harness/plan.h"

namespace automask::harness {

struct StepStatus {
  bool hit = false;
  double seconds = 0;      // hit: what it took; miss: by former steps of its kind or stage, or guessed
  bool estimated = false;  // a miss whose time is known from former steps
  bool guessed = false;    // a miss whose time is known from no step: an order of magnitude
  std::int64_t bytes = 0;  // the same for its files; 0 where nobody knows
  std::string why;         // of a miss, where asked for
};

// One status per step of the plan. With `explain`, misses say which fields differ from the nearest finished step of
// the same stage: "/method/mac_budget: 0.5 -> 0.4".
std::vector<StepStatus> inspect(const Plan& plan, const Cache& cache, bool explain);

// Fields of two step.json documents that decide the key and differ, "POINTER: OLD -> NEW"; inputs are named by the
// steps that make them.
std::vector<std::string> differences(const core::Json& former, const core::Json& now);

}  // namespace automask::harness
