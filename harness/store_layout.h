#pragma once
// Where things lie in a store: one folder with everything runs produce.
#include <filesystem>
#include <optional>
#include <string>

#include "harness/step.h"

namespace automask::harness {

struct StoreLayout {
  std::filesystem::path root;

  std::filesystem::path database() const { return root / "results.sqlite"; }
  std::filesystem::path cache() const { return root / "cache"; }
  std::filesystem::path stage_folder(Stage stage) const { return cache() / to_string(stage); }
  // step.json, lock, log.txt, work/ (partial state), the step's files and, last, result.json
  std::filesystem::path step_folder(Stage stage, const std::string& key) const { return stage_folder(stage) / key; }
  std::filesystem::path fingerprints() const { return root / "fingerprints.json"; }
  std::filesystem::path report_folder(const std::string& experiment) const { return root / "reports" / experiment; }
};

// --store, else AUTOMASK_STORE, else .automask in the working directory; absolute.
StoreLayout find_store(const std::optional<std::string>& option);

// Creates the folder; Error(steps_failed) names it and says what to do where it cannot be written.
void create_store(const StoreLayout& store);

// The folder of the running program: its sister programs are looked up there.
std::filesystem::path program_folder();

}  // namespace automask::harness
