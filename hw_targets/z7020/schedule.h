#pragma once
// Puts loads, computes and stores into steps: each load in the step before its compute or earlier, wherever its half of
// the buffer is free, what it reads has been stored, and DDR has the most time left. C++14.
#include <cstdint>
#include <vector>

#include "hw_targets/z7020/costs.h"

namespace automask {
namespace z7020 {

// `output` is also the residual's.
enum class Buffer { input, weights, list, output, reciprocals };
constexpr int buffers = 5;

// Planes, rows and columns (the last ones excluded) of a map or of what it lies in.
struct Region {
  int storage = -1, first_plane = 0, planes = 0, top = 0, bottom = 0, left = 0, right = 0;
};

struct Load {
  Instruction instruction{};
  Buffer buffer = Buffer::input;
  int half = 0;
  Region reads;          // storage -1: there from the beginning
  bool picture = false;  // through the table
};

struct Compute {
  Instruction instruction{};
  int layer = 0;
  std::vector<Load> loads;
  int half_of[buffers] = {-1, -1, -1, -1, -1};  // that it uses of each buffer; -1: none
  bool stores = false;
  Instruction store{};
  Region writes;
};

// One step of the stream, and the layer that its time counts for.
struct Step {
  std::vector<Instruction> loads, computes, stores;
  int layer = 0;
};

class Schedule {
 public:
  explicit Schedule(const Bandwidth& bandwidth) : bandwidth_(bandwidth) {
    for (auto& halves : free_after_) halves[0] = halves[1] = -1;
  }
  // The picture's table, at the beginning of a stream.
  void load_table(const Instruction& instruction, int layer);
  bool has_table() const { return has_table_; }
  void add(const Compute& compute);
  // All steps so far; what is added later begins anew, with everything stored.
  std::vector<Step> take();

 private:
  struct Time {
    double ddr = 0, unit = 0;
  };
  int ready(const Region& region) const;
  void grow(int step, int layer);
  double slack(int step) const;
  bool has_room(int step) const;
  int place(const Load& load, int layer);

  struct Stored {
    Region region;
    int step;
  };
  Bandwidth bandwidth_;
  std::vector<Step> steps_;
  std::vector<Time> time_;
  std::vector<Stored> stored_;
  int free_after_[buffers][2];  // the last step that reads a half
  int last_compute_ = -1;
  bool has_table_ = false;
};

}  // namespace z7020
}  // namespace automask
