#pragma once
// What many published cells have in common stands once, under a name that its content gives it: <folder>/shared.json.
#include <string>

#include "core/json.h"

namespace automask::results {

constexpr int published_schema_version = 4;  // of a folder's files
// Error of the cursor's code: another version.
void check_schema_version(const core::JsonCursor& document);

// Kinds: manifests (by their own digest), environments, builds, parameters, trainings, and the parts of these.
class SharedDocuments {
 public:
  static constexpr const char* file_name = "shared.json";

  SharedDocuments();
  // Of a file's text. Error of the cursor's code: another version, not objects of known kinds, a document that is not
  // what its name says.
  explicit SharedDocuments(const core::JsonCursor& file);

  // Puts a document and gives the name it has from then on; "" for null.
  std::string put(const std::string& kind, const core::Json& document);
  // The same for one with parts that others share, and under a name of the caller's.
  std::string put_in_parts(const std::string& kind, const core::Json& document);
  void put_as(const std::string& kind, const std::string& name, const core::Json& document);
  // A value inside a document, or its name where it is a large one.
  core::Json as_part(const core::Json& value);

  // The document that `name` names, whole; null for "" and null. `name` fails where there is none.
  core::Json get(const std::string& kind, const core::JsonCursor& name) const;
  core::Json whole(const core::JsonCursor& value) const;

  void add(const SharedDocuments& others);
  // Only what the names in these cells reach.
  void keep_what_is_named_in(const core::Json& cells);

  std::string text() const;  // one document a line, so that a difference of two files can be read

 private:
  core::Json in_parts(const core::Json& value);
  // `room`: how many values it may still have; `depth`: how deep they lie.
  core::Json whole(const core::Json& value, const core::JsonCursor& name, std::size_t& room, int depth) const;

  std::string file_ = file_name;  // where they came from
  core::Json documents_;          // kind, name, document
};

}  // namespace automask::results
