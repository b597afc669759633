#pragma once
// What `export` and `verify` are about: a run of the store, or a file.
#include <string>

#include "core/json.h"
#include "harness/commands/commands.h"

namespace automask::harness {

// `text` is a file, or else the beginning of a run's key. For the child program, which reads it:
//   {"name": text, "file": path or "", "checkpoint" and "package": paths of a run's or "",
//    "run": null or {"key", "model", "method", "dataset": its name, "data": its entry with an absolute path,
//    "conditions",
//                    "training_conditions", "seed", "corruption_seed", "target_name", "target": the manifest's entry of
//                    it}}
// Error(usage) where there is neither file nor run; Error(steps_failed) where a run left no package, or its files are
// gone.
core::Json find_source(const Commands& commands, const std::string& text);

// What files made of it are called: "tinynet-automask-00ad88b694" for a run, else the file's name without its ending.
std::string source_stem(const core::Json& source);

// The folder of --data for it: {"folder": absolute path or ""}; Error(usage) where NAME= names another data set than
// the run's.
core::Json data_request(const Commands& commands, const core::Json& source);

}  // namespace automask::harness
