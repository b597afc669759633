#pragma once
// A step: the unit of work, of caching and of failure. `automask` plans steps; `automask-step` executes one.
#include <filesystem>
#include <string>
#include <vector>

#include "core/json.h"
#include "harness/work.h"

namespace automask::harness {

enum class Stage { variant, costs, train, compile, evaluate, execute };
std::string_view to_string(Stage stage);
Stage parse_stage(const std::string& name);

// Raised by hand when a stage's results change; guarded by golden tests (tests/golden). The commit is only recorded.
int code_version(Stage stage);

// key = SHA-256 over stage, code version, canonical parameters, and the keys or digests of the inputs.
//
// parameters, by stage (all canonical, complete with defaults; nothing that doesn't decide the result):
//   variant  {"dataset": DatasetSpec::parameters(), "split": "test", "condition": "...", "seed": n}
//            inputs {"data": fingerprint}
//   costs    {"model": {...}, "dataset": ..., "runner": name, "options": {...}, "lanes": n, "shares":
//            [...], "runs": n, "environment": digest}
//            inputs {"data": fingerprint of train}, for its number of classes
//   train    {"dataset": ..., "model": {...}, "method": MethodSpec::parameters(), "conditions": [...], "seed": n}
//            inputs {"data": fingerprint of train}; the keys of trainings it builds on (methods/prerequisites.h) and of
//            "costs" where a latency_budget names a target
//   compile  {"verify_pictures": n}; for fp16 and int8 also "format", for int8 {"calibration": {"rule", "pictures"},
//            "dataset", "conditions", "seed"}
//            inputs {"checkpoint": key of train, "pictures": key of a variant}, for int8 {"data": fingerprint of train}
//   evaluate {"conditions", "held_out", "pictures": n, "threads": n}; "method": {...} where it decides the accuracy
//            inputs {"checkpoint": key of train, "variant:<condition>": key, ...}
//   execute  {"runner": name, "options": {...}, "conditions": [...], "seed": n, "environment": digest}; also
//            "held_out": [...] where conditions are tested that none was trained on
//            inputs {"package": key of compile, "variant:<condition>": key, ...}
struct Step {
  std::string key;
  Stage stage = Stage::variant;
  std::string label;  // for people: "train fashion_mnist resnet8 automask seed 0"
  core::Json parameters;
  std::vector<std::pair<std::string, std::string>> inputs;  // name -> key of a step or digest of data
  std::vector<std::string> needs;                           // keys of steps that must have finished
  core::Json locations;  // paths and commands the step needs but that don't decide its result (data
                         // folder, runner command); not part of the key
  Work work;             // for estimates; not part of the key
};

// What a finished step leaves in cache/<stage>/<key>/: its files and, last and atomically, result.json:
// {"schema_version": 1, "key", "stage", "state": "passed"|..., "reason", "started", "finished", "seconds",
//  "metrics": [...], "samples": [...], "artifacts": [{"kind", "file", "bytes", "sha256"}], "environment", "details"}.
// A failed attempt writes failure.json of the same form instead and is tried again by the next run.

// The key as above; inputs are hashed in the order given.
std::string step_key(Stage stage, const core::Json& parameters,
                     const std::vector<std::pair<std::string, std::string>>& inputs);

// {"schema_version": 1, "key", "stage", "code_version", "label", "parameters", "inputs": [[name, digest], ...],
//  "needs", "locations", "work"}: the file automask-step is started with.
core::Json to_json(const Step& step);
Step step_from_json(const core::JsonCursor& cursor);

}  // namespace automask::harness
