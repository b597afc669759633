#pragma once
// From a condition's pictures to a runner's outputs and metrics: what executing one package and executing several
// share.
#include <cstdint>
#include <string>
#include <vector>

#include "datasets/picture_set.h"
#include "harness/steps/run_step.h"
#include "harness/steps/spot_check.h"
#include "hw_targets/host/interleave.h"

namespace automask::harness::steps {

// Pictures of a condition that the target executes at most: its `limit`, or all.
std::size_t most_executed(const Context& context);
// So many of them, evenly spread.
datasets::PictureSet executed_pictures(const Context& context, const std::string& condition);

std::int64_t count_correct(const host::CellResult& run, const std::vector<int>& labels);

// 100 hits / n with its Wilson interval.
void add_share(Outcome& outcome, const std::string& name, const std::string& condition, std::int64_t hits,
               std::int64_t n, const std::string& evidence);

// Accuracy, and quantiles of latencies where there are any; `prefix` tells how the condition was chosen.
void add_results(Outcome& outcome, const std::string& prefix, const std::string& condition, const host::CellResult& run,
                 const std::vector<int>& labels, const std::string& evidence);

// The same and mean latency, throughput, energy and the raw latencies.
void add_metrics(Outcome& outcome, const std::string& condition, const host::CellResult& run,
                 const std::vector<int>& labels, const std::string& evidence);

// What is said of a runner whose outputs fail the check.
std::string disagreement(const std::string& condition, const SpotCheck& check);

}  // namespace automask::harness::steps
