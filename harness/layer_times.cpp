#include "harness/layer_times.h"

#include "core/error.h"

namespace automask::harness {

package::Package decoded_package(const std::string& bytes, const std::string& file, const std::string& command) {
  try {
    return package::decode(bytes, file);
  } catch (const std::runtime_error& e) {  // a package's or a graph's
    throw core::Error(core::ExitCode::usage, command, e.what(), "give a package that `automask export` or a run wrote");
  }
}

core::Json measured_conditions(host::Session& session, const package::Package& package, int runs) {
  const graph::Shape& input = package.graph.input;
  const auto pictures =
      session.put_inputs({std::string(static_cast<std::size_t>(input.channels * input.height * input.width), '\x80')});
  core::Json conditions = core::Json::array();
  for (int k = 0; k < static_cast<int>(package.conditions.size()); ++k) {
    session.select_condition(k);
    session.run({pictures, 0, 2, runs, 0});
    conditions.push_back(session.state().value("measured", core::Json()));
  }
  return conditions;
}

}  // namespace automask::harness
