#include "hw_targets/package/package.h"

namespace automask {
namespace package {

namespace {

template <class Value>
const Value& own_or_shared(const std::map<std::string, Value>& own, const std::map<std::string, Value>& shared,
                           const std::string& name) {
  const auto found = own.find(name);
  return found == own.end() ? shared.at(name) : found->second;
}

}  // namespace

const graph::Tensor& weight_of(const Package& package, std::size_t k, const std::string& node) {
  return own_or_shared(package.conditions.at(k).weights, package.weights, node + ".weight");
}

const std::vector<float>& weight_scale_of(const Package& package, std::size_t k, const std::string& node) {
  return own_or_shared(package.conditions.at(k).weight_scale, package.weight_scale, node);
}

std::vector<std::string> condition_names(const Package& package) {
  std::vector<std::string> names;
  for (const Condition& condition : package.conditions) names.push_back(condition.name);
  return names;
}

nlohmann::json loaded_answer(const Package& package) {
  const graph::Shape input = package.graph.input, output = graph::infer_shapes(package.graph).back();
  return {{"conditions", condition_names(package)},
          {"classes", output.channels * output.height * output.width},
          {"input", {{"height", input.height}, {"width", input.width}, {"channels", input.channels}}}};
}

}  // namespace package
}  // namespace automask
