#include "hw_targets/host/contract_package.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "core/hash.h"
#include "core/philox.h"
#include "hw_targets/host/contract_integers.h"
#include "hw_targets/package/container.h"

namespace automask::host {
namespace {

using graph::Op;
using nlohmann::json;

constexpr int endless_branches = 1024;
constexpr double stem_bound = 0.33;  // sqrt(3 / its 27 inputs)
constexpr std::uint64_t weights_seed = 20, pictures_seed = 21, estimator_seed = 22;

std::vector<float> random_values(std::size_t count, double low, double high, core::RandomStream& random) {
  std::vector<float> values(count);
  for (float& value : values)
    value = static_cast<float>(low + (high - low) * random.below(1u << 20) / double(1u << 20));
  return values;
}

graph::Attributes convolution(int channels, int kernel, int groups) {
  graph::Attributes attributes;
  attributes.out_channels = channels;
  attributes.kernel_h = attributes.kernel_w = kernel;
  attributes.pad_top = attributes.pad_left = attributes.pad_bottom = attributes.pad_right = kernel / 2;
  attributes.groups = groups;
  return attributes;
}

void fill_weights(package::Package& package, core::RandomStream& random) {
  for (const auto& [name, shape] : graph::parameter_shapes(package.graph)) {
    const int node = package.graph.find(name.substr(0, name.rfind('.')));
    if (package.graph.nodes[static_cast<std::size_t>(node)].op == Op::affine) continue;
    std::size_t size = 1, inputs = 1;
    for (std::size_t i = 0; i < shape.size(); ++i) {
      size *= static_cast<std::size_t>(shape[i]);
      if (i > 0) inputs *= static_cast<std::size_t>(shape[i]);
    }
    const double bound = std::sqrt(3.0 / static_cast<double>(inputs));
    package.weights[name] = {shape, random_values(size, -bound, bound, random)};
  }
}

// One that hears every statistic, so that a mistake in any of them shows. Both conditions get some of the pictures.
package::Estimator contract_estimator(std::size_t conditions) {
  constexpr std::size_t units = 6;
  core::RandomStream random(estimator_seed);
  const auto entries = [&](std::size_t count, double factor, int spread) {
    std::vector<package::Requantisation> all(count);
    for (package::Requantisation& r : all) {
      r = package::requantisation_of(factor * (1 + 0.25 * random.below(4)));
      r.bias = static_cast<std::int32_t>(random.below(static_cast<std::uint32_t>(2 * spread))) - spread;
    }
    return all;
  };
  const auto layer = [&](std::size_t outputs, std::size_t inputs, double factor) {
    package::EstimatorLayer of;
    for (std::size_t i = 0; i < outputs * inputs; ++i)
      of.weights.push_back(static_cast<std::int8_t>(static_cast<int>(random.below(255)) - 127));
    of.requantisation = entries(outputs, factor, 1000);
    return of;
  };
  package::Estimator estimator;
  estimator.input = entries(package::statistic_count, 0.02, 3000);
  estimator.hidden = layer(units, package::statistic_count, 0.004);
  estimator.output = layer(conditions, units, 0.5);
  return estimator;
}

// A channel's activations, row-major; one entry per channel.
using Activation = std::vector<std::vector<double>>;

Activation convolve(const graph::Node& node, const package::PlainNetwork& net, const Activation& in, int height,
                    int width) {
  const graph::Tensor& weight = net.weights.at(node.name + ".weight");
  const auto bias = net.weights.find(node.name + ".bias");
  const graph::Attributes& a = node.attributes;
  const std::size_t outs = static_cast<std::size_t>(a.out_channels),
                    per_group = static_cast<std::size_t>(weight.shape[1]);
  const std::size_t outs_per_group = outs / static_cast<std::size_t>(a.groups);
  Activation out(outs, std::vector<double>(static_cast<std::size_t>(height * width)));
  for (std::size_t o = 0; o < outs; ++o)
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x) {
        double sum = bias == net.weights.end() ? 0 : bias->second.data[o];
        for (std::size_t i = 0; i < per_group; ++i)
          for (int ky = 0; ky < a.kernel_h; ++ky)
            for (int kx = 0; kx < a.kernel_w; ++kx) {
              const int row = y + ky - a.pad_top, column = x + kx - a.pad_left;
              if (row < 0 || column < 0 || row >= height || column >= width) continue;
              const std::size_t tap = static_cast<std::size_t>(ky * a.kernel_w + kx);
              sum += weight.data[(o * per_group + i) * static_cast<std::size_t>(a.kernel_h * a.kernel_w) + tap] *
                     in[o / outs_per_group * per_group + i][static_cast<std::size_t>(row * width + column)];
            }
        out[o][static_cast<std::size_t>(y * width + x)] = sum;
      }
  return out;
}

// Only the operators of contract_package().
Activation execute(const graph::Node& node, const package::PlainNetwork& net, const std::vector<Activation>& of_node,
                   const graph::Shape& shape) {
  Activation out = of_node[static_cast<std::size_t>(node.inputs[0])];
  switch (node.op) {
    case Op::conv2d:
      return convolve(node, net, out, shape.height, shape.width);
    case Op::relu:
      for (auto& channel : out)
        for (double& value : channel) value = std::max(value, 0.0);
      return out;
    case Op::add:
      for (std::size_t c = 0; c < out.size(); ++c)
        for (std::size_t p = 0; p < out[c].size(); ++p)
          out[c][p] += of_node[static_cast<std::size_t>(node.inputs[1])][c][p];
      return out;
    case Op::affine:
      for (std::size_t c = 0; c < out.size(); ++c)
        for (double& value : out[c])
          value = value * net.weights.at(node.name + ".weight").data[c] + net.weights.at(node.name + ".bias").data[c];
      return out;
    case Op::global_avg_pool:
      for (auto& channel : out) {
        double sum = 0;
        for (const double value : channel) sum += value;
        channel = {sum / static_cast<double>(channel.size())};
      }
      return out;
    case Op::linear: {
      graph::Node as_convolution = node;
      return convolve(as_convolution, net, out, 1, 1);
    }
    default:
      return out;
  }
}

// A safetensors file taken apart and put together again, with its content hash (docs/package.md, sections 1 and 2).
std::string rewrite(const std::string& file,
                    const std::function<void(json& structure, std::map<std::string, json>& headers,
                                             std::map<std::string, std::string>& data)>& change) {
  std::uint64_t size = 0;
  std::memcpy(&size, file.data(), sizeof size);  // little endian, as every host this is built for
  json header = json::parse(file.substr(8, size));
  json structure = json::parse(header["__metadata__"]["automask_package"].get<std::string>());
  header.erase("__metadata__");
  std::map<std::string, json> headers;
  std::map<std::string, std::string> data;
  for (const auto& [name, entry] : header.items()) {
    headers[name] = entry;
    const std::size_t begin = entry["data_offsets"][0], end = entry["data_offsets"][1];
    data[name] = file.substr(8 + size + begin, end - begin);
  }
  change(structure, headers, data);
  const std::string text = structure.dump();
  std::string hashed = text;
  for (const auto& [name, bytes] : data) {
    std::string shape;
    for (const auto& extent : headers[name]["shape"]) shape += (shape.empty() ? "" : ",") + extent.dump();
    hashed += name + " " + headers[name]["dtype"].get<std::string>() + " " + shape + " " +
              std::to_string(bytes.size()) + "\n" + bytes;
  }
  json out = {{"__metadata__", {{"automask_package", text}, {"sha256", core::sha256_hex(hashed)}}}};
  std::string body;
  for (const char* dtype : {"F32", "I32", "F16", "I16", "I8", "U8"})  // those with alignment first
    for (auto& [name, entry] : headers) {
      if (entry["dtype"] != dtype) continue;
      entry["data_offsets"] = {body.size(), body.size() + data[name].size()};
      out[name] = entry;
      body += data[name];
    }
  std::string head = out.dump();
  head.append((8 - head.size() % 8) % 8, ' ');
  const std::uint64_t length = head.size();
  return std::string(reinterpret_cast<const char*>(&length), sizeof length) + head + body;
}

using Headers = std::map<std::string, json>;
using Data = std::map<std::string, std::string>;

}  // namespace

package::Package contract_package() {
  package::Package package;
  graph::Graph& net = package.graph;
  net.name = "contract";
  net.input = {static_cast<int>(contract_channels), static_cast<int>(contract_height),
               static_cast<int>(contract_width)};
  const auto normalised = [&](const std::string& name, int from, const graph::Attributes& attributes) {
    const int layer = net.add(name, Op::conv2d, {from}, attributes);
    return net.add(name + "_affine", Op::affine, {layer});
  };
  const int picture = net.add("picture", Op::input, {});
  const int stem = net.add("stem_relu", Op::relu, {normalised("stem", picture, convolution(8, 3, 1))});
  const int depthwise = normalised("depthwise", stem, convolution(8, 3, 8));
  const int sum = net.add("sum", Op::add, {depthwise, stem});
  const int wide = net.add("wide_relu", Op::relu, {normalised("wide", sum, convolution(12, 1, 1))});
  const int mean = net.add("mean", Op::global_avg_pool, {wide});
  graph::Attributes classifier;
  classifier.out_channels = static_cast<int>(contract_classes);
  classifier.bias = true;
  net.add("classes", Op::linear, {mean}, classifier);

  core::RandomStream random(weights_seed);
  fill_weights(package, random);
  const graph::ChannelGroups groups = graph::channel_groups(net);
  const auto shapes = graph::infer_shapes(net);
  package.private_stem = true;
  const graph::Tensor shared_stem = package.weights.at("stem.weight");
  package.weights.erase("stem.weight");
  for (const char* name : {"clean", "jpeg:q30"}) {
    package::Condition condition;
    condition.name = name;
    condition.mask = graph::full_mask(groups);
    if (!package.conditions.empty())
      for (std::size_t g = 0; g < groups.groups.size(); ++g)
        if (groups.groups[g].maskable)
          for (std::size_t m = 1; m < condition.mask[g].size(); m += 2) condition.mask[g][m] = 0;
    for (std::size_t i = 0; i < net.nodes.size(); ++i) {
      if (net.nodes[i].op != Op::affine) continue;
      const auto kept = graph::channel_mask(groups, static_cast<int>(i), condition.mask);
      const std::size_t channels = static_cast<std::size_t>(shapes[i].channels);
      auto& scale = condition.scale[net.nodes[i].name] = random_values(channels, 0.5, 1.5, random);
      auto& bias = condition.bias[net.nodes[i].name] = random_values(channels, -0.5, 0.5, random);
      for (std::size_t c = 0; c < channels; ++c)
        if (kept[c] == 0) scale[c] = bias[c] = 0;  // not stored
    }
    // A stem of its own; 0 where nothing is stored.
    graph::Tensor& weight = condition.weights["stem.weight"] = shared_stem;
    const std::size_t row = weight.data.size() / static_cast<std::size_t>(weight.shape[0]);
    weight.data = random_values(weight.data.size(), -stem_bound, stem_bound, random);
    const auto kept = graph::channel_mask(groups, net.find("stem"), condition.mask);
    for (std::size_t i = 0; i < weight.data.size(); ++i)
      if (kept[i / row] == 0) weight.data[i] = 0;
    package.conditions.push_back(std::move(condition));
  }
  package.estimator = contract_estimator(package.conditions.size());
  package.input_mean = {0.48f, 0.45f, 0.41f};
  package.input_deviation = {0.23f, 0.22f, 0.22f};
  for (std::size_t c = 0; c < contract_classes; ++c) package.classes.push_back("class " + std::to_string(c));
  package.provenance = {{"made for", "the contract test"}};
  return package;
}

package::Package in_format(const package::Package& real, const std::string& format) {
  if (format == "int8") return in_integers(real);
  package::Package package = real;
  if (format != "fp16") return package;
  package.format = package::Format::fp16;
  const auto round_all = [](graph::TensorMap& weights) {
    for (auto& [name, tensor] : weights)
      tensor.data = package::halves_to_floats(package::floats_to_halves(tensor.data));
  };
  round_all(package.weights);
  for (package::Condition& condition : package.conditions) round_all(condition.weights);
  return package;
}

std::vector<std::string> contract_pictures(std::size_t count) {
  core::RandomStream random(pictures_seed);
  std::vector<std::string> pictures(count, std::string(contract_height * contract_width * contract_channels, '\0'));
  for (std::size_t i = 0; i < count; ++i) {
    // Of different brightness, so that no picture's logits are another's.
    const std::uint32_t darkest = static_cast<std::uint32_t>(i * 160 / std::max<std::size_t>(count, 1));
    for (char& value : pictures[i]) value = static_cast<char>(darkest + random.below(96));
  }
  return pictures;
}

std::vector<double> contract_logits(const package::Package& package, int k, const std::vector<std::string>& pictures) {
  const package::PlainNetwork net = package::materialise(package, k);
  const auto shapes = graph::infer_shapes(net.graph);
  std::vector<double> logits;
  for (const std::string& picture : pictures) {
    Activation input(contract_channels, std::vector<double>(contract_height * contract_width));
    for (std::size_t p = 0; p < contract_height * contract_width; ++p)
      for (std::size_t c = 0; c < contract_channels; ++c)
        input[c][p] = (static_cast<unsigned char>(picture[p * contract_channels + c]) / 255.0 -
                       static_cast<double>(package.input_mean[c])) /
                      static_cast<double>(package.input_deviation[c]);
    std::vector<Activation> of_node = {std::move(input)};
    for (std::size_t i = 1; i < net.graph.nodes.size(); ++i)
      of_node.push_back(execute(net.graph.nodes[i], net, of_node, shapes[i]));
    for (const auto& channel : of_node.back()) logits.push_back(channel[0]);
  }
  return logits;
}

package::Package endless_package() {
  // Branches of 2^31 values each, the most that a graph may have, which a sum needs all at once.
  package::Package package;
  graph::Graph& net = package.graph;
  net.name = "endless";
  net.input = {1, 1 << 15, 1 << 15};
  const int picture = net.add("picture", Op::input, {});
  std::vector<int> branches;
  for (int i = 0; i < endless_branches; ++i)
    branches.push_back(net.add("branch" + std::to_string(i), Op::conv2d, {picture}, convolution(2, 1, 1)));
  const int wide = net.add("wide", Op::add, branches);
  const int mean = net.add("mean", Op::global_avg_pool, {wide});
  graph::Attributes classifier;
  classifier.out_channels = 1;
  net.add("classes", Op::linear, {mean}, classifier);
  core::RandomStream random(weights_seed);
  fill_weights(package, random);
  package.conditions.emplace_back();
  package.conditions[0].name = "*";
  package.conditions[0].mask = graph::full_mask(graph::channel_groups(net));
  package.input_mean = {0};
  package.input_deviation = {1};
  package.classes = {"class"};
  return package;
}

std::string with_other_version(const std::string& package) {
  return rewrite(package, [](json& structure, Headers&, Data&) { structure["format_version"] = 1'000'000; });
}

std::string with_wrong_hash(const std::string& package) {
  std::string damaged = package;
  // The last float of the data lies before the masks: one bit of it.
  const std::string changed = rewrite(package, [](json&, Headers&, Data& data) {
    for (auto& [name, bytes] : data)
      if (name == "wide.weight") bytes[0] = static_cast<char>(bytes[0] ^ 1);
  });
  const std::size_t at = damaged.find("\"sha256\":\"") + 10;
  const std::string stored = damaged.substr(at, 64);
  damaged = changed;
  damaged.replace(damaged.find("\"sha256\":\"") + 10, 64, stored);
  return damaged;
}

std::string with_empty_masks(const std::string& package) {
  return rewrite(package, [](json&, Headers&, Data& data) {
    std::string& masks = data["masks"];
    std::fill(masks.begin() + static_cast<std::ptrdiff_t>(masks.size() / 2), masks.end(), '\0');
  });
}

std::string with_shorter_masks(const std::string& package) {
  return rewrite(package, [](json&, Headers& headers, Data& data) {
    headers["masks"]["shape"] = {2, 1};
    data["masks"].resize(2);
  });
}

}  // namespace automask::host
