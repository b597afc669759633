#pragma once
// A manifest's JSON before its meaning is checked: includes merged, overrides applied, and where each part came from.
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/json.h"

namespace automask::harness {

// The merged document and, for messages, the source of every value that did not come from the main file.
struct Document {
  std::filesystem::path file;                  // as the user named it
  core::Json json;                             // without "include"
  std::map<std::string, std::string> origins;  // JSON pointer -> file or option it came from

  // Runs `body`; an Error about this file is rethrown with the place that really holds the fault.
  template <class Body>
  auto locate(Body&& body) const {
    try {
      return body();
    } catch (const core::Error& error) {
      throw located(error);
    }
  }

 private:
  core::Error located(const core::Error& error) const;
};

// Reads a manifest with what it includes: objects are merged member by member, later files win, the including file
// last. Includes and data paths are relative to the file they stand in. A cycle is named file by file.
Document read_document(const std::filesystem::path& file);

// "PATH=VALUE": PATH is a JSON pointer (/train/epochs) or dotted (train.epochs), VALUE is JSON, else a string;
// null removes. Error(usage) where the path leads through something that has no members.
void set_value(Document& document, const std::string& assignment);

// --data [NAME=]DIR: the folder of one data set, or of all.
void set_data(Document& document, const std::string& assignment);

// --limit N: at most N test pictures of every data set.
void set_limit(Document& document, long long limit);

}  // namespace automask::harness
