#pragma once
// A learner in a file, between two steps: what a resumed training needs to go on with the same bits.
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "core/json.h"
#include "methods/training/learner.h"
#include "models/safetensors.h"

namespace automask::methods {

// Atomic. `state`: whatever else the stage needs; `identity` of the job is compared before a state is used.
void save_state(const Learner& learner, const core::Json& identity, const core::Json& state,
                const std::filesystem::path& path);

// "; the last good state stays in FILE" for the sentence of a training that fails; nothing where none was saved.
std::string kept_state(const std::filesystem::path& path);

// The file in two steps, since the learner's size may follow from the state. Error(corrupt) names file and fault.
class SavedState {
 public:
  // Empty where there is no file, or one of another job: the next save replaces it.
  static std::optional<SavedState> find(const std::filesystem::path& path, const core::Json& identity);

  const core::Json& state() const { return state_; }
  void fill(Learner& learner) const;  // std::exception on tensors that don't fit
  // Calls `read` and turns whatever it throws into the sentence about a damaged state.
  void guarded(const std::function<void()>& read) const;

 private:
  std::string name_;
  models::SafetensorsFile file_;
  core::Json state_;
};

}  // namespace automask::methods
