#pragma once
// A network as the engine sees it: what of the graph becomes one layer, on which unit, and how its values lie. C++14.
//
// Activations and an add of two disappear into the layer before them. A flatten that only linear layers read, dropout
// and softmax are other names of their input; a linear layer behind such a flatten is a convolution with a kernel as
// large as the map. Concatenated maps lie behind each other in DDR, plane by plane, so that nothing is copied: lanes
// that a plane has too many are holes, and channel lists leave them out.
#include <stdexcept>
#include <string>
#include <vector>

#include "hw_targets/package/integer.h"
#include "hw_targets/z7020/instructions.h"

namespace automask {
namespace z7020 {

// "layer NAME: FAULT": a layer beyond the engine's limits.
class CompileError : public std::runtime_error {
 public:
  CompileError(const std::string& layer, const std::string& fault)
      : std::runtime_error("layer " + layer + ": " + fault) {}
};

// A node's values in DDR: planes of quads.
struct Map {
  int height = 1, width = 1;
  std::vector<int> channel_of_lane;   // 4 a plane; -1: a hole
  bool wide = false;                  // 16 bits: two words a pixel, lower bytes first
  int storage = -1, first_plane = 0;  // what it lies in, which a concatenation shares
  int planes() const { return static_cast<int>(channel_of_lane.size()) / 4; }
  int row_words() const { return wide ? 2 * width : width; }
  std::uint32_t plane_words() const { return static_cast<std::uint32_t>(height * row_words()); }
};

enum class Unit { array, window, arm };
const char* to_string(Unit unit);

struct Layer {
  std::string name;  // of its first node
  graph::Op op = graph::Op::input;
  Unit unit = Unit::arm;
  std::string reason;            // why it is on the ARM cores
  int node = 0;                  // in the network's graph
  std::vector<int> inputs;       // maps, by the node that makes them; without the residual
  int output = 0;                // map
  graph::Attributes attributes;  // of a linear: the kernel it has become
  WindowMode mode = WindowMode::largest;
  int low = -127, high = 127;
  int residual = -1;  // map that is added, or -1
  int own_multiplier = 0, residual_multiplier = 0, shift = 0, sum_low = -127, sum_high = 127;
};

struct Lowered {
  std::vector<Map> maps;       // per node; of a name: its input's
  std::vector<int> map_of;     // per node: the map that holds its value
  std::vector<Layer> layers;   // in the order of execution
  bool picture_input = false;  // the engine reads the picture itself; else the ARM cores make a map of it
  int output = 0;              // map with the network's last values, in the order [C, H, W]
};

// Throws CompileError.
Lowered lower(const package::IntegerNetwork& network);

// Per node of any graph: the node whose value it is another name of, or itself.
std::vector<int> names(const graph::Graph& graph, const std::vector<graph::Shape>& shapes);

}  // namespace z7020
}  // namespace automask
