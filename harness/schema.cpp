#include "harness/schema.h"

#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

namespace automask::harness {
namespace {

const valijson::Schema& parsed_schema() {
  static const auto schema = [] {
    const core::Json text = core::parse_json(schema_text(), "manifest.schema.json", core::ExitCode::internal);
    auto parsed = std::make_unique<valijson::Schema>();
    valijson::SchemaParser parser;
    parser.populateSchema(valijson::adapters::NlohmannJsonAdapter(text), *parsed);
    return parsed;
  }();
  return *schema;
}

// valijson names places as "<root>[datasets][0]".
std::string pointer_of(const std::vector<std::string>& context) {
  std::string pointer;
  for (const std::string& part : context) {
    if (part.size() < 2 || part.front() != '[') continue;
    pointer = (core::Json::json_pointer(pointer) / part.substr(1, part.size() - 2)).to_string();
  }
  return pointer.empty() ? "/" : pointer;
}

}  // namespace

std::optional<SchemaFault> schema_fault(const core::Json& document) {
  valijson::Validator validator;
  valijson::ValidationResults results;
  const valijson::adapters::NlohmannJsonAdapter target(document);
  if (validator.validate(parsed_schema(), target, &results)) return std::nullopt;
  // Errors are listed from the inside out; the deepest place is the one to look at.
  std::optional<SchemaFault> deepest;
  std::size_t depth = 0;
  valijson::ValidationResults::Error error;
  while (results.popError(error)) {
    if (deepest && error.context.size() <= depth) continue;
    depth = error.context.size();
    deepest = SchemaFault{pointer_of(error.context), error.description};
  }
  return deepest ? deepest : SchemaFault{"/", "does not conform to the manifest schema"};
}

}  // namespace automask::harness
