#include "harness/step.h"

#include <array>

#include "core/hash.h"

namespace automask::harness {
namespace {

constexpr std::array<std::string_view, 6> names = {"variant", "costs", "train", "compile", "evaluate", "execute"};

}  // namespace

std::string_view to_string(Stage stage) { return names[static_cast<std::size_t>(stage)]; }

Stage parse_stage(const std::string& name) {
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i] == name) return static_cast<Stage>(i);
  throw core::Error(core::ExitCode::corrupt, "stage \"" + name + "\"", "is unknown",
                    core::suggestion(name, {names.begin(), names.end()}));
}

int code_version(Stage stage) {
  switch (stage) {
    case Stage::variant:
    case Stage::costs:
      return 1;
    case Stage::train:
      return 4;
    case Stage::compile:
      return 4;
    case Stage::evaluate:
      return 1;
    case Stage::execute:
      return 4;
  }
  return 0;
}

std::string step_key(Stage stage, const core::Json& parameters,
                     const std::vector<std::pair<std::string, std::string>>& inputs) {
  core::FieldHasher hasher;
  hasher.add("stage", to_string(stage)).add("code_version", code_version(stage)).add("parameters", parameters.dump());
  for (const auto& [name, digest] : inputs) hasher.add("input " + name, digest);
  return hasher.hex();
}

core::Json to_json(const Step& step) {
  core::Json inputs = core::Json::array();
  for (const auto& [name, digest] : step.inputs) inputs.push_back({name, digest});
  return {{"schema_version", 1},
          {"key", step.key},
          {"stage", to_string(step.stage)},
          {"code_version", code_version(step.stage)},
          {"label", step.label},
          {"parameters", step.parameters},
          {"inputs", inputs},
          {"needs", step.needs},
          {"locations", step.locations},
          {"work", to_json(step.work)}};
}

Step step_from_json(const core::JsonCursor& cursor) {
  cursor.only_keys({"schema_version", "key", "stage", "code_version", "label", "parameters", "inputs", "needs",
                    "locations", "work"});
  if (cursor.at("schema_version").integer() != 1)
    cursor.at("schema_version")
        .fail("is " + cursor.at("schema_version").value().dump() + ", this program reads 1",
              "use the automask-step that belongs to the automask that wrote it");
  Step step;
  step.key = cursor.at("key").string();
  step.stage = parse_stage(cursor.at("stage").string());
  step.label = cursor.at("label").string();
  step.parameters = cursor.at("parameters").value();
  const core::JsonCursor inputs = cursor.at("inputs");
  for (std::size_t i = 0; i < inputs.size(); ++i)
    step.inputs.emplace_back(inputs.at(i).at(0).string(), inputs.at(i).at(1).string());
  step.needs = cursor.at("needs").strings();
  step.locations = cursor.at("locations").value();
  if (cursor.has("work")) step.work = work_from_json(cursor.at("work").value());
  return step;
}

}  // namespace automask::harness
