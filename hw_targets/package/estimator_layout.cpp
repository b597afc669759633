// The estimator as tensors of a package and as JSON of a checkpoint; what either must fulfil.
#include <utility>

#include "hw_targets/package/layout.h"

namespace automask {
namespace package {
namespace {

using Json = nlohmann::json;

std::string tensor_name(const char* part, const char* what) { return std::string("estimator.") + part + "." + what; }

void store(std::map<std::string, StoredTensor>& tensors, const char* part, const std::vector<Requantisation>& all) {
  std::vector<std::int32_t> bias;
  std::vector<std::int16_t> multiplier;
  std::vector<std::uint8_t> shift;
  for (const Requantisation& r : all) {
    bias.push_back(r.bias);
    multiplier.push_back(r.multiplier);
    shift.push_back(r.shift);
  }
  const std::vector<std::int64_t> shape = {static_cast<std::int64_t>(all.size())};
  tensors[tensor_name(part, "bias")] = {"I32", shape, to_bytes(bias)};
  tensors[tensor_name(part, "multiplier")] = {"I16", shape, to_bytes(multiplier)};
  tensors[tensor_name(part, "shift")] = {"U8", shape, to_bytes(shift)};
}

void store(std::map<std::string, StoredTensor>& tensors, const char* part, const EstimatorLayer& layer) {
  store(tensors, part, layer.requantisation);
  const std::int64_t outputs = static_cast<std::int64_t>(layer.requantisation.size());
  const std::int64_t inputs = static_cast<std::int64_t>(layer.weights.size()) / outputs;
  tensors[tensor_name(part, "weight")] = {"I8", {outputs, inputs}, to_bytes(layer.weights)};
}

StoredTensor take_shaped(Container& container, const std::string& name, const char* dtype,
                         const std::vector<std::int64_t>& shape, const std::string& file) {
  StoredTensor tensor = take(container, name, dtype, file);
  if (tensor.shape != shape) fail(file, "tensor " + name, "has another shape than the estimator needs");
  return tensor;
}

std::vector<Requantisation> take_requantisation(Container& container, const char* part, std::int64_t count,
                                                const std::string& file) {
  const auto bias =
      from_bytes<std::int32_t>(take_shaped(container, tensor_name(part, "bias"), "I32", {count}, file).bytes);
  const auto multiplier =
      from_bytes<std::int16_t>(take_shaped(container, tensor_name(part, "multiplier"), "I16", {count}, file).bytes);
  const auto shift =
      from_bytes<std::uint8_t>(take_shaped(container, tensor_name(part, "shift"), "U8", {count}, file).bytes);
  std::vector<Requantisation> all(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].bias = bias[i];
    all[i].multiplier = multiplier[i];
    all[i].shift = shift[i];
  }
  return all;
}

EstimatorLayer take_layer(Container& container, const char* part, std::int64_t outputs, std::int64_t inputs,
                          const std::string& file) {
  EstimatorLayer layer;
  layer.weights =
      from_bytes<std::int8_t>(take_shaped(container, tensor_name(part, "weight"), "I8", {outputs, inputs}, file).bytes);
  layer.requantisation = take_requantisation(container, part, outputs, file);
  return layer;
}

// What `fail` is told: the first fault, empty where there is none.
std::string fault_of(const std::vector<Requantisation>& all) {
  for (const Requantisation& r : all) {
    if (!range_fault(r).empty()) return range_fault(r);
    if (!multiplier_fault(r).empty()) return multiplier_fault(r);
  }
  return "";
}

std::string fault_of(const EstimatorLayer& layer, std::size_t outputs, std::size_t inputs) {
  if (layer.requantisation.size() != outputs || layer.weights.size() != outputs * inputs)
    return "must have " + std::to_string(outputs) + " outputs and " + std::to_string(inputs) + " inputs";
  for (const std::int8_t weight : layer.weights)
    if (weight < -most_value) return "weights must lie in [-127, 127]";
  return fault_of(layer.requantisation);
}

// The first fault and where it lies.
std::pair<std::string, std::string> fault_of(const Estimator& e, std::size_t conditions) {
  const std::size_t hidden = e.hidden.requantisation.size();
  if (conditions < 2) return {"", "there must be two conditions at least to choose from"};
  if (e.input.size() != statistic_count)
    return {"input", "must have " + std::to_string(statistic_count) + " statistics"};
  if (hidden < 1 || hidden > most_hidden) return {"hidden", "must have 1 to " + std::to_string(most_hidden) + " units"};
  std::string fault = fault_of(e.input);
  if (!fault.empty()) return {"input", fault};
  fault = fault_of(e.hidden, hidden, statistic_count);
  if (!fault.empty()) return {"hidden", fault};
  fault = fault_of(e.output, conditions, hidden);
  if (!fault.empty()) return {"output", fault};
  if (e.margin < 0 || e.margin > 2 * most_output)
    return {"margin", "must lie in [0, " + std::to_string(2 * most_output) + "]"};
  if (e.fallback < 0 || static_cast<std::size_t>(e.fallback) >= conditions)
    return {"fallback", "must be the index of a condition"};
  if (e.frames < 1 || e.frames > most_frames)
    return {"hysteresis", "frames must lie in [1, " + std::to_string(most_frames) + "]"};
  if (e.lead < 0 || e.lead > 2 * most_output)
    return {"hysteresis", "lead must lie in [0, " + std::to_string(2 * most_output) + "]"};
  return {"", ""};
}

void check(const Estimator& estimator, std::size_t conditions, const std::string& file) {
  const auto fault = fault_of(estimator, conditions);
  if (!fault.second.empty()) fail(file, fault.first.empty() ? "estimator" : "estimator/" + fault.first, fault.second);
}

std::int32_t whole(const Json& value, const std::string& file, const std::string& place) {
  // What is beyond 64 bits signed reads as a number of the other sign.
  if (!value.is_number_integer() || value.get<std::int64_t>() > most_bias || value.get<std::int64_t>() < -most_bias ||
      (value.is_number_unsigned() && value.get<std::int64_t>() < 0))
    fail(file, place, "must be a whole number within 2^30");
  return value.get<std::int32_t>();
}

Json triples(const std::vector<Requantisation>& all) {
  Json list = Json::array();
  for (const Requantisation& r : all) list.push_back({r.bias, r.multiplier, r.shift});
  return list;
}

std::vector<Requantisation> requantisation_from(const Json& list, const std::string& file, const std::string& place) {
  if (!list.is_array()) fail(file, place, "must be an array");
  std::vector<Requantisation> all;
  for (const Json& triple : list) {
    if (!triple.is_array() || triple.size() != 3) fail(file, place, "must hold [bias, multiplier, shift]");
    const std::int32_t multiplier = whole(triple[1], file, place), shift = whole(triple[2], file, place);
    if (multiplier < -32767 || multiplier > 32767 || shift < 0 || shift > most_shift)
      fail(file, place, "a multiplier or shift is out of range");
    Requantisation r;
    r.bias = whole(triple[0], file, place);
    r.multiplier = static_cast<std::int16_t>(multiplier);
    r.shift = static_cast<std::uint8_t>(shift);
    all.push_back(r);
  }
  return all;
}

EstimatorLayer layer_from(const Json& json, const std::string& file, const std::string& place) {
  EstimatorLayer layer;
  const Json& weights = member(json, "weights", file, place);
  only_keys(json, {"weights", "requantisation"}, file, place);
  if (!weights.is_array()) fail(file, place, "weights must be an array");
  for (const Json& weight : weights) {
    const std::int32_t value = whole(weight, file, place);
    if (value < -most_value || value > most_value) fail(file, place, "weights must lie in [-127, 127]");
    layer.weights.push_back(static_cast<std::int8_t>(value));
  }
  layer.requantisation = requantisation_from(member(json, "requantisation", file, place), file, place);
  return layer;
}

// {"frames": n, "lead": n}; missing where each picture is judged alone.
Json hysteresis_json(const Estimator& estimator) { return {{"frames", estimator.frames}, {"lead", estimator.lead}}; }
void read_hysteresis(const Json& structure, Estimator& estimator, const std::string& file) {
  const auto found = structure.find("hysteresis");
  if (found == structure.end()) return;
  const std::string place = "estimator/hysteresis";
  only_keys(*found, {"frames", "lead"}, file, place);
  estimator.frames = whole(member(*found, "frames", file, place), file, place);
  estimator.lead = whole(member(*found, "lead", file, place), file, place);
}

void check_version(const Json& version, const std::string& file) {
  if (version != statistics_version)
    fail(file, "estimator/statistics",
         "is " + (version.is_number_integer() ? version.dump() : std::string("no integer")) + ", this program knows " +
             std::to_string(statistics_version) + "; compile the package again or update");
}

}  // namespace

std::map<std::string, StoredTensor> estimator_tensors(const Estimator& estimator) {
  std::map<std::string, StoredTensor> tensors;
  store(tensors, "input", estimator.input);
  store(tensors, "hidden", estimator.hidden);
  store(tensors, "output", estimator.output);
  return tensors;
}

Json estimator_structure(const Estimator& estimator) {
  Json structure = {{"statistics", statistics_version},
                    {"hidden", estimator.hidden.requantisation.size()},
                    {"fallback", estimator.fallback},
                    {"margin", estimator.margin}};
  if (estimator.frames > 1) structure["hysteresis"] = hysteresis_json(estimator);
  return structure;
}

Estimator take_estimator(const Json& structure, Container& container, std::size_t conditions, const std::string& file) {
  check_version(member(structure, "statistics", file, "estimator"), file);
  only_keys(structure, {"statistics", "hidden", "fallback", "margin", "hysteresis"}, file, "estimator");
  const std::int64_t hidden = whole(member(structure, "hidden", file, "estimator"), file, "estimator/hidden");
  if (hidden < 1 || hidden > static_cast<std::int64_t>(most_hidden))
    fail(file, "estimator/hidden", "must have 1 to " + std::to_string(most_hidden) + " units");
  const std::int64_t inputs = static_cast<std::int64_t>(statistic_count);
  Estimator estimator;
  estimator.fallback = whole(member(structure, "fallback", file, "estimator"), file, "estimator/fallback");
  estimator.margin = whole(member(structure, "margin", file, "estimator"), file, "estimator/margin");
  read_hysteresis(structure, estimator, file);
  estimator.input = take_requantisation(container, "input", inputs, file);
  estimator.hidden = take_layer(container, "hidden", hidden, inputs, file);
  estimator.output = take_layer(container, "output", static_cast<std::int64_t>(conditions), hidden, file);
  return estimator;
}

Json to_json(const Estimator& estimator) {
  const auto layer = [](const EstimatorLayer& of) {
    return Json{{"weights", of.weights}, {"requantisation", triples(of.requantisation)}};
  };
  Json json = {{"statistics", statistics_version},  {"fallback", estimator.fallback},
               {"margin", estimator.margin},        {"input", triples(estimator.input)},
               {"hidden", layer(estimator.hidden)}, {"output", layer(estimator.output)}};
  if (estimator.frames > 1) json["hysteresis"] = hysteresis_json(estimator);
  return json;
}

Estimator estimator_from_json(const Json& json, std::size_t conditions, const std::string& file) {
  check_version(member(json, "statistics", file, "estimator"), file);
  only_keys(json, {"statistics", "fallback", "margin", "input", "hidden", "output", "hysteresis"}, file, "estimator");
  Estimator estimator;
  estimator.fallback = whole(member(json, "fallback", file, "estimator"), file, "estimator/fallback");
  estimator.margin = whole(member(json, "margin", file, "estimator"), file, "estimator/margin");
  read_hysteresis(json, estimator, file);
  estimator.input = requantisation_from(member(json, "input", file, "estimator"), file, "estimator/input");
  estimator.hidden = layer_from(member(json, "hidden", file, "estimator"), file, "estimator/hidden");
  estimator.output = layer_from(member(json, "output", file, "estimator"), file, "estimator/output");
  check(estimator, conditions, file);
  return estimator;
}

void check_estimator(const Package& package, const std::string& file) {
  if (package.estimator.empty()) return;
  const int channels = package.graph.input.channels;
  if (channels != 1 && channels != 3) fail(file, "estimator", "pictures must have 1 or 3 channels");
  check(package.estimator, package.conditions.size(), file);
  for (const auto& tensor : estimator_tensors(package.estimator))
    if (package.weights.count(tensor.first) != 0)
      fail(file, "tensor " + tensor.first, "is the estimator's; no node may be called so");
}

}  // namespace package
}  // namespace automask
