#include "harness/steps/members.h"

#include <fmt/format.h>

#include "core/atomic_file.h"
#include "hw_targets/package/package.h"

namespace automask::harness::steps {
namespace {

constexpr const char* index_name = "packages.json";

}  // namespace

bool holds_packages(const std::filesystem::path& folder) {
  std::error_code ignored;
  return std::filesystem::exists(folder / index_name, ignored);
}

std::string package_name(std::size_t k) { return fmt::format("package-{}.safetensors", k); }

void write_package_index(const std::filesystem::path& folder, const models::Bundle& bundle) {
  const core::Json index = {{"conditions", bundle.conditions}, {"estimator", bundle.estimator}};
  core::write_file_atomically(folder / index_name, index.dump() + "\n");
}

PackageIndex read_package_index(const std::filesystem::path& folder) {
  const auto file = folder / index_name;
  const core::Json json = core::read_json_file(file, core::ExitCode::corrupt);
  PackageIndex index;
  index.conditions = core::JsonCursor(json, file.string(), "", core::ExitCode::corrupt).at("conditions").strings();
  if (json.contains("estimator") && !json.at("estimator").is_null())
    index.estimator = package::estimator_from_json(json.at("estimator"), index.conditions.size(), file.string());
  return index;
}

}  // namespace automask::harness::steps
