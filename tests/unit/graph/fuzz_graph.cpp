// Damaged JSON either parses to a graph that is valid in every respect or is refused with GraphError; nothing else.
#include <gtest/gtest.h>

#include <random>

#include "graph/cost.h"
#include "graph/graph.h"
#include "tests/unit/graph/networks.h"
#include "tests/unit/graph/reference.h"

namespace automask {
namespace {

using nlohmann::json;

json random_value(std::mt19937& random) {
  static const json values[] = {nullptr,
                                true,
                                -1,
                                0,
                                1,
                                2,
                                3,
                                7,
                                16384,
                                1 << 24,
                                2147483647,
                                4294967296,
                                -2147483649,
                                1e300,
                                0.5,
                                "",
                                "conv2d",
                                "add",
                                "concat",
                                "softmax",
                                "flatten",
                                json::array(),
                                json::object(),
                                {0},
                                {1, 0},
                                {3, 3},
                                {1, 1, 1},
                                {0, 1, 2, 3},
                                std::uint64_t{18446744073709551615u}};
  return values[random() % std::size(values)];
}

// Replaces, removes, copies or adds something at a random place.
void mutate(json& value, std::mt19937& random) {
  const bool descend = value.is_structured() && !value.empty() && random() % 8 != 0;
  if (!descend) {
    if (value.is_array() && random() % 2) {
      value.push_back(random_value(random));
    } else if (value.is_object() && random() % 2) {
      static const char* keys[] = {"groups",      "pad",    "kernel", "bias",      "eps",
                                   "dilation",    "inputs", "stride", "ceil_mode", "count_include_pad",
                                   "probability", "x"};
      value[keys[random() % std::size(keys)]] = random_value(random);
    } else {
      value = random_value(random);
    }
    return;
  }
  const std::size_t pick = random() % value.size();
  if (value.is_array()) {
    if (random() % 12 == 0) {
      value.erase(pick);
    } else if (random() % 12 == 0) {
      value.push_back(value[pick]);
    } else {
      mutate(value[pick], random);
    }
  } else {
    auto item = value.begin();
    std::advance(item, pick);
    if (random() % 12 == 0) {
      value.erase(item);
    } else {
      mutate(*item, random);
    }
  }
}

void exercise(const graph::Graph& net) {
  EXPECT_EQ(graph::to_json(graph::graph_from_json(graph::to_json(net))), graph::to_json(net));
  const graph::ChannelGroups groups = graph::channel_groups(net);
  const graph::Mask full = graph::full_mask(groups);
  EXPECT_EQ(graph::masked_cost(net, groups, full).macs, graph::cost(net).macs);
  EXPECT_EQ(graph::masked_cost(net, groups, full).parameters, graph::cost(net).parameters);
  EXPECT_EQ(graph::to_json(graph::shrink(net, full)), graph::to_json(net));
  EXPECT_GT(graph::peak_activation_values(net), 0);
}

TEST(FuzzGraph, MutatedDocuments) {
  std::vector<json> seeds;
  for (const graph::Graph& net : networks::all()) seeds.push_back(graph::to_json(net));
  std::mt19937 random(11);
  int accepted = 0, refused = 0;
  for (int trial = 0; trial < networks::trials(3000); ++trial) {
    json document = seeds[trial % seeds.size()];
    for (unsigned n = 1 + random() % 3; n > 0; --n) mutate(document, random);
    try {
      const graph::Graph net = graph::graph_from_json(document);
      ++accepted;
      exercise(net);
    } catch (const graph::GraphError& e) {
      ++refused;
      EXPECT_NE(std::string(e.what()), "");
    }
  }
  EXPECT_GT(accepted, networks::trials(60));
  EXPECT_GT(refused, networks::trials(300));
}

graph::Graph random_graph(std::mt19937& random) {
  static const graph::Op ops[] = {graph::Op::conv2d,     graph::Op::conv2d,   graph::Op::linear,
                                  graph::Op::batch_norm, graph::Op::affine,   graph::Op::relu,
                                  graph::Op::add,        graph::Op::max_pool, graph::Op::avg_pool,
                                  graph::Op::flatten,    graph::Op::add,      graph::Op::global_avg_pool,
                                  graph::Op::concat,     graph::Op::concat,   graph::Op::relu6,
                                  graph::Op::dropout,    graph::Op::conv2d,   graph::Op::conv2d};
  graph::Graph net = networks::start("random", 1 + random() % 4, 1 + random() % 6, 1 + random() % 6);
  const int nodes = 2 + static_cast<int>(random() % 14);
  for (int attempt = 0; attempt < 4 * nodes && static_cast<int>(net.nodes.size()) <= nodes; ++attempt) {
    const graph::Op op = ops[random() % std::size(ops)];
    const int count = static_cast<int>(net.nodes.size());
    // Mostly the newest nodes, so that the network gets deep.
    const auto pick = [&] { return random() % 4 == 0 ? static_cast<int>(random() % count) : count - 1; };
    std::vector<int> inputs = {pick()};
    if (op == graph::Op::add || op == graph::Op::concat) inputs.push_back(static_cast<int>(random() % count));
    const int channels = graph::infer_shapes(net)[inputs[0]].channels;
    const int groups = op != graph::Op::conv2d ? 1 : random() % 3 == 0 ? channels : 1 + static_cast<int>(random() % 3);
    const int out = groups == channels ? channels * static_cast<int>(1 + random() % 2)
                                       : groups * static_cast<int>(1 + random() % 4);
    graph::Attributes a =
        networks::conv(out, 1 + random() % 3, 1 + random() % 2, random() % 2, random() % 2 == 0, groups);
    a.pad_bottom += random() % 4 == 0;
    a.dilation_w += random() % 4 == 0;
    a.ceil_mode = random() % 2 == 0;
    a.count_include_pad = random() % 2 == 0;
    net.add(std::string("n").append(std::to_string(attempt)), op, inputs, a);
    try {
      graph::infer_shapes(net);
    } catch (const graph::GraphError&) {
      net.nodes.pop_back();
    }
  }
  networks::head(net, static_cast<int>(net.nodes.size()) - 1, 3);
  return net;
}

// The promise of shrink() on networks nobody would draw: adds of anything, normalisations anywhere, shared readers.
TEST(FuzzGraph, MaskedEqualsShrunkOnRandomStructures) {
  std::mt19937 random(12);
  int masked_something = 0;
  for (int trial = 0; trial < networks::trials(1500); ++trial) {
    const graph::Graph net = random_graph(random);
    exercise(net);
    const graph::ChannelGroups groups = graph::channel_groups(net);
    const graph::Mask mask = networks::random_mask(groups, random, 0.5f);
    masked_something += mask != graph::full_mask(groups);
    const graph::TensorMap weights = networks::random_weights(net, random);
    const std::vector<float> picture = networks::random_picture(net, random);
    const graph::Graph small = graph::shrink(net, mask);
    ASSERT_EQ(reference::execute(net, weights, picture, mask),
              reference::execute(small, graph::shrink_weights(net, mask, weights), picture))
        << graph::to_json(net).dump();
    ASSERT_EQ(graph::masked_cost(net, groups, mask).macs, graph::cost(small).macs) << graph::to_json(net).dump();
    ASSERT_EQ(graph::masked_cost(net, groups, mask).parameters, graph::cost(small).parameters);
  }
  EXPECT_GT(masked_something, networks::trials(350));
}

}  // namespace
}  // namespace automask
