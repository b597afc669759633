#include "models/bundle.h"

#include "core/atomic_file.h"
#include "core/error.h"

namespace automask::models {
namespace {

constexpr const char* index_name = "bundle.json";

std::string member_name(std::size_t k) { return "member-" + std::to_string(k) + ".safetensors"; }
constexpr const char* backbone_name = "backbone.safetensors";

}  // namespace

std::vector<std::string> save_bundle(const Bundle& bundle, const std::filesystem::path& folder) {
  std::vector<std::string> files;
  const auto save = [&](const Checkpoint& checkpoint, const std::string& name) {
    save_checkpoint(checkpoint, folder / name);
    files.push_back(name);
  };
  for (std::size_t k = 0; k < bundle.members.size(); ++k) save(bundle.members[k], member_name(k));
  for (const Checkpoint& backbone : bundle.backbone) save(backbone, backbone_name);
  const core::Json index = {{"schema_version", 1},
                            {"kind", bundle.kind},
                            {"conditions", bundle.conditions},
                            {"backbone", !bundle.backbone.empty()},
                            {"estimator", bundle.estimator},
                            {"training", bundle.training}};
  core::write_file_atomically(folder / index_name, index.dump(1) + "\n");
  files.emplace_back(index_name);
  return files;
}

bool holds_bundle(const std::filesystem::path& folder) {
  std::error_code ignored;
  return std::filesystem::exists(folder / index_name, ignored);
}

Bundle load_bundle(const std::filesystem::path& folder) {
  const auto file = folder / index_name;
  const core::Json json = core::read_json_file(file, core::ExitCode::corrupt);
  const core::JsonCursor index(json, file.string(), "", core::ExitCode::corrupt);
  if (index.at("schema_version").integer() != 1) index.at("schema_version").fail("is not 1", "train again");
  Bundle bundle;
  bundle.kind = index.at("kind").string();
  bundle.conditions = index.at("conditions").strings();
  if (bundle.conditions.empty()) index.at("conditions").fail("is empty", "train again");
  for (std::size_t k = 0; k < bundle.conditions.size(); ++k)
    bundle.members.push_back(load_checkpoint(folder / member_name(k)));
  if (index.at("backbone").boolean()) bundle.backbone.push_back(load_checkpoint(folder / backbone_name));
  bundle.estimator = index.at("estimator").value();
  bundle.training = index.at("training").value();
  return bundle;
}

}  // namespace automask::models
