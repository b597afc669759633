// The Z7020 runner: docs/runner-protocol.md on standard input and output. docs/first-board.md leads to a board.
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <utility>

#include "hw_targets/package/sha256.h"
#include "hw_targets/protocol/runner.h"
#include "hw_targets/z7020/backend.h"
#include "hw_targets/z7020/board_port.h"
#include "hw_targets/z7020/builtin_boards.h"

namespace {

using namespace automask;

const char* const usage =
    "automask-runner-z7020 [OPTIONS]: executes packages on the Z7020 engine, spoken to on standard input and output\n"
    "  --board NAME|FILE   the board's profile: zedboard (default), pynq_z2, or what `runners calibrate` wrote\n"
    "  --port PORT         simulation (default): the engine's source as a program, times are modelled\n"
    "                      board: the engine in this board's FPGA, times are measured\n"
    "of --port board:\n"
    "  --clock MHZ         the engine's clock in the bitstream; must be given\n"
    "  --uio NAME          its UIO device, by name or uioN (default automask_z7020)\n"
    "  --buffer NAME       a buffer of u-dma-buf (default: the UIO device's second map)\n"
    "  --interrupt         wait for its interrupt (default: look at its control register)\n"
    "  --timeout SECONDS   that one command stream may take (default 10)\n"
    "  --power FILE        a sensor's powerN_input of /sys/class/hwmon (default: power is not measured)\n"
    "  --root DIRECTORY    before /sys and /dev\n";

struct Options {
  std::string board = "zedboard", port = "simulation";
  z7020::BoardOptions reach;
  z7020::BackendOptions backend;
};

class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

double number(const std::string& option, const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (end == text.c_str() || *end != '\0' || !(value > 0 && value <= 1e6))
    throw UsageError(option + " needs a number above 0, not \"" + text + "\"");
  return value;
}

Options parse(int argc, char** argv) {
  Options options;
  bool only_board = false;
  for (int a = 1; a < argc; ++a) {
    const std::string option = argv[a];
    const auto value = [&]() -> std::string {
      if (a + 1 >= argc) throw UsageError(option + " needs a value");
      return argv[++a];
    };
    if (option == "--board") {
      options.board = value();
      continue;
    }
    if (option == "--port") {
      options.port = value();
      continue;
    }
    only_board = true;
    if (option == "--clock") {
      options.backend.clock_mhz = number(option, value());
    } else if (option == "--uio") {
      options.reach.uio = value();
    } else if (option == "--buffer") {
      options.reach.buffer = value();
    } else if (option == "--interrupt") {
      options.reach.interrupt = true;
    } else if (option == "--timeout") {
      options.reach.timeout_seconds = number(option, value());
    } else if (option == "--power") {
      options.backend.power_file = value();
    } else if (option == "--root") {
      options.reach.root = value();
    } else {
      throw UsageError("there is no option " + option);
    }
  }
  if (options.port != "simulation" && options.port != "board")
    throw UsageError("--port is simulation or board, not " + options.port);
  if (options.port == "simulation" && only_board) throw UsageError("options of a board need --port board");
  if (options.port == "board" && options.backend.clock_mhz == 0)
    throw UsageError("--port board needs --clock MHZ: the engine's clock in the bitstream, which no register tells");
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "--help") {
    std::cout << usage;
    return 0;
  }
  try {
    const Options options = parse(argc, argv);
    const int output = protocol::claim_standard_output();
    const z7020::Board board = z7020::find_board(options.board);
    std::unique_ptr<z7020::Port> port = options.port == "board"
                                            ? z7020::board_port(z7020::open_board(options.reach), options.reach)
                                            : z7020::simulation_port();
    z7020::Backend backend(board, std::move(port), options.backend);
    return protocol::serve(backend, STDIN_FILENO, output,
                           [](const std::string& bytes) { return package::sha256_hex(bytes); });
  } catch (const UsageError& e) {
    std::cerr << "automask-runner-z7020: " << e.what() << "; --help tells the options\n";
    return 2;
  } catch (const z7020::BoardError& e) {
    std::cerr << "automask-runner-z7020: " << e.what() << '\n';
    return 2;
  } catch (const z7020::PortError& e) {
    std::cerr << "automask-runner-z7020: " << e.what() << '\n';
    return 1;
  }
}
