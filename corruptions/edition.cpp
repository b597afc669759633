#include "corruptions/edition.h"

#include <array>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/json.h"

namespace automask::corruptions {
namespace {

constexpr std::array editions = {Edition::fixed, Edition::compat, Edition::imagecorruptions};

}  // namespace

std::string_view to_string(Edition edition) {
  switch (edition) {
    case Edition::fixed:
      return "fixed";
    case Edition::compat:
      return "compat";
    case Edition::imagecorruptions:
      return "imagecorruptions";
  }
  return "";
}

Edition parse_edition(std::string_view text) {
  std::vector<std::string> names;
  for (const Edition edition : editions) {
    if (text == to_string(edition)) return edition;
    names.emplace_back(to_string(edition));
  }
  throw core::Error(core::ExitCode::usage, "variant \"" + std::string(text) + "\"", "is unknown",
                    core::suggestion(text, names));
}

}  // namespace automask::corruptions
