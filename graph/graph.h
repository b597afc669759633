#pragma once
// The network as data: start here. Training, masking, compiling and exporting all read this. C++14.
//
// Nodes stand in topological order: a node's inputs have smaller indices. Node 0 is the input; the last node is the
// output. Weights are not in the graph; a node's parameters are named "<node>.weight", "<node>.bias",
// "<node>.running_mean", "<node>.running_var", as torchvision names them (node names may contain dots).
#include <cstdint>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "graph/tensor.h"

namespace automask {
namespace graph {

// Every failure of this room: "node conv1: ..." or "/nodes/3/op: ...".
class GraphError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

enum class Op {
  input,
  conv2d,
  linear,
  batch_norm,
  affine,  // y = scale[c] x + bias[c]: a batch_norm after folding; "<node>.weight" and "<node>.bias"
  relu,
  relu6,  // min(max(x, 0), 6)
  max_pool,
  avg_pool,
  global_avg_pool,
  add,
  concat,   // of channels, in the order of the inputs
  flatten,  // features in the order [C, H, W]
  dropout,  // does nothing but in training
  softmax   // over the classes; the last node only
};
const char* to_string(Op op);

// Channels, height, width of one picture's activation; features are C x 1 x 1.
struct Shape {
  int channels = 0, height = 1, width = 1;
  bool operator==(const Shape& o) const { return channels == o.channels && height == o.height && width == o.width; }
};

// Only the fields its operator uses are meaningful; JSON omits defaults. Padding is zero for conv2d, -infinity for
// max_pool, and left out of avg_pool's average (ONNX's default, count_include_pad = 0) unless count_include_pad; a
// pool's padding is smaller than its kernel. Output sizes round down, with ceil_mode up, but no window starts in the
// padding below or right of the picture, and what such a window covers beyond the padding never counts (PyTorch's
// ceil_mode).
struct Attributes {
  int out_channels = 0;            // conv2d, linear
  int kernel_h = 1, kernel_w = 1;  // conv2d, pools
  int stride_h = 1, stride_w = 1;
  int pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;
  int dilation_h = 1, dilation_w = 1, groups = 1;  // conv2d
  bool bias = false;                               // conv2d, linear
  bool ceil_mode = false;                          // max_pool, avg_pool
  bool count_include_pad = false;                  // avg_pool
  double eps = 1e-5;                               // batch_norm
  double probability = 0.5;                        // dropout: of a value to become 0, in [0, 1)
};

struct Node {
  std::string name;  // unique
  Op op = Op::input;
  std::vector<int> inputs;
  Attributes attributes;
};

struct Graph {
  std::string name;  // e.g. "resnet8"
  Shape input;
  std::vector<Node> nodes;

  // Appends a node and returns its index. Throws GraphError on a duplicate name or a bad input index.
  int add(std::string node_name, Op op, std::vector<int> inputs, Attributes attributes = {});
  int find(const std::string& node_name) const;  // -1 when absent
};

// Checks names, arity and shapes and returns one shape per node. Throws GraphError naming the node.
std::vector<Shape> infer_shapes(const Graph& graph);

// JSON form; from_json refuses unknown operators and keys and validates.
nlohmann::json to_json(const Graph& graph);
Graph graph_from_json(const nlohmann::json& json);

// The parameters a graph needs and their shapes, in the order of the nodes. batch_norm includes running statistics.
std::vector<std::pair<std::string, std::vector<std::int64_t>>> parameter_shapes(const Graph& graph);
// Throws GraphError on a missing, surplus or misshapen tensor.
void check_weights(const Graph& graph, const TensorMap& weights);

// Fast costs of many masks: graph/cost.h.
// Multiply-accumulates per picture of convolutions and linear layers (biases, normalisation and pooling count none,
// the convention of the published tables), and learnable parameters (running statistics count none).
struct Cost {
  std::int64_t macs = 0;
  std::int64_t parameters = 0;
};
std::vector<Cost> node_costs(const Graph& graph);
Cost cost(const Graph& graph);
// Largest sum of live activations, in values per picture: a node's output lives from its execution to its last
// reader's, each in a buffer of its own.
std::int64_t peak_activation_values(const Graph& graph);

// Channels that must be kept or dropped together are one member: summands of an add, a depthwise convolution's input
// and outputs, all channels on both sides of one of a convolution's `groups`, the features that a flatten makes of a
// channel. Members with equally many channels in every node form a group: which of them are kept doesn't matter to the
// cost. Gates stand wherever 0 could become something else, so that masked channels are 0 for every reader;
// activations, pools and dropout keep 0.
struct ChannelGroup {
  std::string name;            // that of its first producer; the input's where it belongs to the group
  int channels = 0;            // members
  std::vector<int> producers;  // conv2d / linear nodes with outputs in this group
  // Nodes after which a mask multiplies: a producer's batch_norm/affine where nothing else reads the producer, else
  // the producer; and every other batch_norm/affine with channels of the group.
  std::vector<int> gates;
  bool maskable = true;  // false for the input and the network's output
};
// A run of a node's channels: `repeat` channels for each of the members first, first + 1, ... of a group.
struct Segment {
  int group = 0, first = 0, members = 0, repeat = 1;
  bool operator==(const Segment& o) const {
    return group == o.group && first == o.first && members == o.members && repeat == o.repeat;
  }
};
struct ChannelGroups {
  std::vector<ChannelGroup> groups;           // in the order of their first channel; members likewise
  std::vector<std::vector<Segment>> of_node;  // per node: its output channels, in order
};
ChannelGroups channel_groups(const Graph& graph);

// masks[g][c] != 0 keeps member c of group g; one entry per ChannelGroups::groups, in that order. Unmaskable groups
// are all ones.
using Mask = std::vector<std::vector<std::uint8_t>>;
Mask full_mask(const ChannelGroups& groups);
// One flag per output channel of a node: 1 where the mask keeps it.
std::vector<std::uint8_t> channel_mask(const ChannelGroups& groups, int node, const Mask& mask);

// The stem: convolutions (without `groups`) that read the picture itself, in order. Its inputs are no one's to drop.
std::vector<int> stem_nodes(const Graph& graph);

// The physically smaller network, and its weights: exactly the masked one's function. A group with nothing kept is
// refused (GraphError).
Graph shrink(const Graph& graph, const Mask& mask);
TensorMap shrink_weights(const Graph& graph, const Mask& mask, const TensorMap& weights);

// cost(shrink(graph, mask)) without building it.
Cost masked_cost(const Graph& graph, const ChannelGroups& groups, const Mask& mask);

}  // namespace graph
}  // namespace automask
