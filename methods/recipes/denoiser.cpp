#include "methods/recipes/denoiser.h"

#include <string>

#include "graph/cost.h"

namespace automask::methods {

using graph::Op;

graph::Graph with_denoiser(const graph::Graph& classifier, const DenoiserOptions& options) {
  graph::Graph result;
  result.name = classifier.name;
  result.input = classifier.input;
  graph::Attributes window;
  window.kernel_h = window.kernel_w = 3;
  window.pad_top = window.pad_left = window.pad_bottom = window.pad_right = 1;
  const std::string prefix = denoiser_prefix;
  const int input = result.add(classifier.nodes[0].name, Op::input, {});
  int x = input;
  for (int layer = 1; layer <= options.layers; ++layer) {
    const bool last = layer == options.layers;
    const std::string number = std::to_string(layer);
    window.out_channels = last ? classifier.input.channels : options.width;
    // The noise may have a mean; elsewhere a normalisation brings one along.
    window.bias = last;
    x = result.add(prefix + "conv" + number, Op::conv2d, {x}, window);
    if (last) break;
    x = result.add(prefix + "bn" + number, Op::batch_norm, {x});
    x = result.add(prefix + "relu" + number, Op::relu, {x});
  }
  const int cleaned = result.add(denoised_node, Op::add, {x, input});

  const int offset = cleaned;  // node 1 comes after it; who read the input reads the cleaned picture
  for (std::size_t i = 1; i < classifier.nodes.size(); ++i) {
    graph::Node node = classifier.nodes[i];
    for (int& from : node.inputs) from += offset;
    result.add(node.name, node.op, node.inputs, node.attributes);
  }
  graph::infer_shapes(result);
  return result;
}

graph::Graph with_denoiser_of(const MethodSpec& spec, const graph::Graph& classifier) {
  return spec.method == "denoise" ? with_denoiser(classifier, spec.denoiser) : classifier;
}

double mac_share(const MethodSpec& spec, const graph::Graph& classifier) {
  if (spec.method != "denoise" || spec.mac_budget == 1) return spec.mac_budget;
  const double whole = double(graph::cost(with_denoiser(classifier, spec.denoiser)).macs);
  return spec.mac_budget * double(graph::cost(classifier).macs) / whole;
}

}  // namespace automask::methods
