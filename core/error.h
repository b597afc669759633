#pragma once
// The one exception hierarchy for failures a user must read, and the documented exit codes.
#include <stdexcept>
#include <string>

namespace automask::core {

// Exit codes of `automask` and `automask-step`; README lists them for users.
enum class ExitCode : int {
  ok = 0,
  internal = 1,
  usage = 2,
  invalid_manifest = 3,
  steps_failed = 4,
  regression = 5,
  gate_missed = 6,
  nothing_ran = 7,
  corrupt = 8,
  interrupted = 130,
};

// One clear sentence: what() is "<where>: <problem>; <remedy>". `where` names the file and the place in it (a JSON
// pointer, a byte offset), `remedy` what the user can do. Empty parts are left out.
class Error : public std::runtime_error {
 public:
  Error(ExitCode code, std::string where, std::string problem, std::string remedy = {});

  ExitCode code() const { return code_; }
  const std::string& where() const { return where_; }
  const std::string& problem() const { return problem_; }
  const std::string& remedy() const { return remedy_; }

 private:
  ExitCode code_;
  std::string where_, problem_, remedy_;
};

}  // namespace automask::core
