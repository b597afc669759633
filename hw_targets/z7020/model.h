#pragma once
// The cycle model: what a command stream takes on a board. Evidence `modelled`. It reads the very instructions that the
// engine executes; docs/z7020.md holds the formulas and what they were compared with. C++14.
#include <cstdint>
#include <string>
#include <vector>

#include "hw_targets/z7020/board.h"
#include "hw_targets/z7020/compile.h"

namespace automask {
namespace z7020 {

// What a condition's streams do, whatever the board: read once, timed for many.
struct StepWork {
  int layer = 0;                                        // of Program::lowered
  bool begins = false;                                  // the first of its stream
  double unit = 0, loading_unit = 0, storing_unit = 0;  // cycles of the engine
  Traffic load, store;
};
struct ArmWork {
  int layer = 0;
  double operations = 0;
};
struct StreamWork {
  std::vector<StepWork> steps;
  std::vector<ArmWork> arm;
};
StreamWork stream_work(const Image& image, int condition);

struct LayerTime {
  std::string name;
  graph::Op op = graph::Op::input;
  Unit unit = Unit::arm;
  std::int64_t macs = 0;
  double cycles = 0;  // of the engine's clock, from step to step: the larger of unit and DDR, and what beginning costs
  double unit_cycles = 0;    // computing alone
  double load_cycles = 0;    // DDR alone
  double store_cycles = 0;   // likewise
  double stalls = 0;         // cycles - unit_cycles: the unit waits
  double serial_cycles = 0;  // if nothing overlapped: the sum of all three
  double bytes = 0;          // moved from and to DDR, commands included
  double ms = 0;             // ARM cores' work and starting its stream included
};

struct Modelled {
  double mhz = 0;
  std::vector<LayerTime> layers;  // as in Program::lowered
  double cycles = 0, serial_cycles = 0, bytes = 0;
  double ms = 0, serial_ms = 0;  // ARM layers and starting the streams included
  std::int64_t macs = 0, convolution_macs = 0;
  double convolution_cycles = 0;
  // MACs of convolutions / (384 x all cycles of their layers).
  double convolution_utilisation() const;
};
Modelled model(const Image& image, int condition, const Board& board, double mhz);
Modelled model(const Image& image, int condition, const StreamWork& work, const Board& board, double mhz);

}  // namespace z7020
}  // namespace automask
