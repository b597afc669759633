#include <algorithm>

#include "hw_targets/package/layout.h"

namespace automask {
namespace package {
namespace {

using Json = nlohmann::json;

// The index of `value` in `list`, appended if it is new.
std::size_t stored_once(std::vector<std::string>& list, std::string value) {
  const auto found = std::find(list.begin(), list.end(), value);
  if (found != list.end()) return static_cast<std::size_t>(found - list.begin());
  list.push_back(std::move(value));
  return list.size() - 1;
}

// One bit per member of the maskable groups, in their order; bit i is bit i % 8 of byte i / 8.
std::string packed_mask(const graph::Mask& mask, const graph::ChannelGroups& groups) {
  std::string bytes;
  std::size_t bit = 0;
  for (std::size_t g = 0; g < mask.size(); ++g) {
    if (!groups.groups[g].maskable) continue;
    for (const std::uint8_t kept : mask[g]) {
      if (bit % 8 == 0) bytes += '\0';
      if (kept != 0) bytes.back() = static_cast<char>(static_cast<unsigned char>(bytes.back()) | (1u << (bit % 8)));
      ++bit;
    }
  }
  return bytes;
}

// Per affine node: the scales of the kept channels, then their biases.
std::string packed_normalisation(const Condition& condition, const graph::Graph& graph,
                                 const graph::ChannelGroups& groups) {
  std::vector<float> values;
  for (const int i : affine_nodes(graph)) {
    const std::vector<std::uint8_t> kept = graph::channel_mask(groups, i, condition.mask);
    for (const auto* source : {&condition.scale, &condition.bias}) {
      const std::vector<float>& of_node = source->at(graph.nodes[i].name);
      for (std::size_t c = 0; c < of_node.size(); ++c)
        if (kept[c] != 0) values.push_back(of_node[c]);
    }
  }
  return to_bytes(values);
}

// What packed_integers() makes of a normalisation: the entries of the kept channels, node after node, and the scales.
struct PackedIntegers {
  std::vector<std::int32_t> bias;
  std::vector<std::int16_t> multiplier;
  std::vector<std::uint8_t> shift;
  std::vector<float> scale;
  bool operator==(const PackedIntegers& o) const {
    return bias == o.bias && multiplier == o.multiplier && shift == o.shift && scale == o.scale;
  }
};

PackedIntegers packed_integers(const Condition& condition, const graph::Graph& graph,
                               const graph::ChannelGroups& groups) {
  PackedIntegers packed;
  for (const Requantised& entry : requantised_nodes(graph)) {
    const auto& values = condition.integers.of_node.at(graph.nodes[static_cast<std::size_t>(entry.node)].name);
    const std::vector<std::uint8_t> kept = stored_entries(entry, groups, condition.mask);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (kept[i] == 0) continue;
      packed.bias.push_back(values[i].bias);
      packed.multiplier.push_back(values[i].multiplier);
      packed.shift.push_back(values[i].shift);
    }
  }
  packed.scale = condition.integers.scale;
  return packed;
}

template <class Value>
StoredTensor stored(const char* dtype, const std::vector<Value>& values) {
  return {dtype, {static_cast<std::int64_t>(values.size())}, to_bytes(values)};
}

StoredTensor weight_tensor(const graph::Tensor& weight, Format format) {
  switch (format) {
    case Format::fp16:
      return {"F16", weight.shape, floats_to_halves(weight.data)};
    case Format::int8:
      return {"I8", weight.shape, to_bytes(std::vector<std::int8_t>(weight.data.begin(), weight.data.end()))};
    case Format::fp32:
      break;
  }
  return {"F32", weight.shape, to_bytes(weight.data)};
}

// A condition's stem: the output channels that its mask keeps.
void contain_stem(const Package& package, std::size_t k, const graph::ChannelGroups& groups, Container& container) {
  const Condition& condition = package.conditions[k];
  for (const auto& item : condition.weights) {
    const std::string node = item.first.substr(0, item.first.rfind('.'));
    const std::vector<std::uint8_t> kept = graph::channel_mask(groups, package.graph.find(node), condition.mask);
    const std::size_t row = item.second.data.size() / kept.size();
    graph::Tensor rows{item.second.shape, {}};
    std::vector<float> scales;
    for (std::size_t c = 0; c < kept.size(); ++c) {
      if (kept[c] == 0) continue;
      const auto first = item.second.data.begin() + static_cast<std::ptrdiff_t>(c * row);
      rows.data.insert(rows.data.end(), first, first + static_cast<std::ptrdiff_t>(row));
      if (package.format == Format::int8) scales.push_back(condition.weight_scale.at(node)[c]);
    }
    rows.shape[0] = static_cast<std::int64_t>(rows.data.size() / row);
    container.tensors[private_name(k, item.first)] = weight_tensor(rows, package.format);
    if (package.format == Format::int8)
      container.tensors[private_name(k, weight_scale_name(node))] = stored("F32", scales);
  }
}

void contain_weights(const Package& package, const graph::ChannelGroups& groups, Container& container) {
  for (const auto& item : package.weights) container.tensors[item.first] = weight_tensor(item.second, package.format);
  for (std::size_t k = 0; k < package.conditions.size(); ++k) contain_stem(package, k, groups, container);
  for (const auto& item : package.weight_scale)
    container.tensors[weight_scale_name(item.first)] = stored("F32", item.second);
  if (package.format == Format::int8) container.tensors[input_table_name] = stored("I8", package.input_table);
}

Container contain(const Package& package) {
  const std::string file = "package";
  check_graph(package, file);
  check_weights(package, file);
  const graph::ChannelGroups groups = graph::channel_groups(package.graph);
  check_conditions(package, groups, file);
  check_input_and_classes(package, file);
  const bool integers = package.format == Format::int8;
  if (integers) check_integers(package, file);
  check_estimator(package, file);

  Container container;
  contain_weights(package, groups, container);
  Json conditions = Json::array();
  std::vector<std::string> masks, normalisations;
  std::vector<std::pair<std::size_t, PackedIntegers>> packed;  // of a mask
  for (const Condition& condition : package.conditions) {
    const std::size_t mask = stored_once(masks, packed_mask(condition.mask, groups));
    // What a normalisation covers depends on its mask, so the mask is part of its identity.
    std::size_t normalisation;
    if (integers) {
      const std::pair<std::size_t, PackedIntegers> own{mask, packed_integers(condition, package.graph, groups)};
      normalisation = static_cast<std::size_t>(std::find(packed.begin(), packed.end(), own) - packed.begin());
      if (normalisation == packed.size()) packed.push_back(own);
    } else {
      normalisation = stored_once(normalisations, masks[mask] + packed_normalisation(condition, package.graph, groups));
    }
    conditions.push_back({{"name", condition.name}, {"mask", mask}, {"normalisation", normalisation}});
  }
  const std::size_t mask_bytes = masks[0].size();
  StoredTensor all_masks{"U8", {static_cast<std::int64_t>(masks.size()), static_cast<std::int64_t>(mask_bytes)}, ""};
  for (const std::string& mask : masks) all_masks.bytes += mask;
  container.tensors[masks_name] = std::move(all_masks);
  for (std::size_t i = 0; i < normalisations.size(); ++i) {
    std::string bytes = normalisations[i].substr(mask_bytes);
    const std::int64_t count = static_cast<std::int64_t>(bytes.size() / 4);
    container.tensors[normalisation_name(i)] = {"F32", {count}, std::move(bytes)};
  }
  for (std::size_t i = 0; i < packed.size(); ++i) {
    const PackedIntegers& of = packed[i].second;
    container.tensors[integers_name(i, "bias")] = stored("I32", of.bias);
    container.tensors[integers_name(i, "multiplier")] = stored("I16", of.multiplier);
    container.tensors[integers_name(i, "shift")] = stored("U8", of.shift);
    container.tensors[integers_name(i, "scale")] = stored("F32", of.scale);
  }
  if (!package.estimator.empty())
    for (auto& tensor : estimator_tensors(package.estimator))
      container.tensors[tensor.first] = std::move(tensor.second);
  Json structure = {{"format_version", format_version},
                    {"graph", graph::to_json(package.graph)},
                    {"conditions", std::move(conditions)},
                    {"input", {{"mean", package.input_mean}, {"deviation", package.input_deviation}}},
                    {"classes", package.classes},
                    {"provenance", package.provenance}};
  if (package.input_resize > 0) structure["input"]["resize"] = package.input_resize;
  if (package.input_bicubic) structure["input"]["interpolation"] = "bicubic";
  if (package.private_stem) structure["stem"] = "private";
  if (package.format != Format::fp32) structure["number_format"] = to_string(package.format);
  if (!package.estimator.empty()) structure["estimator"] = estimator_structure(package.estimator);
  try {
    container.metadata[structure_key] = structure.dump();
  } catch (const Json::exception&) {
    fail(file, "structure", "a name, a class or the provenance is not UTF-8");
  }
  container.metadata[hash_key] = content_hash(container);
  return container;
}

}  // namespace

const char* to_string(Format format) {
  return format == Format::fp32 ? "fp32" : format == Format::fp16 ? "fp16" : "int8";
}

std::string encode(const Package& package) { return encode_container(contain(package)); }

std::map<std::string, std::int64_t> bytes_by_part(const Package& package) {
  const Container container = contain(package);
  std::map<std::string, std::int64_t> bytes = {{"weights", 0}, {"masks", 0}, {"normalisation", 0}, {"estimator", 0}};
  const auto of_estimator =
      package.estimator.empty() ? std::map<std::string, StoredTensor>() : estimator_tensors(package.estimator);
  std::set<std::string> of_stem;
  for (const auto& own : private_stem(package))
    for (std::size_t k = 0; k < package.conditions.size(); ++k)
      of_stem.insert({private_name(k, own.first + ".weight"), private_name(k, weight_scale_name(own.first))});
  std::int64_t data = 0;
  for (const auto& item : container.tensors) {
    bool weight = package.weights.count(item.first) != 0 || of_stem.count(item.first) != 0;
    for (const auto& scale : package.weight_scale) weight = weight || item.first == weight_scale_name(scale.first);
    const std::int64_t size = static_cast<std::int64_t>(item.second.bytes.size());
    bytes[of_estimator.count(item.first) != 0 ? "estimator"
          : weight                            ? "weights"
          : item.first == masks_name          ? "masks"
                                              : "normalisation"] += size;
    data += size;
  }
  bytes["total"] = static_cast<std::int64_t>(encode_container(container).size());
  bytes["structure"] = bytes["total"] - data;
  return bytes;
}

}  // namespace package
}  // namespace automask
