// The engine without its masks' logic (AUTOMASK_WITHOUT_MASKS), whose area the full one's is compared with: networks
// that need no mask come out the same, so that what is left out is that logic and nothing else.
#include "hw_targets/z7020/hls/parameters.h"
#include "tests/unit/z7020/agreement.h"

namespace automask::z7020 {
namespace {

static_assert(!hls::masks, "this test is for the engine without masks");

TEST(Dense, NetworksWithoutMasksGiveTheReferencesBits) {
  int tried = 0;
  for (unsigned seed = 0; seed < 200; ++seed) {
    const graph::Graph graph = cpu::random_graph(seed);
    // Lanes that a concatenated plane has too many are holes, which only lists leave out.
    if (std::any_of(graph.nodes.begin(), graph.nodes.end(),
                    [](const graph::Node& node) { return node.op == graph::Op::concat; }))
      continue;
    ++tried;
    ASSERT_TRUE(agrees(cpu::random_integers(graph, seed, false), 1)) << graph::to_json(graph).dump();
  }
  EXPECT_GT(tried, 50);
}

TEST(Dense, AMaskNeedsTheLogic) {
  cpu::Builder b({3, 12, 12});
  b.classify(b.relu(b.conv(b.relu(b.conv(0, 24, 3, 1, 1)), 24, 3, 1, 1)), 6);
  package::Package package = masked_package(b.network, 2, 1.0, 1);
  for (auto& group : package.conditions[1].mask)
    for (std::size_t c = 0; group.size() == 24 && c < 24; c += 3) group[c] = 0;
  // A third condition that keeps others: their channels cannot all lie together.
  package.conditions.push_back(package.conditions[1]);
  for (auto& group : package.conditions[2].mask)
    for (std::size_t c = 0; group.size() == 24 && c < 24; ++c) group[c] = c % 3 == 1 ? 0 : 1;
  const Image image = compile(package);
  const auto port = simulation_port();
  Executor executor(image, *port);
  EXPECT_FALSE(agrees(package::materialise_integers(package, 2), executor, 2));
}

}  // namespace
}  // namespace automask::z7020
