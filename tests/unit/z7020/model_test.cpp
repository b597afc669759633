// The cycle model: its arithmetic on layers that can be counted by hand, and against published designs.
#include "hw_targets/z7020/model.h"

#include <gmock/gmock.h>

#include "hw_targets/z7020/disassemble.h"
#include "hw_targets/z7020/placed_macs.h"
#include "hw_targets/z7020/resources.h"
#include "tests/unit/cpu/zoo_networks.h"
#include "tests/unit/z7020/agreement.h"

namespace automask::z7020 {
namespace {

using cpu::Builder;

Board zedboard() { return read_board(AUTOMASK_SOURCE_DIR "/hw_targets/z7020/boards/zedboard.json"); }

TEST(Model, CountsTheArraysPassesByHand) {
  Builder b({64, 28, 28});
  b.classify(b.relu(b.conv(0, 40, 3, 1, 1)), 10);
  const Image image = compile(cpu::random_integers(b.network, 1, false));
  const Modelled m = model(image, 0, zedboard(), 150);
  const auto layer =
      std::find_if(m.layers.begin(), m.layers.end(), [](const LayerTime& l) { return l.op == graph::Op::conv2d; });
  ASSERT_NE(layer, m.layers.end());
  // 4 times 12 outputs; 64 channels are 2 passes of each of 9 taps over 784 pixels; 48 cycles to begin each tile's.
  EXPECT_EQ(layer->macs, 64 * 40 * 9 * 784);
  const std::string stream =
      disassemble(image.words.data(), image.memory_words, image.programs[0].segments.back().commands);
  int tiles = 0;
  for (std::size_t at = 0; (at = stream.find("convolve", at)) != std::string::npos; ++at) ++tiles;
  tiles -= 1;  // the linear layer's
  EXPECT_EQ(tiles % 4, 0);
  EXPECT_EQ(layer->unit_cycles, 4 * 18 * 784 + tiles * 48);
  EXPECT_EQ(loop_cycles({32, 12, 1}, 64, 40, 9, 28, 28), 4 * 18 * 784);
  EXPECT_EQ(layer->cycles, layer->unit_cycles + layer->stalls);
  EXPECT_GE(layer->serial_cycles, layer->cycles);
}

// Counted on the instructions, where the graph's count takes no part: every zoo network, depthwise and concatenated
// ones among them, and random graphs with grouped layers, which the ARM cores have.
TEST(PlacedMacs, AreTheNetworksOwn) {
  for (const models::ZooEntry& entry : models::zoo()) {
    const package::IntegerNetwork network = cpu::random_integers(cpu::small_zoo_network(entry), 1, false);
    EXPECT_EQ(placed_macs(compile(network), 0), graph::cost(network.graph).macs) << entry.name;
  }
  for (unsigned seed = 0; seed < 60; ++seed) {
    const package::IntegerNetwork network = cpu::random_integers(cpu::random_graph(seed), seed, false);
    for (const Layers layers : {Layers::together, Layers::apart})
      EXPECT_EQ(placed_macs(compile(network, {}, layers), 0), graph::cost(network.graph).macs) << "seed " << seed;
  }
}

TEST(PlacedMacs, OfAConditionAreItsShrunkNetworks) {
  Builder b({3, 17, 13});
  const int stem = b.relu(b.conv(0, 37, 3, 2, 1));
  const int wide = b.relu(b.conv(stem, 50, 1));
  const int block = b.relu(b.add({b.conv(b.relu(b.conv(wide, 50, 3, 1, 1, 50)), 37, 3, 1, 1), stem}));
  const int both = b.node(graph::Op::concat, {b.conv(block, 21, 1), b.relu(b.conv(block, 18, 5, 1, 2))});
  b.linear(b.relu(b.linear(b.node(graph::Op::flatten, {b.pool(graph::Op::max_pool, both, 3, 2, 1)}), 30)), 11);
  for (unsigned seed = 0; seed < 8; ++seed) {
    const package::Package package = masked_package(b.network, 3, 0.5, seed, seed % 2 == 1);
    const Image image = compile(package);
    for (int k = 0; k < 3; ++k)
      EXPECT_EQ(placed_macs(image, k), graph::cost(package::materialise_integers(package, k).graph).macs)
          << "seed " << seed << ", condition " << k;
  }
}

// A channel that a list has too many, or a compute that is left out, is seen.
TEST(PlacedMacs, FollowTheCommands) {
  Builder b({3, 8, 8});
  b.classify(b.relu(b.conv(b.relu(b.conv(0, 6, 3, 1, 1)), 5, 3, 1, 1)), 4);
  const package::IntegerNetwork network = cpu::random_integers(b.network, 1, false);
  Image image = compile(network);
  const std::int64_t own = placed_macs(image, 0);
  int lists = 0, computes = 0;
  for (std::uint32_t n = 0; n < image.programs[0].segments[0].count; ++n) {
    const std::uint32_t at = image.programs[0].segments[0].commands + n * instruction_words;
    Instruction i = instruction_at(image.words.data() + at);
    const auto opcode = static_cast<Opcode>(opcode_byte(i));
    Image changed = image;
    if (opcode == Opcode::load_list) {
      ++lists;
      std::uint32_t lane = 0;
      const auto word = [&]() -> std::uint32_t& { return changed.words[get_unsigned(i, field::address) + lane / 2]; };
      while ((word() >> (lane % 2 * 16) & 0xffffU) != hole) ++lane;
      word() &= ~(0xffffU << (lane % 2 * 16));
    } else if (opcode == Opcode::convolve) {
      ++computes;
      ASSERT_TRUE(put(i, field::channels, get(i, field::channels) - 1));
      std::copy(i.begin(), i.end(), changed.words.begin() + at);
    } else {
      continue;
    }
    EXPECT_NE(placed_macs(changed, 0), own) << "instruction " << n;
  }
  EXPECT_EQ(lists, 3) << "of two convolutions and the linear layer";
  EXPECT_GE(computes, 3);
}

TEST(Model, WaitsForDdrWhereItIsSlow) {
  Builder b({64, 7, 7});
  b.linear(b.node(graph::Op::flatten, {b.relu(b.conv(0, 64, 1))}), 1000);
  const Image image = compile(cpu::random_integers(b.network, 1, false));
  Board slow = zedboard();
  const Modelled usual = model(image, 0, slow, 150);
  // 3136 x 1000 weights at 14.67 bytes a cycle.
  EXPECT_GT(usual.cycles, 3136e3 / (2.2e9 / 150e6));
  slow.effective_bytes_per_second /= 2;
  EXPECT_GT(model(image, 0, slow, 150).cycles, 1.8 * usual.cycles);
  // At a lower clock DDR is faster in cycles.
  EXPECT_LT(model(image, 0, zedboard(), 100).cycles, usual.cycles);
}

// Halving the channels makes a quarter of the work.
TEST(Model, MasksSaveTime) {
  Builder b({3, 56, 56});
  int x = b.relu(b.conv(0, 96, 3, 1, 1));
  for (int i = 0; i < 4; ++i) x = b.relu(b.conv(x, 96, 3, 1, 1));
  b.classify(x, 10);
  package::Package package = masked_package(b.network, 2, 1.0, 1);
  for (auto& group : package.conditions[1].mask)
    for (std::size_t c = 0; group.size() == 96 && c < 96; c += 2) group[c] = 0;
  const Image image = compile(package);
  const double ratio = model(image, 0, zedboard(), 150).ms / model(image, 1, zedboard(), 150).ms;
  EXPECT_GT(ratio, 3.0);
  EXPECT_LT(ratio, 4.0);
  // Its lists and commands are its own, the weights are everybody's.
  EXPECT_LT(4 * image.programs[1].table_words, image.weight_words);
}

// Fully connected layers wait for their weights: a condition that keeps half of the inputs, every second one, loads
// half of each row of the union's.
TEST(Model, MasksSaveTrafficOfWeights) {
  Builder b({3, 7, 7});
  const int x = b.relu(b.linear(b.node(graph::Op::flatten, {b.relu(b.conv(0, 64, 1))}), 512));
  b.linear(b.relu(b.linear(x, 512)), 10);
  package::Package package = masked_package(b.network, 2, 1.0, 1);
  for (auto& group : package.conditions[1].mask)
    for (std::size_t c = 0; (group.size() == 64 || group.size() == 512) && c < group.size(); c += 2) group[c] = 0;
  // Apart, so that no layer's weights are loaded while another one is computed.
  const Image image = compile(package, {}, Layers::apart);
  const Modelled all = model(image, 0, zedboard(), 150), half = model(image, 1, zedboard(), 150);
  const auto bytes = [](const Modelled& m, int linear) {
    for (const LayerTime& layer : m.layers)
      if (layer.op == graph::Op::linear && linear-- == 0) return layer.bytes;
    return 0.0;
  };
  EXPECT_GT(bytes(all, 0), 64 * 49 * 512);
  EXPECT_LT(bytes(half, 0), 0.3 * bytes(all, 0));
  EXPECT_LT(bytes(half, 1), bytes(all, 1));
}

TEST(Resources, FitTheDevice) {
  const Resource total = resources().back();
  EXPECT_EQ(total.part, "total");
  EXPECT_LE(total.dsp48e1, 216);
  EXPECT_LE(total.ramb36, 130);
  EXPECT_GT(total.dsp48e1, 192);
}

TEST(Board, RefusesWhatCannotBeTrue) {
  using testing::HasSubstr;
  const auto fault = [](auto change) {
    nlohmann::json json = nlohmann::json::parse(R"({"name": "B", "part": "xc7z020",
      "ddr": {"bits": 32, "megatransfers": 1066, "effective_bytes_per_second": 2e9, "burst_overhead_bytes": 16,
              "latency_ns": 270},
      "arm": {"ns_per_operation": 5, "us_per_stream": 10}, "clocks_mhz": [100, 150]})");
    change(json);
    try {
      board_from_json(json, "b.json");
    } catch (const BoardError& e) {
      return std::string(e.what());
    }
    return std::string("accepted");
  };
  EXPECT_EQ(fault([](auto&) {}), "accepted");
  EXPECT_THAT(fault([](auto& j) { j["ddr"]["effective_bytes_per_second"] = 5e9; }), HasSubstr("above the peak"));
  EXPECT_THAT(fault([](auto& j) { j["ddr"].erase("bits"); }), HasSubstr("b.json: /ddr/bits: is missing"));
  EXPECT_THAT(fault([](auto& j) { j["clock"] = 1; }), HasSubstr("/clock: is no key"));
  EXPECT_THAT(fault([](auto& j) { j["clocks_mhz"] = {150, 100}; }), HasSubstr("must rise"));
  EXPECT_THAT(fault([](auto& j) { j["ddr"]["latency_ns"] = -1; }), HasSubstr("/ddr/latency_ns"));
}

TEST(Board, ProfilesOfTheHouseAreBoards) {
  const Board zed = zedboard();
  EXPECT_NEAR(zed.peak_bytes_per_second(), 4.26e9, 0.01e9);
  EXPECT_NEAR(read_board(AUTOMASK_SOURCE_DIR "/hw_targets/z7020/boards/pynq_z2.json").peak_bytes_per_second(), 2.1e9,
              1e6);
  EXPECT_EQ(zed.clocks_mhz, (std::vector<double>{100, 150}));
}

}  // namespace
}  // namespace automask::z7020
