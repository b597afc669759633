#pragma once
// What many published cells have in common stands once, under a name that its content gives it: <folder>/shared.json.
#include <set>
#include <string>

#include "core/json.h"

namespace automask::results {

constexpr int published_schema_version = 3;  // of a folder's files
// Error of the cursor's code: another version.
void check_schema_version(const core::JsonCursor& document);

// Kinds: manifests (by their own digest), environments, builds, parameters, trainings, and the parts of these.
class SharedDocuments {
 public:
  static constexpr const char* file_name = "shared.json";

  SharedDocuments();
  // Of a file's text. Error of the cursor's code: another version, not an object of known kinds.
  explicit SharedDocuments(const core::JsonCursor& file);

  // Puts a document and gives the name it has from then on; "" for null.
  std::string put(const std::string& kind, const core::Json& document);
  // The same for one with parts that others share, and under a name of the caller's.
  std::string put_in_parts(const std::string& kind, const core::Json& document);
  void put_as(const std::string& kind, const std::string& name, const core::Json& document);
  // A value inside a document, or its name where it is a large one.
  core::Json as_part(const core::Json& value);

  // The document that `name` names, whole; null for "" and null. `name` fails where there is none, `file` is told.
  core::Json get(const std::string& kind, const core::JsonCursor& name, const std::string& file) const;
  core::Json whole(const core::JsonCursor& value, const std::string& file) const {
    return whole(value.value(), value, file, 0);
  }

  void add(const SharedDocuments& others);
  // Only what the names in these cells reach.
  void keep_what_is_named_in(const core::Json& cells);

  std::string text() const;  // one document a line, so that a difference of two files can be read

 private:
  core::Json in_parts(const core::Json& value);
  core::Json whole(const core::Json& value, const core::JsonCursor& name, const std::string& file, int depth) const;

  core::Json documents_;  // kind, name, document
};

}  // namespace automask::results
