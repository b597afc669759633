#include "corruptions/edition.h"

#include <array>
#include <string>

#include "core/error.h"

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
  for (const Edition edition : editions)
    if (text == to_string(edition)) return edition;
  throw core::Error(core::ExitCode::usage, "variant \"" + std::string(text) + "\"", "is unknown",
                    "write fixed, compat or imagecorruptions");
}

}  // namespace automask::corruptions
