#pragma once
// A board: its memory and clocks, as boards/NAME.json states them with their sources. C++14.
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "hw_targets/z7020/costs.h"

namespace automask {
namespace z7020 {

struct Board {
  std::string name, part;
  int ddr_bits = 0;
  double ddr_megatransfers = 0;
  double effective_bytes_per_second = 0, burst_overhead_bytes = 0, latency_ns = 0;
  double arm_ns_per_operation = 0;  // of layers that the engine does not have: a product, a comparison, a copied value
  double arm_us_per_stream = 0;     // to start a command stream and learn of its end
  std::vector<double> clocks_mhz;   // of the engine, rising

  double peak_bytes_per_second() const { return ddr_bits / 8.0 * ddr_megatransfers * 1e6; }
  Bandwidth bandwidth(double mhz) const;
};

// "FILE: /key: fault": what is no board.
class BoardError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};
// Unknown keys and numbers that cannot be true (an effective rate above the peak) are refused.
Board board_from_json(const nlohmann::json& json, const std::string& file);
Board read_board(const std::string& file);
// Without sources.
nlohmann::json to_json(const Board& board);

}  // namespace z7020
}  // namespace automask
