#pragma once
// The JSON Schema of manifests (experiments/manifest.schema.json), embedded at build time.
#include <optional>
#include <string>
#include <string_view>

#include "core/json.h"

namespace automask::harness {

std::string_view schema_text();

struct SchemaFault {
  std::string pointer;  // JSON pointer of the offending value, "/" for the whole
  std::string problem;
};
// The first violation by the merged document, by valijson; nothing when it conforms.
std::optional<SchemaFault> schema_fault(const core::Json& document);

}  // namespace automask::harness
