#include "results/shared_documents.h"

#include "core/hash.h"

namespace automask::results {
namespace {

using core::Json;
using core::JsonCursor;

constexpr const char* parts = "parts";
constexpr const char* reference = "$";     // {"$": name} stands for the part of that name
constexpr std::size_t smallest_part = 64;  // characters; a reference takes 24
constexpr int deepest = 32;

const std::vector<std::string>& kinds() {
  static const std::vector<std::string> all = {"manifests", "environments", "builds", "parameters", "trainings", parts};
  return all;
}

bool is_reference(const Json& value) {
  return value.is_object() && value.size() == 1 && value.contains(reference) && value.at(reference).is_string();
}

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
  for (const std::string& kind : file.keys()) {
    if (kind == "schema_version") continue;
    if (!file.at(kind).value().is_object()) file.at(kind).fail("must be an object of documents");
    documents_[kind] = file.at(kind).value();
  }
}

std::string SharedDocuments::put(const std::string& kind, const Json& document) {
  if (document.is_null()) return "";
  const std::string name = core::sha256_hex(document.dump()).substr(0, 16);
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

Json SharedDocuments::whole(const Json& value, const JsonCursor& name, const std::string& file, int depth) const {
  if (!value.is_structured()) return value;
  if (depth > deepest) name.fail("names a document that " + file + " nests without end", "export the cell again");
  if (is_reference(value)) {
    const auto part = value.at(reference).get<std::string>();
    if (!documents_.at(parts).contains(part))
      name.fail("names a document of which " + file + " lacks the part \"" + part + "\"", "export the cell again");
    return whole(documents_.at(parts).at(part), name, file, depth + 1);
  }
  Json all = value;
  for (Json& child : all) child = whole(child, name, file, depth + 1);
  return all;
}

Json SharedDocuments::get(const std::string& kind, const JsonCursor& name, const std::string& file) const {
  if (name.value().is_null() || name.string().empty()) return {};
  if (!documents_.at(kind).contains(name.string()))
    name.fail("names a document that " + file + " does not hold", "export the cell again");
  return whole(documents_.at(kind).at(name.string()), name, file, 0);
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
