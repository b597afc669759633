#pragma once
// Work for one command in a child program, with the progress and the interrupts of steps, but without a plan or a
// store.
#include <filesystem>
#include <string>

#include "core/json.h"
#include "harness/progress.h"

namespace automask::harness {

// Starts `PROGRAM JOB.json FOLDER` with `job` in the file, shows its progress under `label`, and returns what it left
// in FOLDER/result.json. Ctrl-C lets it finish what it is at, a second one stops it. Its failures come back as the
// Error they were; Error(interrupted) where it ended before its work by a signal.
core::Json run_tool(const std::filesystem::path& program, const core::Json& job, const std::string& label,
                    ProgressKind progress);

// The child's side: how its main begins and ends. `work` gets the job and returns the result.
int tool_main(int argc, char** argv, core::Json (*work)(const core::Json& job));
bool tool_stop_requested();
void tool_progress(const std::string& phase, double done, double total, const core::Json& more = {});
void tool_note(const std::string& sentence);

}  // namespace automask::harness
