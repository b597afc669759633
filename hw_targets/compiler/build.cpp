#include "hw_targets/compiler/build.h"

#include <fmt/format.h>

#include "core/error.h"

namespace automask::compiler {

Proven proven_package(const models::Checkpoint& checkpoint, const std::vector<std::uint8_t>& pictures, int count,
                      int threads, const std::string& label) {
  Proven proven;
  proven.bytes = package::encode(compile(checkpoint));
  proven.package = package::decode(proven.bytes, "package.safetensors");
  proven.verification = verify(checkpoint, proven.package, pictures, count, threads);
  if (!proven.verification.passed()) {
    std::string differences;
    for (const auto& row : proven.verification.rows)
      differences += fmt::format(" {}: shrunk {:.2e}, package {:.2e}.", row.condition, row.shrunk_difference,
                                 row.package_difference);
    throw core::Error(core::ExitCode::steps_failed, label,
                      fmt::format("the package disagrees with the trained network beyond {:.0e}:{}",
                                  proven.verification.tolerance, differences));
  }
  return proven;
}

}  // namespace automask::compiler
