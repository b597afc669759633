// The runner for the processor it runs on: docs/runner-protocol.md on standard input and output.
#include <unistd.h>

#include "hw_targets/cpu/backend.h"
#include "hw_targets/package/sha256.h"
#include "hw_targets/protocol/runner.h"

int main() {
  const int output = automask::protocol::claim_standard_output();
  automask::cpu::CpuBackend backend;
  return automask::protocol::serve(backend, STDIN_FILENO, output,
                                   [](const std::string& bytes) { return automask::package::sha256_hex(bytes); });
}
