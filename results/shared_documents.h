#pragma once
// What many published cells have in common stands once, under a name that its content gives it: <folder>/shared.json.
#include <string>

#include "core/json.h"

namespace automask::results {

// Of a folder's files: what is written, and the oldest that is read, whose numbers, keys and times were longer.
constexpr int published_schema_version = 10, oldest_published_schema_version = 9;
// Error of the cursor's code: a version that is not read.
void check_schema_version(const core::JsonCursor& document);

// Kinds: manifests (with their own digest), environments, builds, parameters, trainings, counted metrics, lists of
// conditions, and the keys of cells. In the file they are divided into parts (parts.h), here they are whole.
class SharedDocuments {
 public:
  static constexpr const char* file_name = "shared.json";

  SharedDocuments();
  // Of a file's text. Error of the cursor's code: another version, not documents of known kinds, a document that is not
  // what its name says.
  explicit SharedDocuments(const core::JsonCursor& file);

  // Puts a document and gives the name it has from then on; "" for null.
  std::string put(const std::string& kind, const core::Json& document);

  // The document that `name` names; null for "" and null. `name` fails where there is none.
  core::Json get(const std::string& kind, const core::JsonCursor& name) const;

  // A cell whose keys, and those of objects in it, stand here: {"$": [name, value, ...]} as in parts.h.
  core::Json put_keys(const core::Json& cell);
  // The inverse. Error of the cursor's code: keys that are not there, or as many as their values are not.
  core::Json with_keys(const core::JsonCursor& cell) const;

  void add(const SharedDocuments& others);
  // Only what these cells name.
  void keep_what_is_named_in(const core::Json& cells);

  std::string text() const;  // one document a line, so that a difference of two files can be read

 private:
  void add(const std::string& kind, const std::string& name, const core::Json& document);

  std::string file_ = file_name;  // where they came from
  core::Json documents_;          // kind, name, document
};

}  // namespace automask::results
