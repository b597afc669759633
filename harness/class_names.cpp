#include "harness/class_names.h"

#include <algorithm>

#include "core/error.h"
#include "core/json.h"

namespace automask::harness {
namespace {

bool are_numbers(const std::vector<std::string>& names) {
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i] != std::to_string(i)) return false;
  return true;
}

}  // namespace

ClassMatch match_classes(const std::vector<std::string>& data, const std::vector<std::string>& network,
                         std::size_t outputs, const std::string& where) {
  using core::Error;
  using core::ExitCode;
  const std::string remedy = "name the network's classes in the order of its outputs with --classes FILE";
  ClassMatch match;
  std::string unknown;
  for (const std::string& name : data) {
    const auto found = std::find(network.begin(), network.end(), name);
    if (found == network.end()) {
      unknown = unknown.empty() ? name : unknown;
    } else {
      match.outputs.push_back(static_cast<std::size_t>(found - network.begin()));
    }
  }
  if (unknown.empty() && network.size() == outputs) return match;
  if (!match.outputs.empty() && network.size() == outputs && !are_numbers(data))
    throw Error(ExitCode::usage, where, "has a class \"" + unknown + "\", which the network has not",
                core::suggestion(unknown, network));
  if (data.size() > outputs || (data.size() != outputs && !are_numbers(data)))
    throw Error(ExitCode::usage, where,
                "has " + std::to_string(data.size()) + " classes, the network " + std::to_string(outputs) +
                    ", and their names differ",
                remedy);
  match.outputs.resize(data.size());
  for (std::size_t i = 0; i < data.size(); ++i) match.outputs[i] = i;
  if (!are_numbers(data) && !network.empty())
    match.note = where + ": classes are matched by position, since the network knows them by other names: \"" +
                 data.front() + "\" as \"" + network.front() + "\" and so on";
  return match;
}

}  // namespace automask::harness
