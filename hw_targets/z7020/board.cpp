#include "hw_targets/z7020/board.h"

#include <cmath>
#include <fstream>
#include <set>

namespace automask {
namespace z7020 {
namespace {

using nlohmann::json;

[[noreturn]] void fail(const std::string& file, const std::string& pointer, const std::string& fault) {
  throw BoardError(file + ": " + pointer + ": " + fault);
}

const json& member(const json& object, const std::string& key, const std::string& file, const std::string& pointer) {
  const auto found = object.find(key);
  if (found == object.end()) fail(file, pointer + "/" + key, "is missing");
  return *found;
}

void only(const json& object, const std::set<std::string>& keys, const std::string& file, const std::string& pointer) {
  if (!object.is_object()) fail(file, pointer.empty() ? "/" : pointer, "must be an object");
  for (const auto& item : object.items())
    if (keys.count(item.key()) == 0) fail(file, pointer + "/" + item.key(), "is no key of a board");
}

double number(const json& object, const std::string& key, const std::string& file, const std::string& pointer,
              double least) {
  const json& value = member(object, key, file, pointer);
  const std::string place = pointer + "/" + key;
  if (!value.is_number() || !std::isfinite(value.get<double>()) || value.get<double>() < least)
    fail(file, place, "must be a number from " + json(least).dump());
  return value.get<double>();
}

std::string text(const json& object, const std::string& key, const std::string& file) {
  const json& value = member(object, key, file, "");
  if (!value.is_string() || value.get<std::string>().empty()) fail(file, "/" + key, "must be a text");
  return value.get<std::string>();
}

}  // namespace

Bandwidth Board::bandwidth(double mhz) const {
  Bandwidth b;
  b.bytes_per_cycle = effective_bytes_per_second / (mhz * 1e6);
  b.burst_bytes = burst_overhead_bytes;
  b.latency_cycles = latency_ns * mhz / 1e3;
  return b;
}

Board board_from_json(const json& value, const std::string& file) {
  only(value, {"name", "part", "ddr", "arm", "clocks_mhz", "sources"}, file, "");
  Board board;
  board.name = text(value, "name", file);
  board.part = text(value, "part", file);
  const json& ddr = member(value, "ddr", file, "");
  only(ddr, {"bits", "megatransfers", "effective_bytes_per_second", "burst_overhead_bytes", "latency_ns"}, file,
       "/ddr");
  board.ddr_bits = static_cast<int>(number(ddr, "bits", file, "/ddr", 8));
  board.ddr_megatransfers = number(ddr, "megatransfers", file, "/ddr", 1);
  board.effective_bytes_per_second = number(ddr, "effective_bytes_per_second", file, "/ddr", 1);
  if (board.effective_bytes_per_second > board.peak_bytes_per_second())
    fail(file, "/ddr/effective_bytes_per_second", "is above the peak of bits / 8 x megatransfers");
  board.burst_overhead_bytes = number(ddr, "burst_overhead_bytes", file, "/ddr", 0);
  board.latency_ns = number(ddr, "latency_ns", file, "/ddr", 0);
  const json& arm = member(value, "arm", file, "");
  only(arm, {"ns_per_operation", "us_per_stream"}, file, "/arm");
  board.arm_ns_per_operation = number(arm, "ns_per_operation", file, "/arm", 0);
  board.arm_us_per_stream = number(arm, "us_per_stream", file, "/arm", 0);
  const json& clocks = member(value, "clocks_mhz", file, "");
  if (!clocks.is_array() || clocks.empty()) fail(file, "/clocks_mhz", "must be an array of numbers");
  double before = 0;
  for (const json& clock : clocks) {
    if (!clock.is_number() || !(clock.get<double>() > before) || clock.get<double>() > 1000)
      fail(file, "/clocks_mhz", "must rise, up to 1000");
    board.clocks_mhz.push_back(before = clock.get<double>());
  }
  return board;
}

json to_json(const Board& board) {
  return {{"name", board.name},
          {"part", board.part},
          {"ddr",
           {{"bits", board.ddr_bits},
            {"megatransfers", board.ddr_megatransfers},
            {"effective_bytes_per_second", board.effective_bytes_per_second},
            {"burst_overhead_bytes", board.burst_overhead_bytes},
            {"latency_ns", board.latency_ns}}},
          {"arm", {{"ns_per_operation", board.arm_ns_per_operation}, {"us_per_stream", board.arm_us_per_stream}}},
          {"clocks_mhz", board.clocks_mhz}};
}

Board read_board(const std::string& file) {
  std::ifstream in(file);
  if (!in) throw BoardError(file + ": cannot be read");
  json value = json::parse(in, nullptr, false);
  if (value.is_discarded()) throw BoardError(file + ": is no JSON");
  return board_from_json(value, file);
}

}  // namespace z7020
}  // namespace automask
