#pragma once
// A manifest, checked: start here. Data sets x models x methods x targets x seeds make the cells of an experiment.
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "corruptions/condition.h"
#include "datasets/spec.h"
#include "harness/document.h"
#include "methods/catalogue.h"

namespace automask::harness {

struct ModelSpec {
  std::string name;       // the manifest's key
  core::Json parameters;  // {"name": "resnet8", "width": 16}
};

struct TargetSpec {
  std::string name;    // the manifest's key
  std::string runner;  // a registered runner
  int threads = 1;
  std::string format = "fp32";  // fp32, fp16, int8
  int warmup = 20;              // inferences before the timed ones
  int repetitions = 1;          // times each picture is visited
  int min_latencies = 50;       // per condition: pictures are visited again until there are so many
  double min_seconds = 0;       // of latencies per condition, likewise
  int interleave = 1;           // cells measured by turns, so that drift strikes them alike; 1: one after the other
  std::int64_t limit = 0;       // pictures executed per condition; 0: the whole test split
  double clock_mhz = 0;         // asked of the runner; 0: its own choice

  core::Json options() const;  // canonical, complete; without the runner's name
};

// What a runner is asked to prepare, of a target's options.
core::Json preparation(const core::Json& options);

// Which values of the four axes (and seeds) are combined; see Manifest::matrix.
struct Matrix {
  std::vector<std::string> dataset, model, method, target;  // names; all of the manifest's when left out
  std::vector<std::vector<std::string>> zip;                // axes that advance together
  std::vector<core::Json> include;                          // {"method": "x", ...}: added; axes left out take all
  std::vector<core::Json> exclude;                          // the same with globs: removed
};

// A bound on a metric; `run` ends with exit code 6 where it is missed. Names are globs, empty means any.
struct Gate {
  std::string metric, condition, dataset, model, method, target;
  std::optional<double> min, max;
};

// How often each condition is met: "70 % clean". Accuracy, MACs and latency are reported weighted so, too.
struct Mix {
  std::string name;
  std::vector<double> weights;  // one per condition of the manifest; their sum is 1
};

struct Manifest {
  std::filesystem::path file;
  std::string name;  // of the experiment, in tables and folders
  std::string description;
  core::Json document;  // resolved and canonical: includes merged, overrides applied, remarks removed
  std::string sha256;   // of document.dump()

  std::vector<datasets::DatasetSpec> datasets;
  std::vector<corruptions::Condition> conditions;
  std::vector<corruptions::Condition> held_out;  // tested apart, never trained on
  std::vector<Mix> mixes;
  std::vector<ModelSpec> models;
  std::vector<methods::MethodSpec> methods;
  std::vector<TargetSpec> targets;
  Matrix matrix;
  std::vector<std::int64_t> seeds = {0};
  int repetitions = 1;                // attempts at each cell that are executed (and timed) anew
  std::uint64_t corruption_seed = 0;  // of the test variants, the same for every cell
  std::vector<Gate> gates;

  // A file that the manifest names beside itself.
  std::filesystem::path beside(const std::string& other) const {
    return (file.parent_path() / other).lexically_normal();
  }
};

// Checks everything that can be checked without reading data or starting a runner: keys, types, ranges, names,
// models against input sizes. Error(invalid_manifest) names file and JSON pointer, with "did you mean".
Manifest parse_manifest(const Document& document);

}  // namespace automask::harness
