#pragma once
// Progress for people on a terminal, for logs and for programs.
#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include "harness/execute.h"

namespace automask::harness {

enum class ProgressKind { automatic, terminal, plain, jsonl, none };
ProgressKind parse_progress(const std::string& name);  // auto, plain, jsonl, none; Error(usage), "did you mean"

// terminal: a line per ended step and a live bar per running one. plain: a line per change and every 10 s. jsonl: one
// JSON object per event. automatic: terminal where stderr is one, else plain. `clock` gives seconds; tests pass theirs.
std::unique_ptr<ProgressSink> make_progress(ProgressKind kind, std::ostream& out, std::function<double()> clock = {},
                                            int columns = 0);

std::string human_seconds(double seconds);    // "12.3 s", "4 min 10 s", "2 h 5 min"
std::string human_bytes(std::int64_t bytes);  // "812 B", "7.5 MiB"

}  // namespace automask::harness
