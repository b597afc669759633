#include "methods/network_needs.h"

#include <algorithm>

#include "core/error.h"
#include "methods/training/affine.h"

namespace automask::methods {
namespace {

using graph::Op;

[[noreturn]] void fail(const std::string& where, const std::string& problem, const std::string& remedy) {
  throw core::Error(core::ExitCode::steps_failed, where, problem, remedy);
}

}  // namespace

void require_slimmable(const graph::Graph& graph, const graph::ChannelGroups& groups) {
  for (const graph::ChannelGroup& group : groups.groups)
    if (group.maskable && std::none_of(group.gates.begin(), group.gates.end(), [&](const int gate) {
          return graph.nodes[static_cast<std::size_t>(gate)].op == Op::batch_norm;
        }))
      fail("criterion slimming", "the channels of " + group.name + " in " + graph.name + " have no batch_norm to slim",
           "take another criterion, or a model with batch_norm behind every convolution");
}

void require_stem(const graph::Graph& graph, const MethodSpec& spec) {
  if (spec.stem == Stem::own && graph::stem_nodes(graph).empty())
    fail(spec.name + " on " + graph.name, "the stem is private, but no convolution (without groups) reads the picture",
         "remove \"stem\", or take another model");
}

void check_network(const graph::Graph& model, const MethodSpec& spec) {
  const bool adapts = spec.method == "bn_adapt" || spec.method == "tent";
  if (adapts && std::none_of(model.nodes.begin(), model.nodes.end(),
                             [](const graph::Node& node) { return node.op == Op::batch_norm; }))
    fail(spec.name + " on " + model.name, "the network has no batch normalisation to adapt",
         "choose a network that has some");
  require_stem(model, spec);
  if (spec.normalisation == Normalisation::affine_k && spec.init == "scratch" && has_normalisation(model))
    fail(spec.name + " on " + model.name,
         "affine_k keeps the statistics of the weights to start from, and there are none",
         R"(write "init": "published", "clean" or a file of weights, or take bn_k)");
  if (spec.scorer == "slimming") require_slimmable(model, graph::channel_groups(model));
}

}  // namespace automask::methods
