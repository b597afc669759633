#include "models/trained_on.h"

#include <algorithm>

namespace automask::models {
namespace {

constexpr const char* record_key = "trained_on";

// A set for all pictures and widths (harness/conditions.h) are no conditions.
bool is_condition(const std::string& set) { return set != "*" && !set.starts_with("width:"); }

void add(const std::vector<std::string>& more, std::vector<std::string>& all) {
  for (const std::string& name : more)
    if (is_condition(name) && std::find(all.begin(), all.end(), name) == all.end()) all.push_back(name);
}

void add_record(const core::JsonCursor& record, std::vector<std::string>& all) {
  if (record.has(record_key)) add(record.at(record_key).strings(), all);
}

bool sees_clean_alone(const core::JsonCursor& training) {
  const std::string method = training.string_or("method", "");
  if (method != "augmix" || !training.has("options") || !training.at("options").has("augmix"))
    return method == "clean" || method == "augmix";
  return training.at("options").at("augmix").string_or("over", "clean") == "clean";
}

std::vector<std::string> seen(const std::vector<std::string>& sets, const core::JsonCursor& training) {
  std::vector<std::string> all;
  add(sets, all);
  add_record(training, all);
  if (training.has("deployed")) add_record(training.at("deployed"), all);  // older files have it there
  // One set for all has no names; it was validated on what it was trained on, but for those that see clean pictures.
  if (all.empty() && training.has("validation_top1"))
    add(sees_clean_alone(training) ? std::vector<std::string>{"clean"} : training.at("validation_top1").keys(), all);
  return all;
}

}  // namespace

std::vector<std::string> trained_on(const Checkpoint& checkpoint) {
  return seen(checkpoint.conditions, {checkpoint.training, "a checkpoint", "/training", core::ExitCode::corrupt});
}

std::vector<std::string> trained_on(const std::filesystem::path& file, bool with_estimator) {
  const auto structure = checkpoint_structure(file);
  if (!structure) return {};
  const core::JsonCursor cursor(*structure, structure_place(file), "", core::ExitCode::corrupt);
  const core::JsonCursor training = cursor.at("training");
  std::vector<std::string> all = seen(cursor.at("conditions").strings(), training);
  if (with_estimator && training.has("others")) add(training.at("others").keys(), all);
  return all;
}

void add_trained_on(const std::vector<std::string>& conditions, Checkpoint& checkpoint) {
  std::vector<std::string> all = trained_on(checkpoint);
  const std::size_t known = all.size();
  add(conditions, all);
  if (all.size() > known) checkpoint.training[record_key] = all;
}

}  // namespace automask::models
