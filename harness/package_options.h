#pragma once
// Options that `export` and `verify` share: what they are about, and how its package is made.
#include <optional>
#include <string>

#include "core/json.h"
#include "harness/commands/commands.h"

namespace automask::harness {

struct PackageOptions {
  std::string source, model, classes, numbers, rule, progress = "auto";
  std::int64_t pictures = 256;       // as the compile step calibrates
  std::optional<std::int64_t> seed;  // default: the run's, else 0
};

// All but SOURCE.
void add_package_options(CLI::App& command, PackageOptions& options);

// The job for automask-package, without "command" and what only one of them has.
core::Json package_job(const Commands& commands, const PackageOptions& options);

}  // namespace automask::harness
