#pragma once
// Cells whose network is several (models/bundle.h): their packages, and how a runner executes them one after the other.
#include <filesystem>
#include <string>
#include <vector>

#include "harness/steps/run_step.h"
#include "hw_targets/package/estimator.h"
#include "models/bundle.h"

namespace automask::harness::steps {

// What the compile step leaves beside package-<k>.safetensors: {"conditions": [...], "estimator": ...}.
bool holds_packages(const std::filesystem::path& folder);
std::string package_name(std::size_t k);
void write_package_index(const std::filesystem::path& folder, const models::Bundle& bundle);
struct PackageIndex {
  std::vector<std::string> conditions;  // one per package
  package::Estimator estimator;         // empty where there is none
};
PackageIndex read_package_index(const std::filesystem::path& folder);

// Stage compile of a bundle, and stage execute of its packages.
Outcome compile_members(const Context& context);
Outcome execute_members(const Context& context);

}  // namespace automask::harness::steps
