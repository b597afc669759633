#pragma once
// Measures several conditions in one session by turns: short blocks of runs in random order, so that a device that
// warms up, slows down or is disturbed for a while spreads this over all of them.
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "hw_targets/host/host.h"

namespace automask::host {

constexpr int automatic = -1;  // as a condition: the runner picks one for each picture

struct RunCell {
  int condition = 0;                // given to select_condition, or automatic, which the runner must be able to
  std::vector<std::string> inputs;  // SHA-256 of pictures put before
};

struct BlockPlan {
  std::uint64_t seed = 0;           // decides which inputs make a block, the order of the blocks, and the order within
  int warmup = 20;                  // executions before a cell's first block; five at most before each further one
  int repetitions = 1;              // times each input is visited
  int min_latencies = 50;           // of each cell: inputs are visited again until there are so many
  double min_seconds = 0;           // of latencies, of each cell; likewise
  std::size_t block = 0;            // inputs of a block; 0: an eighth of the cell's, 16 to 256
  std::function<bool()> stop = {};  // as RunRequest::stop
  std::function<void(double done, double total)> on_block{};  // after each block of the first visit to all inputs
  std::function<void()> between{};  // between blocks: who shares the device may have it until this returns
};

struct CellResult {
  std::vector<float> outputs;  // [inputs, classes], each from its first timed execution
  int classes = 0;
  std::vector<int> conditions;       // of an automatic cell: what was taken for each input
  std::vector<double> latencies_ms;  // of all blocks
  double wall_seconds = 0;           // the host's clock around all timed executions
  std::size_t blocks = 0;
  // Of each block with two power samples at least: its mean power (above idle where the runner subtracts it) times its
  // mean latency, the energy of one inference in mJ. Empty without a sensor.
  std::vector<double> block_mj;
};

// Which inputs each block has: cells[c] is cut into blocks; the sequence is shuffled over all cells.
struct Block {
  std::size_t cell = 0;
  std::vector<std::size_t> inputs;  // indices into the cell's
};
std::vector<Block> plan_blocks(const std::vector<std::size_t>& inputs_of_cells, std::size_t block, std::uint64_t seed);

// In the order of `cells`. Besides what Session::run checks, the sums over a cell's blocks are held against the clock:
// what is missing from short blocks is too little to be told block by block.
std::vector<CellResult> run_interleaved(Session& session, const Device& device, const std::string& runner,
                                        const std::vector<RunCell>& cells, const BlockPlan& plan);

}  // namespace automask::host
