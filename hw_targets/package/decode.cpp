#include <algorithm>
#include <cmath>
#include <fstream>
#include <initializer_list>
#include <limits>
#include <sstream>

#include "hw_targets/package/layout.h"

namespace automask {
namespace package {
namespace {

using Json = nlohmann::json;

constexpr std::int64_t most_condition_values = std::int64_t{1} << 28;

std::string string(const Json& value, const std::string& file, const std::string& place) {
  if (!value.is_string()) fail(file, place, "must be a string");
  return value.get<std::string>();
}

std::size_t index_below(const Json& value, std::size_t bound, const std::string& file, const std::string& place) {
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() >= bound)
    fail(file, place, "must be an index below " + std::to_string(bound));
  return value.get<std::size_t>();
}

std::vector<float> numbers(const Json& value, const std::string& file, const std::string& place) {
  if (!value.is_array()) fail(file, place, "must be an array of numbers");
  std::vector<float> result;
  for (const Json& item : value) {
    if (!item.is_number() || std::abs(item.get<double>()) > std::numeric_limits<float>::max())
      fail(file, place, "must hold FP32 numbers");
    result.push_back(static_cast<float>(item.get<double>()));
  }
  return result;
}

std::vector<graph::Mask> read_masks(Container& container, const graph::ChannelGroups& groups, std::size_t most_rows,
                                    const std::string& file) {
  std::size_t bits = 0;
  for (const graph::ChannelGroup& group : groups.groups)
    if (group.maskable) bits += static_cast<std::size_t>(group.channels);
  const std::size_t row = (bits + 7) / 8;
  const StoredTensor stored = take(container, masks_name, "U8", file);
  const std::string place = std::string("tensor ") + masks_name;
  if (stored.shape.size() != 2 || stored.shape[1] != static_cast<std::int64_t>(row))
    fail(file, place,
         "must have rows of " + std::to_string(row) + " bytes for the graph's " + std::to_string(bits) +
             " maskable channels");
  if (stored.shape[0] < 1 || stored.shape[0] > static_cast<std::int64_t>(most_rows))
    fail(file, place, "must have a row for each different mask of the " + std::to_string(most_rows) + " conditions");
  std::vector<graph::Mask> masks;
  for (std::size_t k = 0; k < static_cast<std::size_t>(stored.shape[0]); ++k) {
    graph::Mask mask = graph::full_mask(groups);
    std::size_t bit = 8 * k * row;
    const auto next = [&stored, &bit] {
      const unsigned byte = static_cast<unsigned char>(stored.bytes[bit / 8]);
      return static_cast<std::uint8_t>((byte >> (bit++ % 8)) & 1u);
    };
    for (std::size_t g = 0; g < mask.size(); ++g)
      if (groups.groups[g].maskable)
        for (std::uint8_t& kept : mask[g]) kept = next();
    while (bit < 8 * (k + 1) * row)
      if (next() != 0) fail(file, place, "row " + std::to_string(k) + " has bits set beyond the last channel");
    masks.push_back(std::move(mask));
  }
  return masks;
}

void read_normalisation(const StoredTensor& stored, const std::string& name, const graph::Graph& graph,
                        const graph::ChannelGroups& groups, Condition& condition, const std::string& file) {
  const std::string place = "tensor " + name;
  const std::vector<float> values = from_bytes<float>(stored.bytes);
  std::size_t position = 0;
  for (const int i : affine_nodes(graph)) {
    const std::vector<std::uint8_t> kept = graph::channel_mask(groups, i, condition.mask);
    for (auto* target : {&condition.scale, &condition.bias}) {
      std::vector<float>& of_node = (*target)[graph.nodes[i].name];
      of_node.assign(kept.size(), 0.0f);
      for (std::size_t c = 0; c < kept.size(); ++c) {
        if (kept[c] == 0) continue;
        if (position == values.size()) fail(file, place, "has too few values for its mask");
        of_node[c] = values[position++];
      }
    }
  }
  if (position != values.size() || stored.shape.size() != 1)
    fail(file, place, "must be a vector of " + std::to_string(position) + " values for its mask");
}

template <class Value>
std::vector<Value> take_vector(Container& container, const std::string& name, const char* dtype,
                               const std::string& file) {
  const StoredTensor stored = take(container, name, dtype, file);
  if (stored.shape.size() != 1) fail(file, "tensor " + name, "must be a vector");
  return from_bytes<Value>(stored.bytes);
}

// A normalisation of an INT8 package, as it is stored.
struct StoredIntegers {
  std::vector<std::int32_t> bias;
  std::vector<std::int16_t> multiplier;
  std::vector<std::uint8_t> shift;
  std::vector<float> scale;
};
StoredIntegers take_integers(Container& container, std::size_t index, const std::string& file) {
  return {take_vector<std::int32_t>(container, integers_name(index, "bias"), "I32", file),
          take_vector<std::int16_t>(container, integers_name(index, "multiplier"), "I16", file),
          take_vector<std::uint8_t>(container, integers_name(index, "shift"), "U8", file),
          take_vector<float>(container, integers_name(index, "scale"), "F32", file)};
}

void read_integers(const StoredIntegers& stored, std::size_t index, const graph::Graph& graph,
                   const graph::ChannelGroups& groups, Condition& condition, const std::string& file) {
  std::size_t position = 0;
  const std::string place = "tensor " + integers_name(index, "bias");
  for (const Requantised& entry : requantised_nodes(graph)) {
    const std::vector<std::uint8_t> kept = stored_entries(entry, groups, condition.mask);
    std::vector<Requantisation>& of_node =
        condition.integers.of_node[graph.nodes[static_cast<std::size_t>(entry.node)].name];
    of_node.assign(kept.size(), Requantisation());
    for (std::size_t i = 0; i < kept.size(); ++i) {
      if (kept[i] == 0) continue;
      if (position == stored.bias.size()) fail(file, place, "has too few values for its mask");
      if (position >= stored.multiplier.size() || position >= stored.shift.size())
        fail(file, place, "has more values than multiplier or shift");
      of_node[i].bias = stored.bias[position];
      of_node[i].multiplier = stored.multiplier[position];
      of_node[i].shift = stored.shift[position++];
    }
  }
  if (position != stored.bias.size() || position != stored.multiplier.size() || position != stored.shift.size())
    fail(file, place, "and multiplier and shift must have " + std::to_string(position) + " values for its mask");
  condition.integers.scale = stored.scale;
}

graph::Tensor take_weight(Container& container, const std::string& name, Format format, const std::string& file) {
  const char* dtype = format == Format::fp32 ? "F32" : format == Format::fp16 ? "F16" : "I8";
  const StoredTensor stored = take(container, name, dtype, file);
  graph::Tensor tensor;
  tensor.shape = stored.shape;
  if (format == Format::fp32) tensor.data = from_bytes<float>(stored.bytes);
  if (format == Format::fp16) tensor.data = halves_to_floats(stored.bytes);
  if (format == Format::int8)
    for (const std::int8_t value : from_bytes<std::int8_t>(stored.bytes))
      tensor.data.push_back(static_cast<float>(value));
  return tensor;
}

// Rows of the output channels that the mask keeps, put where the union has them.
void read_stem(Container& container, const Package& package, const PrivateStem& stem, std::size_t k,
               const graph::ChannelGroups& groups, Condition& condition, const std::string& file) {
  for (const auto& own : stem) {
    const std::string &node = own.first, weight = node + ".weight";
    const std::vector<std::uint8_t> kept = graph::channel_mask(groups, package.graph.find(node), condition.mask);
    const std::string name = private_name(k, weight);
    const graph::Tensor rows = take_weight(container, name, package.format, file);
    std::vector<std::int64_t> shape = own.second;
    shape[0] = std::count(kept.begin(), kept.end(), 1);
    std::int64_t values = 1;
    for (const std::int64_t n : shape) values *= n;
    if (shape[0] == 0 || rows.shape != shape || static_cast<std::int64_t>(rows.data.size()) != values)
      fail(file, "tensor " + name, "must have " + std::to_string(shape[0]) + " rows for its mask, and one at least");
    std::vector<float> scales(kept.size(), 0.0f), of_kept;
    if (package.format == Format::int8) {
      const std::string scale_name = private_name(k, weight_scale_name(node));
      of_kept = take_vector<float>(container, scale_name, "F32", file);
      if (static_cast<std::int64_t>(of_kept.size()) != shape[0])
        fail(file, "tensor " + scale_name, "must be a vector of " + std::to_string(shape[0]) + " values for its mask");
    }
    const std::size_t row = static_cast<std::size_t>(values / shape[0]);
    graph::Tensor& all = condition.weights[weight];
    all = {own.second, std::vector<float>(row * kept.size(), 0.0f)};
    for (std::size_t c = 0, position = 0; c < kept.size(); ++c) {
      if (kept[c] == 0) continue;
      for (std::size_t i = 0; i < row; ++i) all.data[c * row + i] = rows.data[position * row + i];
      if (!of_kept.empty()) scales[c] = of_kept[position];
      ++position;
    }
    if (package.format == Format::int8) condition.weight_scale[node] = std::move(scales);
  }
}

void read_weights(Container& container, Package& package, const std::string& file) {
  for (const auto& parameter : stored_weights(package))
    package.weights[parameter.first] = take_weight(container, parameter.first, package.format, file);
  check_weights(package, file);
  if (package.format != Format::int8) return;
  const PrivateStem stem = private_stem(package);
  for (const graph::Node& node : package.graph.nodes)
    if ((node.op == graph::Op::conv2d || node.op == graph::Op::linear) && stem.count(node.name) == 0)
      package.weight_scale[node.name] = take_vector<float>(container, weight_scale_name(node.name), "F32", file);
  package.input_table = take_vector<std::int8_t>(container, input_table_name, "I8", file);
}

Format read_format(const Json& structure, const std::string& file) {
  const auto found = structure.find("number_format");
  if (found == structure.end()) return Format::fp32;
  for (const Format format : {Format::fp16, Format::int8})
    if (*found == to_string(format)) return format;
  fail(file, "structure/number_format", "must be \"fp16\" or \"int8\"; packages in FP32 have no such key");
}

void read_conditions(const Json& json, Container& container, Package& package, const std::string& file) {
  if (!json.is_array() || json.empty() || json.size() > most_conditions)
    fail(file, "conditions", "must be an array of 1 to " + std::to_string(most_conditions) + " conditions");
  const graph::ChannelGroups groups = graph::channel_groups(package.graph);
  const std::vector<graph::Shape> shapes = graph::infer_shapes(package.graph);
  // Conditions can share their tensors, so a small file could otherwise ask for any amount of memory.
  std::int64_t values = 0;
  for (const graph::ChannelGroup& group : groups.groups) values += group.channels;
  for (const int i : affine_nodes(package.graph)) values += shapes[i].channels;
  const PrivateStem stem = private_stem(package);
  for (const auto& own : stem) {
    std::int64_t weights = 1;
    for (const std::int64_t n : own.second) weights = std::min(weights * n, most_condition_values);
    values = std::min(values + weights, 2 * most_condition_values);
  }
  if (values > most_condition_values / static_cast<std::int64_t>(json.size()))
    fail(file, "conditions", "there are too many for a network with so many channels");
  const std::vector<graph::Mask> masks = read_masks(container, groups, json.size(), file);
  std::set<std::size_t> used_masks;
  std::map<std::size_t, std::size_t> mask_of;  // of each normalisation
  std::map<std::size_t, StoredTensor> normalisations;
  std::map<std::size_t, StoredIntegers> integers;
  for (std::size_t k = 0; k < json.size(); ++k) {
    const std::string place = "conditions/" + std::to_string(k);
    Condition condition;
    condition.name = string(member(json[k], "name", file, place), file, place + "/name");
    only_keys(json[k], {"name", "mask", "normalisation"}, file, place);
    const std::size_t mask = index_below(member(json[k], "mask", file, place), masks.size(), file, place + "/mask");
    const std::size_t normalisation =
        index_below(member(json[k], "normalisation", file, place), json.size(), file, place + "/normalisation");
    condition.mask = masks[mask];
    used_masks.insert(mask);
    if (!mask_of.emplace(normalisation, mask).second && mask_of[normalisation] != mask)
      fail(file, place, "shares a normalisation with a condition of another mask");
    read_stem(container, package, stem, k, groups, condition, file);
    if (package.format == Format::int8) {
      if (integers.count(normalisation) == 0) integers[normalisation] = take_integers(container, normalisation, file);
      read_integers(integers[normalisation], normalisation, package.graph, groups, condition, file);
    } else {
      const std::string name = normalisation_name(normalisation);
      if (normalisations.count(normalisation) == 0) normalisations[normalisation] = take(container, name, "F32", file);
      read_normalisation(normalisations[normalisation], name, package.graph, groups, condition, file);
    }
    package.conditions.push_back(std::move(condition));
  }
  if (used_masks.size() != masks.size())
    fail(file, std::string("tensor ") + masks_name, "holds a mask that no condition uses");
  check_conditions(package, groups, file);
}

// Version first: a newer file may differ in everything else.
Json checked_structure(const Container& container, const std::string& file) {
  const auto structure_text = container.metadata.find(structure_key);
  const auto hash = container.metadata.find(hash_key);
  if (structure_text == container.metadata.end() || hash == container.metadata.end())
    fail(file, "__metadata__",
         std::string("\"") + structure_key + "\" and \"" + hash_key + "\" are missing; this is no automask package");
  const Json structure = parse_strictly(structure_text->second, file, "structure");
  const Json& version = member(structure, "format_version", file, "structure");
  if (version != format_version)
    fail(file, "structure/format_version",
         "is " + (version.is_number_integer() ? version.dump() : std::string("no integer")) + ", this program reads " +
             std::to_string(format_version) + "; compile the package again or update");
  if (container.metadata.size() != 2) fail(file, "__metadata__", "holds unknown keys");
  const std::string found = content_hash(container);
  if (found != hash->second)
    fail(file, "__metadata__/sha256", "the content's hash is " + found + ", not the one stored; the file is damaged");
  return structure;
}

}  // namespace

const nlohmann::json& member(const nlohmann::json& object, const char* key, const std::string& file,
                             const std::string& place) {
  if (!object.is_object()) fail(file, place, "must be an object");
  const auto found = object.find(key);
  if (found == object.end()) fail(file, place, std::string("the key \"") + key + "\" is missing");
  return *found;
}

void only_keys(const nlohmann::json& object, std::initializer_list<const char*> keys, const std::string& file,
               const std::string& place) {
  for (const auto& item : object.items()) {
    bool known = false;
    for (const char* key : keys) known = known || item.key() == key;
    if (!known) fail(file, place, "unknown key \"" + item.key() + "\"");
  }
}

StoredTensor take(Container& container, const std::string& name, const char* dtype, const std::string& file) {
  const auto found = container.tensors.find(name);
  if (found == container.tensors.end()) fail(file, "tensor " + name, "is missing");
  if (found->second.dtype != dtype)
    fail(file, "tensor " + name, "has dtype " + found->second.dtype + ", must have " + dtype);
  StoredTensor tensor = std::move(found->second);
  container.tensors.erase(found);
  return tensor;
}

Package decode(const std::string& bytes, const std::string& file) {
  Container container = decode_container(bytes, file);
  const Json structure = checked_structure(container, file);
  only_keys(
      structure,
      {"format_version", "graph", "conditions", "input", "classes", "provenance", "number_format", "estimator", "stem"},
      file, "structure");
  Package package;
  try {
    package.graph = graph::graph_from_json(member(structure, "graph", file, "structure"));
  } catch (const graph::GraphError& e) {
    fail(file, "graph", e.what());
  }
  const auto stem = structure.find("stem");
  if (stem != structure.end() && *stem != "private") fail(file, "structure/stem", "must be \"private\" or missing");
  package.private_stem = stem != structure.end();
  check_graph(package, file);
  package.format = read_format(structure, file);
  read_weights(container, package, file);
  read_conditions(member(structure, "conditions", file, "structure"), container, package, file);
  if (structure.find("estimator") != structure.end())
    package.estimator = take_estimator(structure.at("estimator"), container, package.conditions.size(), file);
  check_estimator(package, file);
  if (!container.tensors.empty())
    fail(file, "tensor " + container.tensors.begin()->first, "nothing in the structure uses it");
  const Json& input = member(structure, "input", file, "structure");
  package.input_mean = numbers(member(input, "mean", file, "input"), file, "input/mean");
  package.input_deviation = numbers(member(input, "deviation", file, "input"), file, "input/deviation");
  only_keys(input, {"mean", "deviation", "resize", "interpolation"}, file, "input");
  if (input.find("resize") != input.end()) {
    const std::size_t resize = index_below(input.at("resize"), (std::size_t(1) << 16) + 1, file, "input/resize");
    if (resize == 0) fail(file, "input/resize", "must be above 0");
    package.input_resize = static_cast<int>(resize);
  }
  if (input.find("interpolation") != input.end()) {
    const std::string name = string(input.at("interpolation"), file, "input/interpolation");
    if (name != "bicubic" && name != "bilinear") fail(file, "input/interpolation", "must be bilinear or bicubic");
    package.input_bicubic = name == "bicubic";
  }
  const Json& classes = member(structure, "classes", file, "structure");
  if (!classes.is_array()) fail(file, "classes", "must be an array of strings");
  for (const Json& name : classes) package.classes.push_back(string(name, file, "classes"));
  package.provenance = member(structure, "provenance", file, "structure");
  check_input_and_classes(package, file);
  if (package.format == Format::int8) check_integers(package, file);
  return package;
}

Package read_package(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream bytes;
  if (stream) bytes << stream.rdbuf();  // an empty file fails here and is reported by decode
  if (!stream || bytes.bad()) fail(path, "file", "cannot be read; check the path and its permissions");
  return decode(bytes.str(), path);
}

}  // namespace package
}  // namespace automask
