#pragma once
// The command line of `automask`: parses, calls the rest of the room, prints. One exit code per kind of failure.

namespace automask::harness {

// Never throws: an Error becomes "automask: <sentence>" on stderr and its exit code.
int run_cli(int argc, char** argv);

}  // namespace automask::harness
