#include "hw_targets/host/host.h"

namespace automask::host {

std::string_view run_state(FailureKind kind) {
  switch (kind) {
    case FailureKind::died:
      return "dead";
    case FailureKind::timed_out:
      return "timeout";
    case FailureKind::mistrusted:
      return "mistrusted";
    case FailureKind::unsupported:
      return "unsupported";
    case FailureKind::not_started:
    case FailureKind::garbage:
    case FailureKind::refused:
    case FailureKind::bad_answer:
      break;
  }
  return "failed";
}

RunnerFailure::RunnerFailure(FailureKind kind, const std::string& runner, const std::string& problem,
                             const std::string& remedy)
    : Error(core::ExitCode::steps_failed, "runner " + runner, problem, remedy), kind_(kind) {}

}  // namespace automask::host
