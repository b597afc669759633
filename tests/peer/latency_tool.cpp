// Times the cpu runner's networks for tests/peer/bench_runners.py: random weights, one picture.
//
//   latency_tool export NAME FILE.onnx   the network, normalisation folded
//   latency_tool serve NAME THREADS      then, per line "WHAT N" of the standard input, the least of N latencies in
//                                        milliseconds. WHAT: fp32, int8, fp32-half, int8-half (masked to half of the
//                                        MACs or little more, multiples of 16 channels), int8-switched (after a
//                                        picture through the masked network)
#include <omp.h>

#include <chrono>
#include <cmath>
#include <iostream>
#include <map>
#include <memory>

#include "hw_targets/cpu/integer_network.h"
#include "hw_targets/cpu/network.h"
#include "models/fold.h"
#include "models/model_file.h"
#include "models/zoo.h"
#include "tests/unit/cpu/integer_networks.h"
#include "tests/unit/cpu/networks.h"

namespace {

using namespace automask;

constexpr std::size_t step = 16;  // channels: what the cpu runner computes at once

graph::Mask keep(const graph::ChannelGroups& groups, const std::vector<std::size_t>& kept) {
  graph::Mask mask = graph::full_mask(groups);
  for (std::size_t g = 0; g < mask.size(); ++g)
    for (std::size_t c = kept[g]; c < mask[g].size(); ++c) mask[g][c] = 0;
  return mask;
}

// As little more than half of the MACs as whole steps allow: the same share of each group's channels to begin with,
// then steps of single groups, largest first, as long as they fit, and the smallest that does not.
graph::Mask half_mask(const graph::Graph& graph) {
  const graph::ChannelGroups groups = graph::channel_groups(graph);
  const graph::Mask full = graph::full_mask(groups);
  const std::int64_t dense = static_cast<std::int64_t>(graph::cost(graph).macs);
  const auto macs = [&](const std::vector<std::size_t>& kept) {
    return static_cast<std::int64_t>(graph::masked_cost(graph, groups, keep(groups, kept)).macs);
  };
  const auto share_of_each = [&](double share) {
    std::vector<std::size_t> kept;
    for (std::size_t g = 0; g < full.size(); ++g) {
      const auto steps = static_cast<std::size_t>(share * static_cast<double>(full[g].size()) / step);
      kept.push_back(groups.groups[g].maskable ? std::min(std::max(steps, std::size_t(1)) * step, full[g].size())
                                               : full[g].size());
    }
    return kept;
  };
  double share = 1;
  while (macs(share_of_each(share)) * 2 > dense) share -= 0.005;
  std::vector<std::size_t> kept = share_of_each(share);
  while (true) {
    std::vector<std::size_t> below, above;
    for (std::size_t g = 0; g < kept.size(); ++g) {
      if (kept[g] == full[g].size()) continue;
      std::vector<std::size_t> more = kept;
      more[g] = std::min(more[g] + step, full[g].size());
      const std::int64_t cost = macs(more);
      if (cost * 2 < dense) {
        if (below.empty() || cost > macs(below)) below = more;
      } else if (above.empty() || cost < macs(above)) {
        above = more;
      }
    }
    if (below.empty()) return keep(groups, above);
    kept = below;
  }
}

package::PlainNetwork folded_network(const std::string& name, bool half) {
  const models::ZooEntry* entry = models::find_in_zoo(name);
  if (!entry) throw std::invalid_argument("no network " + name);
  package::PlainNetwork network;
  network.graph = models::build_published(*entry, {3, 224, 224}, 1000);
  if (half) {
    const double dense = static_cast<double>(graph::cost(network.graph).macs);
    network.graph = graph::shrink(network.graph, half_mask(network.graph));
    std::cerr << name << " keeps " << static_cast<double>(graph::cost(network.graph).macs) / dense << " of the MACs\n";
  }
  network.weights = cpu::random_weights(network.graph, 1);
  for (const graph::Node& node : network.graph.nodes) {
    if (node.op != graph::Op::batch_norm) continue;
    const std::pair<const char*, float> neutral[] = {
        {".weight", 1.F}, {".bias", 0.1F}, {".running_mean", 0.F}, {".running_var", 1.F}};
    for (const auto& [part, value] : neutral)
      for (float& x : network.weights.at(node.name + part).data) x = value;
  }
  models::fold_normalisation(network.graph, network.weights);
  return network;
}

void serve(const std::string& name, int threads) {
  omp_set_num_threads(threads);
  const package::PlainNetwork dense = folded_network(name, false), half = folded_network(name, true);
  const cpu::Scaling scaling{{0.5F, 0.5F, 0.5F}, {0.25F, 0.25F, 0.25F}};
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  cpu::Network fp32(dense, scaling, engine), fp32_half(half, scaling, engine);
  cpu::IntegerNetwork int8(cpu::random_integers(dense.graph, 1, false)),
      int8_half(cpu::random_integers(half.graph, 1, false));
  const auto picture = cpu::random_picture(dense.graph.input, 1);
  std::vector<float> logits(1000);
  std::string what;
  int repetitions = 0;
  std::cout << "ready" << std::endl;
  while (std::cin >> what >> repetitions) {
    double least = 1e9;
    for (int i = 0; i < repetitions; ++i) {
      if (what == "int8-switched") int8_half.run(picture.data(), logits.data());
      const auto begin = std::chrono::steady_clock::now();
      if (what == "fp32")
        fp32.run(picture.data(), logits.data());
      else if (what == "fp32-half")
        fp32_half.run(picture.data(), logits.data());
      else if (what == "int8-half")
        int8_half.run(picture.data(), logits.data());
      else
        int8.run(picture.data(), logits.data());
      const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - begin;
      least = std::min(least, taken.count());
    }
    std::cout << least << std::endl;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  try {
    if (words.size() == 3 && words[0] == "export") {
      const package::PlainNetwork network = folded_network(words[1], false);
      models::OnnxModel model;
      model.graph = network.graph;
      model.weights = network.weights;
      models::write_model_file(model, words[2]);
    } else if (words.size() == 3 && words[0] == "serve") {
      serve(words[1], std::stoi(words[2]));
    } else {
      std::cerr << "usage: latency_tool export NAME FILE.onnx | serve NAME THREADS\n";
      return 2;
    }
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
  return 0;
}
