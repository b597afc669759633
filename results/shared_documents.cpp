#include "results/shared_documents.h"

#include <set>

#include "core/hash.h"

namespace automask::results {
namespace {

using core::Json;
using core::JsonCursor;

constexpr const char* parts = "parts";
constexpr const char* reference = "$";     // {"$": name} stands for the part of that name
constexpr std::size_t smallest_part = 64;  // characters; a reference takes 24
// Values of one document when it is whole; the largest have some thousand. Parts that name parts multiply.
constexpr std::size_t most_values = 1'000'000;
constexpr int deepest = 200;

const std::vector<std::string>& kinds() {
  static const std::vector<std::string> all = {"manifests", "environments", "builds", "parameters", "trainings", parts};
  return all;
}

bool is_reference(const Json& value) {
  return value.is_object() && value.size() == 1 && value.contains(reference) && value.at(reference).is_string();
}

std::string name_of(const Json& document) { return core::sha256_hex(document.dump()).substr(0, 16); }

void collect_strings(const Json& value, std::set<std::string>& strings) {
  if (value.is_string()) strings.insert(value.get<std::string>());
  if (value.is_structured())
    for (const Json& child : value) collect_strings(child, strings);
}

}  // namespace

void check_schema_version(const JsonCursor& document) {
  const JsonCursor version = document.at("schema_version");
  if (version.integer() != published_schema_version)
    version.fail("is " + version.value().dump() + ", this program reads " + std::to_string(published_schema_version),
                 "use the automask that belongs to these files");
}

SharedDocuments::SharedDocuments() : documents_(Json::object()) {
  for (const std::string& kind : kinds()) documents_[kind] = Json::object();
}

SharedDocuments::SharedDocuments(const JsonCursor& file) : SharedDocuments() {
  check_schema_version(file);
  std::vector<std::string> known = kinds();
  known.push_back("schema_version");
  file.only_keys(known);
  file_ = file.file();
  for (const std::string& kind : kinds()) {
    if (!file.has(kind)) continue;
    const JsonCursor documents = file.at(kind);
    if (!documents.value().is_object()) documents.fail("must be an object of documents");
    for (const std::string& name : documents.keys()) {
      const JsonCursor document = documents.at(name);
      if (!document.value().is_structured() || (kind != parts && !document.value().is_object()))
        document.fail("must be an object");
      // A manifest's name is the digest of what it was before paths were left out.
      if (kind != "manifests" && name_of(document.value()) != name)
        document.fail("is not what its name was given for", "export the cells again");
    }
    documents_[kind] = documents.value();
  }
}

std::string SharedDocuments::put(const std::string& kind, const Json& document) {
  if (document.is_null()) return "";
  const std::string name = name_of(document);
  documents_[kind][name] = document;
  return name;
}

Json SharedDocuments::in_parts(const Json& value) {
  Json divided = value;
  if (value.is_structured())
    for (Json& child : divided) child = as_part(child);
  return divided;
}

Json SharedDocuments::as_part(const Json& value) {
  Json divided = in_parts(value);
  if (!value.is_structured() || is_reference(value) || divided.dump().size() < smallest_part) return divided;
  return {{reference, put(parts, divided)}};
}

void SharedDocuments::put_as(const std::string& kind, const std::string& name, const Json& document) {
  documents_[kind][name] = in_parts(document);
}

std::string SharedDocuments::put_in_parts(const std::string& kind, const Json& document) {
  return put(kind, in_parts(document));
}

Json SharedDocuments::whole(const Json& value, const JsonCursor& name, std::size_t& room, int depth) const {
  if (room-- == 0 || depth > deepest)
    name.fail("names a document that has no end in " + file_, "export the cell again");
  if (!value.is_structured()) return value;
  if (is_reference(value)) {
    const auto part = value.at(reference).get<std::string>();
    if (!documents_.at(parts).contains(part))
      name.fail("names a document of which " + file_ + " lacks the part \"" + part + "\"", "export the cell again");
    return whole(documents_.at(parts).at(part), name, room, depth + 1);
  }
  Json all = value;
  for (Json& child : all) child = whole(child, name, room, depth + 1);
  return all;
}

Json SharedDocuments::whole(const JsonCursor& value) const {
  std::size_t room = most_values;
  return whole(value.value(), value, room, 0);
}

Json SharedDocuments::get(const std::string& kind, const JsonCursor& name) const {
  if (name.value().is_null() || name.string().empty()) return {};
  if (!documents_.at(kind).contains(name.string()))
    name.fail("names a document that " + file_ + " does not hold", "export the cell again");
  std::size_t room = most_values;
  return whole(documents_.at(kind).at(name.string()), name, room, 0);
}

void SharedDocuments::add(const SharedDocuments& others) {
  for (const auto& [kind, documents] : others.documents_.items())
    for (const auto& [name, document] : documents.items()) documents_[kind].emplace(name, document);
}

void SharedDocuments::keep_what_is_named_in(const Json& cells) {
  // A name is a digest's hexadecimal digits: no other string looks like one of them by chance.
  std::set<std::string> named, before;
  collect_strings(cells, named);
  while (named != before) {
    before = named;
    for (const auto& [kind, documents] : documents_.items())
      for (const auto& [name, document] : documents.items())
        if (before.count(name)) collect_strings(document, named);
  }
  for (auto& [kind, documents] : documents_.items())
    for (auto it = documents.begin(); it != documents.end();)
      it = named.count(it.key()) ? std::next(it) : documents.erase(it);
}

std::string SharedDocuments::text() const {
  std::string text = "{\n\"schema_version\": " + std::to_string(published_schema_version);
  for (const auto& [kind, documents] : documents_.items()) {
    text += ",\n" + Json(kind).dump() + ": {";
    bool first = true;
    for (const auto& [name, document] : documents.items()) {
      text += (first ? "\n" : ",\n") + Json(name).dump() + ": " + document.dump();
      first = false;
    }
    text += first ? "}" : "\n}";
  }
  return text + "\n}\n";
}

}  // namespace automask::results
