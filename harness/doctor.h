#pragma once
// Whether this machine can do the work: `automask doctor`.
#include <optional>
#include <string>
#include <vector>

#include "harness/manifest.h"
#include "harness/store_layout.h"
#include "hw_targets/host/host.h"

namespace automask::harness {

struct Check {
  std::string name;
  std::string status;  // ok, warn, fail
  std::string finding;
  std::string remedy;  // empty where nothing is to be done
};

// Looks at store, disk, automask-step, runners, data, SQLite and the CPU's clock governor. With a manifest its data
// sets and targets are looked at, else the default data set and all registered runners.
std::vector<Check> examine(const StoreLayout& store, const std::vector<host::RunnerSpec>& registry,
                           const std::optional<Manifest>& manifest);

}  // namespace automask::harness
