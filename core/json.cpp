#include "core/json.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <set>

#include "core/atomic_file.h"

namespace automask::core {
namespace {

// Line and column (from 1) of a byte offset.
std::string place(std::string_view text, std::size_t offset) {
  offset = std::min(offset, text.size());
  const std::string_view before = text.substr(0, offset);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const auto start = before.rfind('\n');
  const auto column = offset - (start == std::string_view::npos ? 0 : start + 1);
  return "line " + std::to_string(line) + ", column " + std::to_string(std::max<std::size_t>(column, 1));
}

std::string escape_pointer(const std::string& key) {
  std::string out;
  for (const char c : key) out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return out;
}

constexpr int deepest = 500;

}  // namespace

Json parse_json(std::string_view text, const std::string& file, ExitCode code) {
  std::vector<std::set<std::string>> open;
  std::string duplicate;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    // Whatever walks through a document does so by recursion.
    if (depth > deepest) throw Error(code, file, "is nested deeper than " + std::to_string(deepest) + " levels");
    if (event == Json::parse_event_t::object_start) open.emplace_back();
    if (event == Json::parse_event_t::object_end) open.pop_back();
    if (event == Json::parse_event_t::key && !open.back().insert(parsed.get<std::string>()).second)
      duplicate = parsed.get<std::string>();
    return true;
  };
  try {
    Json value = Json::parse(text, watch);
    if (!duplicate.empty()) throw Error(code, file, "the key \"" + duplicate + "\" stands twice in one object");
    return value;
  } catch (const Json::parse_error& e) {
    throw Error(code, file + ": " + place(text, e.byte), "not valid JSON",
                "check for a missing comma, quote or bracket there");
  } catch (const Json::out_of_range&) {
    throw Error(code, file, "a number is too large", "give numbers below 1e308");
  }
}

Json read_json_file(const std::filesystem::path& path, ExitCode code) {
  std::string text;
  try {
    text = read_file(path);
  } catch (const Error& e) {
    throw Error(code, e.where(), e.problem(), "check the path");
  }
  return parse_json(text, path.string(), code);
}

namespace {

// Edit distance in which swapping two neighbours is one edit, since that is what hands do.
std::size_t edits(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before, last(b.size() + 1), row(b.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      row[j + 1] = std::min({last[j] + (a[i] == b[j] ? 0 : 1), row[j] + 1, last[j + 1] + 1});
      if (i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j]) row[j + 1] = std::min(row[j + 1], before[j - 1] + 1);
    }
    before = last;
    std::swap(last, row);
  }
  return last.back();
}

}  // namespace

std::optional<std::string> closest(std::string_view word, const std::vector<std::string>& candidates) {
  std::optional<std::string> best;
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = edits(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

std::string suggestion(std::string_view word, const std::vector<std::string>& candidates) {
  if (const auto near = closest(word, candidates)) return "did you mean \"" + *near + "\"?";
  constexpr std::size_t most = 50;  // a thousand classes help nobody
  std::string text = "known: ";
  for (std::size_t i = 0; i < std::min(most, candidates.size()); ++i) text += (i == 0 ? "" : ", ") + candidates[i];
  if (candidates.size() > most) text += " and " + std::to_string(candidates.size() - most) + " more";
  return text;
}

void JsonCursor::fail(const std::string& problem, const std::string& remedy) const {
  throw Error(code_, file_ + ": " + (pointer_.empty() ? "/" : pointer_), problem, remedy);
}

void JsonCursor::only_keys(const std::vector<std::string>& allowed) const {
  if (!value_->is_object()) fail("must be an object, not " + std::string(value_->type_name()));
  for (const auto& [key, unused] : value_->items())
    if (std::find(allowed.begin(), allowed.end(), key) == allowed.end())
      fail("unknown key \"" + key + "\"", suggestion(key, allowed));
}

bool JsonCursor::has(const std::string& key) const { return value_->is_object() && value_->contains(key); }

JsonCursor JsonCursor::at(const std::string& key) const {
  if (!value_->is_object()) fail("must be an object, not " + std::string(value_->type_name()));
  const auto found = value_->find(key);
  if (found == value_->end()) fail("the key \"" + key + "\" is missing");
  return {*found, file_, pointer_ + "/" + escape_pointer(key), code_};
}

JsonCursor JsonCursor::at(std::size_t index) const {
  if (!value_->is_array()) fail("must be an array, not " + std::string(value_->type_name()));
  if (index >= value_->size()) fail("has no element " + std::to_string(index));
  return {(*value_)[index], file_, pointer_ + "/" + std::to_string(index), code_};
}

std::vector<std::string> JsonCursor::keys() const {
  if (!value_->is_object()) fail("must be an object, not " + std::string(value_->type_name()));
  std::vector<std::string> names;
  for (const auto& [key, unused] : value_->items()) names.push_back(key);
  return names;
}

std::string JsonCursor::string() const {
  if (!value_->is_string()) fail("must be a string, not " + std::string(value_->type_name()));
  return value_->get<std::string>();
}

std::int64_t JsonCursor::integer() const {
  if (!value_->is_number_integer()) fail("must be an integer, not " + value_->dump());
  if (value_->is_number_unsigned() && value_->get<std::uint64_t>() > std::numeric_limits<std::int64_t>::max())
    fail("is " + value_->dump(), "give an integer below 2^63");
  return value_->get<std::int64_t>();
}

double JsonCursor::number() const {
  if (!value_->is_number()) fail("must be a number, not " + std::string(value_->type_name()));
  return value_->get<double>();
}

bool JsonCursor::boolean() const {
  if (!value_->is_boolean()) fail("must be true or false, not " + value_->dump());
  return value_->get<bool>();
}

std::vector<std::string> JsonCursor::strings() const {
  if (!value_->is_array()) fail("must be an array of strings, not " + std::string(value_->type_name()));
  std::vector<std::string> items;
  for (std::size_t i = 0; i < size(); ++i) items.push_back(at(i).string());
  return items;
}

std::int64_t JsonCursor::integer_in(std::int64_t low, std::int64_t high) const {
  const std::int64_t n = integer();
  if (n < low || n > high)
    fail("is " + std::to_string(n), "give a value from " + std::to_string(low) + " to " + std::to_string(high));
  return n;
}

double JsonCursor::number_in(double low, double high) const {
  const double n = number();
  if (!(n >= low && n <= high))
    fail("is " + Json(n).dump(), "give a value from " + Json(low).dump() + " to " + Json(high).dump());
  return n;
}

std::string JsonCursor::string_or(const std::string& key, std::string fallback) const {
  return has(key) ? at(key).string() : std::move(fallback);
}
std::int64_t JsonCursor::integer_or(const std::string& key, std::int64_t fallback) const {
  return has(key) ? at(key).integer() : fallback;
}
double JsonCursor::number_or(const std::string& key, double fallback) const {
  return has(key) ? at(key).number() : fallback;
}
bool JsonCursor::boolean_or(const std::string& key, bool fallback) const {
  return has(key) ? at(key).boolean() : fallback;
}

}  // namespace automask::core
