#pragma once
// JSON helpers: parse with file and line in the error, typed access with JSON-pointer errors, "did you mean".
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

namespace automask::core {

using Json = nlohmann::json;  // object keys are sorted, so dump() is canonical

// Parses; Error(code) names `file`, line and column. Duplicate keys are refused.
Json parse_json(std::string_view text, const std::string& file, ExitCode code = ExitCode::invalid_manifest);
Json read_json_file(const std::filesystem::path& path, ExitCode code = ExitCode::invalid_manifest);

// The candidate nearest to `word` by edit distance, if near enough to be a slip; else nothing.
std::optional<std::string> closest(std::string_view word, const std::vector<std::string>& candidates);
// "did you mean X?" or, where nothing is near, "known: A, B, C".
std::string suggestion(std::string_view word, const std::vector<std::string>& candidates);

// A value in a document together with its place, so that every failure can name file and JSON pointer.
// The document must outlive the cursor.
class JsonCursor {
 public:
  JsonCursor(const Json& value, std::string file, std::string pointer = "", ExitCode code = ExitCode::invalid_manifest)
      : value_(&value), file_(std::move(file)), pointer_(std::move(pointer)), code_(code) {}

  const Json& value() const { return *value_; }
  const std::string& pointer() const { return pointer_; }
  const std::string& file() const { return file_; }

  [[noreturn]] void fail(const std::string& problem, const std::string& remedy = {}) const;
  // Fails on a key that is not listed, with "did you mean"; also when the value is no object.
  void only_keys(const std::vector<std::string>& keys) const;

  bool has(const std::string& key) const;
  JsonCursor at(const std::string& key) const;  // fails when missing
  JsonCursor at(std::size_t index) const;
  std::size_t size() const { return value_->size(); }
  std::vector<std::string> keys() const;  // of an object

  std::string string() const;
  std::int64_t integer() const;
  double number() const;
  bool boolean() const;
  std::vector<std::string> strings() const;
  std::int64_t integer_in(std::int64_t low, std::int64_t high) const;
  double number_in(double low, double high) const;

  std::string string_or(const std::string& key, std::string fallback) const;
  std::int64_t integer_or(const std::string& key, std::int64_t fallback) const;
  double number_or(const std::string& key, double fallback) const;
  bool boolean_or(const std::string& key, bool fallback) const;

 private:
  const Json* value_;
  std::string file_, pointer_;
  ExitCode code_;
};

}  // namespace automask::core
