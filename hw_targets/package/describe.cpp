#include "hw_targets/package/package.h"

namespace automask {
namespace package {

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
