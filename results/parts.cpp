#include "results/parts.h"

#include <map>

#include "core/hash.h"

namespace automask::results {
namespace {

using core::Json;
using core::JsonCursor;

constexpr const char* parts = "parts";
constexpr const char* reference = "$";
constexpr std::size_t name_digits = 10;
constexpr std::size_t smallest_part = 40;  // characters; a reference takes 18, the part's name 16
// Values of all documents together. Parts that name parts multiply.
constexpr std::size_t most_values = 5'000'000;
constexpr int deepest = 200;

bool is_reference(const Json& value) {
  return value.is_object() && value.size() == 1 && value.contains(reference) && value.at(reference).is_string();
}

class Division {
 public:
  // A value inside one that was met before is not met again: it stands once, in a part.
  void count(const Json& document) {
    for (const Json& child : document)
      if (child.is_structured() && ++places_[child.dump()] == 1) count(child);
  }

  Json in_parts(const Json& document) {
    Json divided = document;
    for (Json& child : divided)
      if (child.is_structured()) child = as_part(child);
    return divided;
  }

  Json parts_of_all() && { return std::move(parts_); }

 private:
  Json as_part(const Json& value) {
    const std::string text = value.dump();
    if (text.size() < smallest_part || places_.at(text) < 2) return in_parts(value);
    const std::string name = content_name(value);
    if (const auto known = named_.emplace(name, text); !known.second && known.first->second != text)
      throw core::Error(core::ExitCode::internal, "published cells", "two parts have the name " + name);
    if (!parts_.contains(name)) parts_[name] = in_parts(value);
    return {{reference, name}};
  }

  std::map<std::string, int> places_;         // by the value's text
  std::map<std::string, std::string> named_;  // text, by name
  Json parts_ = Json::object();
};

class Union {
 public:
  explicit Union(const JsonCursor& documents)
      : parts_(documents.has(parts) ? documents.at(parts) : JsonCursor(none(), documents.file())) {
    if (!parts_.value().is_object()) parts_.fail("must be an object of parts");
  }

  // `place`: where a fault is.
  Json whole(const Json& value, const JsonCursor& place, int depth = 0) {
    if (values_++ >= most_values || depth > deepest)
      place.fail("names parts that have no end", "export the cells again");
    if (is_reference(value)) return part(value.at(reference).get<std::string>(), place, depth + 1);
    if (!value.is_structured()) return value;
    Json all = value;
    for (Json& child : all) child = whole(child, place, depth + 1);
    return all;
  }

 private:
  struct Part {
    Json whole;
    std::size_t values;
  };

  static const Json& none() {
    static const Json object = Json::object();
    return object;
  }

  Json part(const std::string& name, const JsonCursor& place, int depth) {
    auto known = known_.find(name);
    if (known == known_.end()) {
      if (!parts_.has(name))
        place.fail("names the part \"" + name + "\", which is not there", "export the cells again");
      const std::size_t before = values_;
      Json all = whole(parts_.at(name).value(), place, depth);
      if (content_name(all) != name)
        parts_.at(name).fail("is not what its name was given for", "export the cells again");
      known = known_.emplace(name, Part{std::move(all), values_ - before}).first;
    } else {
      values_ += known->second.values;
    }
    return known->second.whole;
  }

  JsonCursor parts_;
  std::map<std::string, Part> known_;
  std::size_t values_ = 0;
};

}  // namespace

std::string content_name(const Json& value) { return core::sha256_hex(value.dump()).substr(0, name_digits); }

Json divided(const Json& documents) {
  Division division;
  for (const Json& kind : documents)
    for (const Json& document : kind) division.count(document);
  Json all = Json::object();
  for (const auto& [kind, its] : documents.items()) {
    all[kind] = Json::object();
    for (const auto& [name, document] : its.items()) all[kind][name] = division.in_parts(document);
  }
  all[parts] = std::move(division).parts_of_all();
  return all;
}

Json undivided(const JsonCursor& documents) {
  Union all(documents);
  Json whole = Json::object();
  for (const std::string& kind : documents.keys()) {
    if (kind == parts) continue;
    const JsonCursor its = documents.at(kind);
    if (!its.value().is_object()) its.fail("must be an object of documents");
    whole[kind] = Json::object();
    for (const std::string& name : its.keys()) whole[kind][name] = all.whole(its.at(name).value(), its.at(name));
  }
  return whole;
}

}  // namespace automask::results
