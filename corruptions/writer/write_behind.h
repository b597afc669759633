#pragma once
// Lets threads that compute go on while another one waits for the file system.
#include <memory>

#include "corruptions/writer/sink.h"

namespace automask::corruptions {

// Hands everything to `sink` from one thread of its own, in the order of the calls; for sinks whose add() never waits
// for another picture. Keeps at most 32 MiB of files, or one larger file: then add() waits. What the sink throws comes
// out of the next call, and nothing is written after it.
std::unique_ptr<Sink> write_behind(std::unique_ptr<Sink> sink);

}  // namespace automask::corruptions
