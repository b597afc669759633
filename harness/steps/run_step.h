#pragma once
// The program `automask-step`: executes one step in a process of its own, so that a crash is a row and `automask`
// need not load LibTorch. Usage: automask-step STEP.json RESULT_FOLDER. The folder is <cache>/<stage>/<key>.
#include <filesystem>
#include <string>
#include <vector>

#include "core/json.h"
#include "harness/step.h"
#include "results/store.h"

namespace automask::harness::steps {

// What a stage hands back; run_step turns it into result.json.
struct Outcome {
  std::vector<results::Metric> metrics;
  std::vector<results::RunRecord::Sample> samples;
  struct File {
    std::string kind, name;  // name relative to the step's folder
  };
  std::vector<File> files;
  core::Json details = core::Json::object();
};

// A stage's view of the world.
class Context {
 public:
  Context(Step step, std::filesystem::path folder);

  const Step& step() const { return step_; }
  const std::filesystem::path& folder() const { return folder_; }  // <store>/cache/<stage>/<key>
  std::filesystem::path store() const { return folder_.parent_path().parent_path().parent_path(); }
  core::JsonCursor parameters() const;
  core::JsonCursor locations() const;
  // Folder of the finished step that is the input `name`; Error(steps_failed) when the step has no such input.
  std::filesystem::path input_folder(const std::string& name, Stage stage) const;
  bool has_input(const std::string& name) const;
  int threads() const;  // for work whose result doesn't depend on it

  // JSON Lines on stdout, read by `automask`.
  void progress(const std::string& phase, double done, double total, const core::Json& more = {}) const;

 private:
  Step step_;
  std::filesystem::path folder_;
  std::string file_;
};

// In a costs step's folder; the file that `automask runners costs` writes.
inline constexpr const char* costs_file = "costs.json";

// True once SIGTERM or SIGINT has arrived: stages that can, checkpoint and throw Error(interrupted).
bool stop_requested();
// For stages that start anew: Error(interrupted) then.
void end_if_stopped(const Context& context);

Outcome run_variant(const Context& context);
Outcome run_costs(const Context& context);
Outcome run_train(const Context& context);
Outcome run_compile(const Context& context);
Outcome run_evaluate(const Context& context);
Outcome run_execute(const Context& context);

// Writes result.json, or failure.json with the state and the sentence; returns the exit code.
int run_step(const std::filesystem::path& step_file, const std::filesystem::path& folder);

}  // namespace automask::harness::steps
