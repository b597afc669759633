#pragma once
// What a job of `export` or `verify` is about, read: a checkpoint, a package, or both of a run.
#include <optional>
#include <string>

#include "core/json.h"
#include "hw_targets/package/package.h"
#include "models/checkpoint.h"

namespace automask::harness::package_tool {

struct Subject {
  std::string name;  // for messages
  core::Json run;    // null, or what the store knows (harness/source.h)
  std::optional<models::Checkpoint> checkpoint;
  std::optional<package::Package> package;
  std::string package_file;

  const graph::Shape& input() const { return checkpoint ? checkpoint->graph.input : package->graph.input; }
  const std::vector<std::string>& classes() const { return checkpoint ? checkpoint->classes : package->classes; }
};

// `job`: {"source": as find_source() says, "checkpoint": file beside a package or "", "model": name or "", ...}.
// Error(corrupt) where a file is damaged or of another version, Error(usage) where it does not fit.
Subject read_subject(const core::Json& job);

// A package's file; faults become Error(corrupt) with the remedy.
package::Package read_package(const std::string& file);

// Deterministic u8 noise, `count` pictures [N, H, W, C]: what networks are held against each other on where there are
// no pictures.
std::vector<std::uint8_t> noise_pictures(const graph::Shape& input, int count);

}  // namespace automask::harness::package_tool
