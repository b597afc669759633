#pragma once
// From cells to the directed graph of steps, shared between cells, with their keys. `plan` shows it, `run` executes it.
#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "harness/manifest.h"
#include "harness/resolve.h"
#include "harness/step.h"
#include "hw_targets/host/host.h"

namespace automask::harness {

// The steps of one cell, as indices into Plan::steps.
struct PlannedCell {
  Cell cell;
  std::string run_key;       // content address of the cell's run in the database
  std::string portable_key;  // <steps>-<names>, both without the machine: by it a published cell is known again
  std::vector<std::size_t> variants;  // one per condition, then one per held-out condition
  std::vector<std::size_t> before;    // what `train` builds on: teacher, candidates for the consensus, costs of layers
  std::size_t train = 0, compile = 0;
  std::optional<std::size_t> evaluate;  // beside the execution: a network's sets under conditions that aren't theirs
  std::size_t execute = 0;              // the step that gives the accuracy; an evaluation where no runner can

  std::vector<std::size_t> steps() const;  // all of them, in the order of execution
};

struct Plan {
  std::vector<Step> steps;                      // what a step needs stands before it
  std::vector<std::vector<std::size_t>> needs;  // per step, indices
  std::vector<PlannedCell> cells;
};

// What a portable key says of the steps alone: equal in cells that give the same result, whatever they are called.
std::string steps_of_portable_key(const std::string& portable_key);

// What planning asks of the world.
struct PlanContext {
  std::function<std::string(const datasets::DatasetSpec&, datasets::Split)> fingerprint;
  std::function<std::filesystem::path(const std::string& model)> published_weights;  // Error where there are none
  std::function<std::string(const std::filesystem::path&)> file_digest;
  std::function<host::RunnerSpec(const std::string& name)> runner;  // Error(usage) on an unknown one
  std::function<std::string(const host::RunnerSpec&)> environment_digest;
  int threads = 1;  // for work whose result does not depend on it
};

Plan make_plan(const Manifest& manifest, const std::vector<Cell>& cells, const PlanContext& context);

// The conditions a method trains on; a method for clean pictures is not trained again when conditions change.
std::vector<std::string> training_conditions(const Manifest& manifest, const methods::MethodSpec& method);

}  // namespace automask::harness
