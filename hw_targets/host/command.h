#pragma once
// How a runner's command becomes a process here: a program beside ours, in PATH, or at the end of an ssh.
#include <string>
#include <vector>

#include "hw_targets/host/host.h"

namespace automask::host {

// The words to execute. A local program named without a slash is taken from beside the running program where it lies
// there. Through ssh each word is quoted for the shell at the other end, and ssh asks nothing at the terminal.
std::vector<std::string> command_words(const RunnerSpec& spec);
std::string command_line(const RunnerSpec& spec);  // the same as one line to type, for sentences

}  // namespace automask::host
