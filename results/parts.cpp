#include "results/parts.h"

#include <map>

#include "core/digest_text.h"
#include "core/hash.h"

namespace automask::results {
namespace {

using core::Json;
using core::JsonCursor;

constexpr const char* parts = "parts";
constexpr const char* keys = "keys";
constexpr const char* reference = "$";
constexpr std::size_t name_digits = 7;
// Characters: what names a part, what names an object's keys (less the colons that it saves), a line of either.
constexpr std::size_t part_reference = 15, keys_reference = 17, line_of_name = 13;
// Values of all documents together. Parts that name parts multiply.
constexpr std::size_t most_values = 5'000'000;
constexpr int deepest = 200;

// Whether `times` values of so many characters are shorter by a name for each and one line.
bool pays(std::size_t characters, std::size_t reference, std::size_t times) {
  return times > 1 && times * characters > times * reference + line_of_name + characters;
}

// One that stands for another value: of a part, or of an object whose keys stand elsewhere.
bool is_reference(const Json& value, Json::value_t to) {
  return value.is_object() && value.size() == 1 && value.contains(reference) && value.at(reference).type() == to;
}

class Division {
 public:
  // A value inside one that was met before is not met again: it stands once, in a part.
  void count(const Json& document) {
    if (document.is_object()) ++objects_[keys_of(document).dump()];
    for (const Json& child : document)
      if (child.is_structured() && ++places_[child.dump()] == 1) count(child);
  }

  Json in_parts(const Json& document) {
    Json divided = document;
    for (Json& child : divided)
      if (child.is_structured()) child = as_part(child);
    return document.is_object() ? with_common_keys(std::move(divided)) : divided;
  }

  void put_parts_into(Json& all) && {
    all[parts] = std::move(parts_);
    all[keys] = std::move(keys_);
  }

 private:
  Json with_common_keys(Json object) {
    const Json names = keys_of(object);
    const std::string text = names.dump();
    if (!pays(text.size(), keys_reference, objects_.at(text))) return object;
    const std::string name = content_name(names);
    if (const auto [known, added] = keys_.emplace(name, names); !added && *known != names)
      throw core::Error(core::ExitCode::internal, "published cells", "two lists of keys have the name " + name);
    return with_named_keys(name, std::move(object));
  }

  Json as_part(const Json& value) {
    const std::string text = value.dump();
    if (!pays(text.size(), part_reference, places_.at(text))) return in_parts(value);
    const std::string name = content_name(value);
    if (const auto known = named_.emplace(name, text); !known.second && known.first->second != text)
      throw core::Error(core::ExitCode::internal, "published cells", "two parts have the name " + name);
    if (!parts_.contains(name)) parts_[name] = in_parts(value);
    return {{reference, name}};
  }

  std::map<std::string, std::size_t> places_;   // by the value's text
  std::map<std::string, std::size_t> objects_;  // by their keys' text
  std::map<std::string, std::string> named_;    // text, by name
  Json parts_ = Json::object(), keys_ = Json::object();
};

class Union {
 public:
  explicit Union(const JsonCursor& documents)
      : parts_(object_of(documents, parts)), keys_(object_of(documents, keys)) {}

  // `place`: where a fault is.
  Json whole(const Json& value, const JsonCursor& place, int depth = 0) {
    if (values_++ >= most_values || depth > deepest)
      place.fail("names parts that have no end", "export the cells again");
    if (is_reference(value, Json::value_t::string)) return part(value.at(reference), place, depth + 1);
    if (is_reference(value, Json::value_t::array)) return with_keys(value.at(reference), place, depth + 1);
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

  static JsonCursor object_of(const JsonCursor& documents, const char* name) {
    static const Json none = Json::object();
    if (!documents.has(name)) return {none, documents.file()};
    if (!documents.at(name).value().is_object()) documents.at(name).fail(std::string("must be an object of ") + name);
    return documents.at(name);
  }

  Json with_keys(const Json& values, const JsonCursor& place, int depth) {
    if (values.empty() || !values.front().is_string()) place.fail("has values that name no keys");
    const auto& name = values.front().get_ref<const std::string&>();
    if (!keys_.has(name)) place.fail("names the keys \"" + name + "\", which are not there", "export the cells again");
    const JsonCursor names = keys_.at(name);
    if (!names.value().is_array() || content_name(names.value()) != name)
      names.fail("is not what its name was given for", "export the cells again");
    return with_own_keys(names, values.size() - 1, place,
                         [&](std::size_t i) { return whole(values[i + 1], place, depth); });
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

  JsonCursor parts_, keys_;
  std::map<std::string, Part> known_;
  std::size_t values_ = 0;
};

}  // namespace

std::string content_name(const Json& value) {
  return core::digest_base64(core::sha256_hex(value.dump())).substr(0, name_digits);
}

Json keys_of(const Json& object) {
  Json names = Json::array();
  for (const auto& [key, value] : object.items()) names.push_back(key);
  return names;
}

Json with_named_keys(const std::string& name, Json object) {
  Json values = {name};
  for (Json& value : object) values.push_back(std::move(value));
  return {{reference, std::move(values)}};
}

Json with_own_keys(const JsonCursor& names, std::size_t values, const JsonCursor& place,
                   const std::function<Json(std::size_t)>& value_of) {
  if (names.size() != values)
    place.fail("has " + std::to_string(values) + " values for " + std::to_string(names.size()) + " keys",
               "export the cells again");
  Json object = Json::object();
  for (std::size_t i = 0; i < values; ++i) object[names.at(i).string()] = value_of(i);
  return object;
}

Json divided(const Json& documents) {
  Division division;
  for (const Json& kind : documents)
    for (const Json& document : kind) division.count(document);
  Json all = Json::object();
  for (const auto& [kind, its] : documents.items()) {
    all[kind] = Json::object();
    for (const auto& [name, document] : its.items()) all[kind][name] = division.in_parts(document);
  }
  std::move(division).put_parts_into(all);
  return all;
}

Json undivided(const JsonCursor& documents) {
  Union all(documents);
  Json whole = Json::object();
  for (const std::string& kind : documents.keys()) {
    if (kind == parts || kind == keys) continue;
    const JsonCursor its = documents.at(kind);
    if (!its.value().is_object()) its.fail("must be an object of documents");
    whole[kind] = Json::object();
    for (const std::string& name : its.keys()) whole[kind][name] = all.whole(its.at(name).value(), its.at(name));
  }
  return whole;
}

}  // namespace automask::results
