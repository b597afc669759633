#include "results/json_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace automask::results {
namespace {

using core::Json;

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

// As nlohmann/json prints it; its own way for what needs escapes, and for numbers with a point.
void append(std::string& out, const Value& value) {
  if (const auto* text = std::get_if<std::string_view>(&value)) {
    const bool plain = std::none_of(text->begin(), text->end(), [](char c) {
      return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f;
    });
    if (plain)
      out.append(1, '"').append(*text).append(1, '"');
    else
      out += dump(std::string(*text));
  } else if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    const fmt::format_int digits(*integer);
    out.append(digits.data(), digits.size());
  } else if (const auto* number = std::get_if<double>(&value)) {
    out += dump(*number);
  } else {
    out += "null";
  }
}

}  // namespace

JsonRows::JsonRows(std::ostream& out, const std::vector<std::string>& columns) : out_(out) {
  std::set<std::string> used(columns.begin(), columns.end());
  std::map<std::string, int> seen;
  for (const std::string& column : columns) {
    std::string key = column;
    if (seen[column]++ > 0) {
      for (int i = 2; used.contains(key); ++i) key = column + "_" + std::to_string(i);
      used.insert(key);
    }
    keys_.push_back(dump(key) + ": ");
  }
  out_ << "{\"schema_version\": 1, \"rows\": [";
}

void JsonRows::write(std::span<const Value> row) {
  text_ = empty_ ? "\n  {" : ",\n  {";
  empty_ = false;
  for (std::size_t column = 0; column < keys_.size(); ++column) {
    if (column != 0) text_ += ", ";
    text_ += keys_[column];
    append(text_, row[column]);
  }
  text_ += '}';
  out_.write(text_.data(), static_cast<std::streamsize>(text_.size()));
}

void JsonRows::finish() { out_ << (empty_ ? "]}\n" : "\n]}\n"); }

}  // namespace automask::results
