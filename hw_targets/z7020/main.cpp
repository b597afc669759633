// The Z7020 runner, on the simulated engine: docs/runner-protocol.md on standard input and output.
//
//   automask-runner-z7020 [--board NAME | --board FILE]
#include <unistd.h>

#include <cstring>
#include <iostream>

#include "hw_targets/package/sha256.h"
#include "hw_targets/protocol/runner.h"
#include "hw_targets/z7020/backend.h"
#include "hw_targets/z7020/builtin_boards.h"

int main(int argc, char** argv) {
  using namespace automask;
  std::string board = "zedboard";
  if (argc == 3 && std::strcmp(argv[1], "--board") == 0) {
    board = argv[2];
  } else if (argc != 1) {
    std::cerr << "automask-runner-z7020: the only option is --board NAME (zedboard, pynq_z2) or --board FILE\n";
    return 2;
  }
  try {
    const int output = protocol::claim_standard_output();
    z7020::Backend backend(z7020::find_board(board), z7020::simulation_port());
    return protocol::serve(backend, STDIN_FILENO, output,
                           [](const std::string& bytes) { return package::sha256_hex(bytes); });
  } catch (const z7020::BoardError& e) {
    std::cerr << "automask-runner-z7020: " << e.what() << '\n';
    return 2;
  }
}
