#pragma once
// What the commands of `automask` share: global options and the way from a manifest's path to its plan.
#include <CLI/CLI.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "harness/cache.h"
#include "harness/fingerprints.h"
#include "harness/manifest.h"
#include "harness/plan.h"
#include "results/query.h"

namespace automask::harness {

struct Commands {
  std::optional<std::string> store;
  std::vector<std::string> data;
  std::optional<int> threads;  // default: all cores
  std::string format = "table";
  std::function<int()> action;  // of the command that was given; returns the exit code

  StoreLayout layout() const { return find_store(store); }
  results::Format table_format() const { return results::parse_format(format); }
  int thread_count() const;
};

// The manifest's path and what overrides it, the same for validate, plan, run and doctor.
struct ManifestOptions {
  std::string file;
  std::string device;  // of the trainings; empty: as the manifest says
  std::vector<std::string> set, filter, weights;
  std::optional<long long> limit;

  void add_to(CLI::App& command, bool with_filter);
  Manifest read(const Commands& commands) const;
  // Indices of the cells that all filters let through; Error(nothing_ran) where none is left.
  std::vector<std::size_t> choose(const Manifest& manifest, const std::vector<Cell>& cells) const;
};

// Built in, /etc/automask/runners, ~/.config/automask/runners, AUTOMASK_RUNNERS, and runners/ of a store named by
// --store or AUTOMASK_STORE.
std::vector<host::RunnerSpec> runner_registry(const Commands& commands);

// Plans all cells: fingerprints of data come from the store's cache, environments from this machine. `weights`: as
// weight_folders() (weights.h) takes them.
Plan plan_for(const Manifest& manifest, const std::vector<Cell>& cells, const std::vector<std::string>& weights,
              const Commands& commands);

// The store's database; Error(nothing_ran) where there is none.
results::Store open_database(const Commands& commands);
// A whole run key from its beginning; Error(usage) under `where` where no run's begins so, or several do.
std::string full_run_key(const results::Store& store, const std::string& prefix, const std::string& where);

// --format json: one document on stdout. Bytes that are no UTF-8 are replaced.
void print_document(const core::Json& document);

// A group of commands, given without one of them, shows its help.
void help_alone(CLI::App& group, Commands& commands);

void add_init(CLI::App& app, Commands& commands);
void add_validate(CLI::App& app, Commands& commands);
void add_plan(CLI::App& app, Commands& commands);
void add_run(CLI::App& app, Commands& commands);
void add_corrupt(CLI::App& app, Commands& commands);
void add_evaluate(CLI::App& app, Commands& commands);
void add_models(CLI::App& app, Commands& commands);
void add_export(CLI::App& app, Commands& commands);
void add_update(CLI::App& app, Commands& commands);
void add_verify(CLI::App& app, Commands& commands);
void add_runners(CLI::App& app, Commands& commands);
void add_calibrate(CLI::App& runners, Commands& commands);  // of the group `runners`
void add_costs(CLI::App& runners, Commands& commands);      // likewise
void add_query(CLI::App& app, Commands& commands);
void add_show(CLI::App& app, Commands& commands);
void add_report(CLI::App& app, Commands& commands);
void add_db(CLI::App& app, Commands& commands);
void add_doctor(CLI::App& app, Commands& commands);
void add_completion(CLI::App& app, Commands& commands);

}  // namespace automask::harness
