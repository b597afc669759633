#include "hw_targets/cpu/network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <omp.h>

#include "tests/unit/cpu/networks.h"

namespace automask::cpu {
namespace {

using graph::Op;

// Executes on a few pictures and compares with the slow network. Twice: a value must not survive into the next picture.
void expect_right(const graph::Graph& graph, unsigned seed = 1) {
  omp_set_num_threads(1);  // the threads of a busy machine would mostly wait for each other
  package::PlainNetwork plain{graph, random_weights(graph, seed)};
  const auto channels = static_cast<std::size_t>(graph.input.channels);
  const std::vector<float> mean(channels, 0.3f), deviation(channels, 0.4f);
  Network network(plain, {mean, deviation}, dnnl::engine(dnnl::engine::kind::cpu, 0));
  SlowNetwork slow(plain, mean, deviation);
  for (unsigned p = 0; p < 3; ++p) {
    const auto picture = random_picture(graph.input, p);
    const std::vector<double> expected = slow.run(picture);
    std::vector<float> logits(expected.size(), -1e9f);
    network.run(picture.data(), logits.data());
    double largest = 0, difference = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      largest = std::max(largest, std::abs(expected[i]));
      difference = std::max(difference, std::abs(expected[i] - static_cast<double>(logits[i])));
    }
    EXPECT_LT(difference, 1e-5 * largest) << "picture " << p << " " << network.placement().dump();
    EXPECT_GT(largest, 0);
  }
}

TEST(CpuNetwork, Convolutions) {
  for (const int channels : {1, 3, 5, 16}) {
    Builder b({channels, 9, 7});
    int x = b.conv(0, 20, 3, 1, 1);
    x = b.relu(x);
    x = b.conv(x, 33, 3, 2, 1, 1, false);
    x = b.conv(x, 8, 1, 2);
    b.classify(x, 10);
    expect_right(b.network);
  }
}

TEST(CpuNetwork, GroupsDilationAndUnevenPadding) {
  Builder b({3, 12, 11});
  int x = b.conv(0, 24, 3, 1, 1);
  x = b.conv(x, 24, 3, 2, 1, 24);  // depthwise
  x = b.relu(x);
  x = b.conv(x, 12, 3, 1, 2, 3, true, 2);
  graph::Attributes a;
  a.out_channels = 7;
  a.kernel_h = 2;
  a.kernel_w = 3;
  a.stride_h = 2;
  a.pad_bottom = 1;
  a.pad_left = 2;
  x = b.node(Op::conv2d, {x}, a);
  b.classify(x, 3);
  expect_right(b.network);
}

TEST(CpuNetwork, Pools) {
  for (const Op op : {Op::max_pool, Op::avg_pool}) {
    Builder b({3, 15, 14});
    int x = b.conv(0, 10, 3, 1, 1);
    x = b.pool(op, x, 3, 2, 1);
    x = b.pool(op, x, 2, 2);  // rounds down, leaves a row unread
    x = b.relu(x);
    b.classify(x, 4);
    expect_right(b.network);
  }
}

TEST(CpuNetwork, PoolsInCeilModeAndCountedPadding) {
  for (const Op op : {Op::max_pool, Op::avg_pool})
    for (const bool counted : {false, true})
      for (const int pad : {0, 1}) {
        if (op == Op::max_pool && counted) continue;
        Builder b({3, 14, 11});
        graph::Attributes a;
        a.kernel_h = a.kernel_w = 3;
        a.stride_h = a.stride_w = 2;
        a.pad_top = a.pad_left = a.pad_right = pad;
        a.ceil_mode = true;
        a.count_include_pad = counted;
        b.classify(b.node(op, {b.node(op, {b.conv(0, 10, 3, 1, 1)}, a)}, a), 4);
        expect_right(b.network);
      }
}

TEST(CpuNetwork, ConcatsOfAnyNumberOfChannels) {
  Builder b({3, 10, 9});
  const int stem = b.node(Op::relu6, {b.conv(0, 16, 3, 1, 1)});
  const int first = b.relu(b.conv(stem, 5, 1));
  const int second = b.node(Op::relu6, {b.conv(stem, 32, 3, 1, 1)});
  const int joined = b.node(Op::concat, {first, second, stem, 0, b.pool(Op::max_pool, stem, 3, 1, 1)});
  // The sum must not be written over the concat, which is read again.
  const int sum = b.node(Op::relu6, {b.add({b.conv(joined, 72, 1), joined})});
  const int again = b.node(Op::concat, {sum, joined});
  const int small = b.node(Op::flatten, {b.node(Op::global_avg_pool, {again})});
  const int large = b.node(Op::flatten, {b.conv(again, 2, 3, 2)});
  const int features = b.node(Op::concat, {b.node(Op::dropout, {small}), large});
  b.linear(features, 7);
  expect_right(b.network);
}

// A flattened picture under every operator that could read it: no linear layer packs weights for its layout there.
TEST(CpuNetwork, FlattenedPicturesUnderOtherOperators) {
  Builder b({2, 5, 4});
  const int flat = b.node(Op::flatten, {b.conv(0, 17, 3)});  // 17 * 3 * 2
  const int scaled = b.node(Op::affine, {flat});
  const int features = b.add({b.linear(scaled, 102), b.relu(flat), flat});
  const int mixed = b.add({b.conv(features, 102, 1), features});  // a convolution of features
  b.node(Op::softmax, {b.node(Op::global_avg_pool, {mixed})});
  expect_right(b.network);
}

TEST(CpuNetwork, SoftmaxAndDropoutAtTheEnd) {
  Builder b({2, 8, 8});
  const int x = b.node(Op::flatten, {b.node(Op::global_avg_pool, {b.conv(0, 9, 3)})});
  // The dropout's value lies in its input's memory: the sum must leave that alone.
  const int dropped = b.node(Op::dropout, {x});
  const int sum = b.add({b.linear(dropped, 9), x});
  b.node(Op::softmax, {b.linear(b.add({sum, dropped}), 5)});
  expect_right(b.network);
}

TEST(CpuNetwork, FlattenKeepsTheOrderOfChannelsAndPixels) {
  Builder b({1, 6, 6});
  int x = b.relu(b.conv(0, 6, 3));
  x = b.linear(b.node(Op::flatten, {x}), 12);
  x = b.relu(x);
  x = b.linear(x, 5, false);
  expect_right(b.network);
  Builder plain({2, 3, 4});
  plain.node(Op::flatten, {plain.conv(0, 5, 1)});
  expect_right(plain.network);
}

TEST(CpuNetwork, ResidualBlocks) {
  Builder b({3, 16, 16});
  const int stem = b.relu(b.conv(0, 16, 3, 1, 1));
  // Identity: the sum is written over the block's input.
  const int first = b.relu(b.add({b.conv(b.relu(b.conv(stem, 16, 3, 1, 1)), 16, 3, 1, 1), stem}));
  // Downsampling, the shortcut's convolution last and first.
  const int main = b.conv(b.relu(b.conv(first, 24, 3, 2, 1)), 24, 3, 1, 1);
  const int second = b.relu(b.add({main, b.conv(first, 24, 1, 2)}));
  const int shortcut = b.conv(second, 40, 1, 2);
  const int third = b.relu(b.add({shortcut, b.conv(b.relu(b.conv(second, 40, 3, 2, 1)), 40, 3, 1, 1)}));
  b.classify(third, 10);
  expect_right(b.network);
  const Fusion fusion = fuse(b.network);
  EXPECT_EQ(std::count(fusion.absorbed.begin(), fusion.absorbed.end(), true), 10);  // 7 relus, 3 adds
}

TEST(CpuNetwork, ValuesThatAreStillWantedAreNotWrittenOver) {
  Builder b({3, 8, 8});
  const int a = b.relu(b.conv(0, 16, 3, 1, 1));
  const int both = b.add({b.conv(a, 16, 3, 1, 1), a});  // the convolution reads what the sum would be written over
  const int again = b.add({both, a});                   // `a` is read once more
  const int twice = b.add({again, again});
  const int third = b.add({b.conv(twice, 16, 1), b.relu(twice), both});
  const int input = b.add({b.conv(b.conv(third, 3, 1), 3, 1), 0});  // the picture itself
  const int flat = b.node(Op::flatten, {input});
  const int other = b.add({b.conv(third, 3, 3, 1, 1), input});  // `input` is also read later, through flatten
  const int features = b.add({b.linear(b.node(Op::flatten, {other}), 10), b.linear(flat, 10)});
  // A flatten's value lies in its input's memory, which is read again.
  const int pooled = b.node(Op::global_avg_pool, {other});
  const int renamed = b.node(Op::flatten, {pooled});
  const int small = b.conv(b.node(Op::global_avg_pool, {third}), 3, 1);
  const int sum = b.add({b.add({small, renamed}), pooled});
  b.relu(b.add({features, b.linear(b.node(Op::flatten, {sum}), 10)}));
  expect_right(b.network);
}

TEST(CpuNetwork, AffineThatWasNotFolded) {
  Builder b({3, 8, 8});
  int x = b.pool(Op::max_pool, b.conv(0, 12, 3, 1, 1), 2, 2);
  x = b.relu(b.node(Op::affine, {x}));
  x = b.linear(b.node(Op::flatten, {x}), 6);
  b.node(Op::affine, {b.relu(x)});
  expect_right(b.network);
}

TEST(CpuNetwork, TellsWhereEveryOperatorWent) {
  Builder b({1, 8, 8});
  b.classify(b.relu(b.conv(0, 16, 3, 1, 1)), 10);
  const package::PlainNetwork plain{b.network, random_weights(b.network, 1)};
  const Network network(plain, {{0.f}, {1.f}}, dnnl::engine(dnnl::engine::kind::cpu, 0));
  ASSERT_EQ(network.placement().size(), 3u);
  EXPECT_EQ(network.placement()[0]["op"], "conv2d");
  EXPECT_THAT(network.placement()[0]["placement"].get<std::string>(), testing::HasSubstr("+ relu"));
  EXPECT_GT(network.memory_bytes(), 16u * 9 * 4);
}

}  // namespace
}  // namespace automask::cpu
