#include "hw_targets/cuda/lowering.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/unit/cuda/packages.h"

namespace automask::cuda {
namespace {

using cpu::Builder;

package::Package whole(const graph::Graph& graph) {
  package::Package package = random_package(graph, {"clean"}, false, 1);
  package.conditions[0].mask = graph::full_mask(graph::channel_groups(graph));
  return package;
}

std::vector<std::string> texts(const Program& program) {
  std::vector<std::string> all;
  for (const Step& step : program.steps) all.push_back(step.text);
  return all;
}

TEST(Lowering, FusesWhatFollowsAConvolution) {
  Builder b({3, 8, 8});
  const int stem = b.relu(b.node(graph::Op::affine, {b.conv(0, 16, 3, 1, 1, 1, false)}));
  const int sum = b.add({b.node(graph::Op::affine, {b.conv(stem, 16, 3, 1, 1, 1, false)}), stem});
  b.classify(b.relu(sum), 10);
  const Program program = lower(whole(b.network), 0);
  EXPECT_EQ(texts(program), (std::vector<std::string>{"input", "conv2d + affine + relu", "conv2d + affine + add + relu",
                                                      "global_avg_pool", "linear"}));
  EXPECT_EQ(program.steps[2].key.constants.residual, 1);
  EXPECT_EQ(program.steps[2].residual.buffer, program.steps[1].y.buffer);
}

TEST(Lowering, JoinsNothingThatAnotherReads) {
  Builder b({3, 8, 8});
  const int conv = b.conv(0, 16, 3, 1, 1);
  b.classify(b.add({b.relu(conv), conv}), 10);
  EXPECT_EQ(texts(lower(whole(b.network), 0)),
            (std::vector<std::string>{"input", "conv2d", "relu", "add", "global_avg_pool", "linear"}));
}

TEST(Lowering, LetsConcatsInputsBeWrittenInPlace) {
  Builder b({3, 8, 8});
  const int stem = b.conv(0, 16, 3, 1, 1);
  const int joined = b.node(graph::Op::concat, {b.relu(b.conv(stem, 8, 1)), b.relu(b.conv(stem, 12, 3, 1, 1))});
  b.classify(joined, 10);
  const Program program = lower(whole(b.network), 0);
  for (const Step& step : program.steps) EXPECT_NE(step.key.name, "copy");
  EXPECT_EQ(program.steps[2].y.buffer, program.steps[3].y.buffer);
  EXPECT_EQ(program.steps[3].y.first, 8U * 64U);
}

TEST(Lowering, NamesTheUnionsChannels) {
  Builder b({3, 8, 8});
  b.classify(b.relu(b.conv(b.relu(b.conv(0, 6, 3, 1, 1)), 5, 3, 1, 1)), 10);
  package::Package package = whole(b.network);
  for (auto& group : package.conditions[0].mask)
    if (group.size() == 6) group = {0, 1, 1, 0, 1, 0};
  const Program program = lower(package, 0);
  EXPECT_EQ(program.steps[1].out_list, (std::vector<std::int32_t>{1, 2, 4}));
  EXPECT_TRUE(program.steps[1].in_list.empty());
  EXPECT_EQ(program.steps[2].in_list, (std::vector<std::int32_t>{1, 2, 4}));
  EXPECT_EQ(program.steps[2].key.constants.in_channels, 3);
  EXPECT_EQ(program.steps[2].macs, 64 * 5 * 3 * 9);
}

TEST(PlanMemory, KeepsWhatLivesTogetherApart) {
  std::mt19937 random(3);
  for (int round = 0; round < 200; ++round) {
    std::vector<Buffer> buffers(1 + random() % 30);
    for (Buffer& buffer : buffers) {
      buffer.values = 1 + random() % 5000;
      buffer.first = static_cast<int>(random() % 20);
      buffer.last = buffer.first + static_cast<int>(random() % 6);
    }
    const std::size_t total = plan_memory(buffers);
    for (std::size_t i = 0; i < buffers.size(); ++i) {
      const Buffer& a = buffers[i];
      EXPECT_LE(a.offset + a.values, total);
      for (std::size_t j = 0; j < i; ++j) {
        const Buffer& b = buffers[j];
        if (a.first > b.last || b.first > a.last) continue;
        EXPECT_TRUE(a.offset + a.values <= b.offset || b.offset + b.values <= a.offset)
            << a.offset << "+" << a.values << " and " << b.offset << "+" << b.values;
      }
    }
  }
}

TEST(PlanMemory, UsesFreedPlacesAgain) {
  std::vector<Buffer> chain(6);
  for (int i = 0; i < 6; ++i) {
    chain[static_cast<std::size_t>(i)].values = 640;
    chain[static_cast<std::size_t>(i)].first = i;
    chain[static_cast<std::size_t>(i)].last = i + 1;
  }
  EXPECT_EQ(plan_memory(chain), 2U * 640U);
}

}  // namespace
}  // namespace automask::cuda
