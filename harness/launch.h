#pragma once
// Steps as child processes on this machine: `automask-step STEP.json FOLDER`, one process group each. They die with
// `automask`, whatever ends it.
#include <filesystem>
#include <memory>

#include "harness/execute.h"

namespace automask::harness {

// JSON lines on a child's stdout become events; its stderr goes to log.txt in the step's folder (the end of it, where
// it is long). `program` must exist: Error(internal) otherwise.
std::unique_ptr<Launcher> make_local_launcher(std::filesystem::path program);

// First in automask-step: what automask hands on is not for the programs that the step starts. A runner that outlives
// its step would hold the step's lock for ever, and sleeping OpenMP threads would lengthen a runner's latencies.
void keep_inheritance_here();

// automask-step beside the running program, or AUTOMASK_STEP where that is set (tests, wrappers).
std::filesystem::path step_program();

}  // namespace automask::harness
