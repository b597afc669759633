#pragma once
// Finished steps by key: <store>/cache/<stage>/<key>/. result.json comes last, so its presence means the step is done.
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "harness/step.h"
#include "harness/store_layout.h"

namespace automask::harness {

// result.json of a finished step; `json` is all of it.
struct StepResult {
  core::Json json;
  double seconds = 0;
  std::int64_t bytes = 0;  // of its artifacts
};

// A step's exclusive right, held by a file lock that its child process inherits: it ends with the last of both.
class StepLock {
 public:
  explicit StepLock(int descriptor) : descriptor_(descriptor) {}
  StepLock(StepLock&& other) noexcept;
  StepLock& operator=(StepLock&& other) noexcept;
  ~StepLock();
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

class Cache {
 public:
  // `warn` gets one sentence per damaged entry.
  explicit Cache(StoreLayout store, std::function<void(const std::string&)> warn = {});

  const StoreLayout& store() const { return store_; }
  std::filesystem::path folder(const Step& step) const { return store_.step_folder(step.stage, step.key); }

  // The result of a finished step; nothing when it is not there or damaged (unreadable, foreign, an artifact missing
  // or of another size): such a step is done again.
  std::optional<StepResult> find(const Step& step) const;

  // Nothing while another process holds it. Creates the step's folder.
  std::optional<StepLock> try_lock(const Step& step) const;
  bool is_locked(const Step& step) const;

  // A finished step of a stage, as far as an explanation or an estimate needs it.
  struct Entry {
    core::Json step;  // step.json
    double seconds = 0;
    std::int64_t bytes = 0;
  };
  // The newest finished steps of a stage, newest first, `most` at most; unreadable ones are left out.
  std::vector<Entry> newest(Stage stage, std::size_t most) const;

  // The reason of the last failed attempt, if there was one.
  std::optional<std::string> last_failure(const Step& step) const;

 private:
  StoreLayout store_;
  std::function<void(const std::string&)> warn_;
};

}  // namespace automask::harness
