#include "results/shared_documents.h"

#include <set>

#include "results/parts.h"

namespace automask::results {
namespace {

using core::Json;
using core::JsonCursor;

constexpr const char* conditions = "conditions";
constexpr const char* cell_keys = "cell_keys";
constexpr const char* values_of_keys = "$";
constexpr std::size_t shortest_keys = 26;  // characters; naming them takes 17

const std::vector<std::string>& kinds() {
  static const std::vector<std::string> all = {"manifests", "environments", "builds",   "parameters",
                                               "trainings", "counted",      conditions, cell_keys};
  return all;
}

bool has_lists(const std::string& kind) { return kind == conditions || kind == cell_keys; }

void add_strings_of(const Json& value, std::set<std::string>& all) {
  if (value.is_string()) all.insert(value.get<std::string>());
  if (value.is_structured())
    for (const Json& child : value) add_strings_of(child, all);
}

}  // namespace

void check_schema_version(const JsonCursor& document) {
  const JsonCursor version = document.at("schema_version");
  if (const auto given = version.integer(); given < oldest_published_schema_version || given > published_schema_version)
    version.fail("is " + version.value().dump() + ", this program reads " +
                     std::to_string(oldest_published_schema_version) + " to " +
                     std::to_string(published_schema_version),
                 "use the automask that belongs to these files");
}

SharedDocuments::SharedDocuments() : documents_(Json::object()) {
  for (const std::string& kind : kinds()) documents_[kind] = Json::object();
}

SharedDocuments::SharedDocuments(const JsonCursor& file) : SharedDocuments() {
  check_schema_version(file);
  std::vector<std::string> known = kinds();
  known.insert(known.end(), {"schema_version", "parts", "keys"});
  file.only_keys(known);
  file_ = file.file();
  Json divided = file.value();
  divided.erase("schema_version");
  const JsonCursor cursor(divided, file.file(), file.pointer(), core::ExitCode::corrupt);
  const Json whole = undivided(cursor);
  for (const auto& [kind, documents] : whole.items()) {
    for (const auto& [name, document] : documents.items()) {
      const JsonCursor place = cursor.at(kind).at(name);
      if (has_lists(kind) && !document.is_array()) place.fail("must be an array");
      if (!has_lists(kind) && !document.is_object()) place.fail("must be an object");
      if (content_name(document) != name) place.fail("is not what its name was given for", "export the cells again");
    }
    documents_[kind] = documents;
  }
}

std::string SharedDocuments::put(const std::string& kind, const Json& document) {
  if (document.is_null()) return "";
  const std::string name = content_name(document);
  add(kind, name, document);
  return name;
}

void SharedDocuments::add(const std::string& kind, const std::string& name, const Json& document) {
  const auto [known, added] = documents_.at(kind).emplace(name, document);
  if (!added && *known != document)
    throw core::Error(core::ExitCode::internal, "published cells", "two of the " + kind + " have the name " + name);
}

Json SharedDocuments::get(const std::string& kind, const JsonCursor& name) const {
  if (name.value().is_null() || name.string().empty()) return {};
  const Json& documents = documents_.at(kind);
  if (!documents.contains(name.string()))
    name.fail("names a document that " + file_ + " does not hold", "export the cell again");
  return documents.at(name.string());
}

Json SharedDocuments::put_keys(const Json& cell) {
  if (!cell.is_object()) return cell;
  Json object = cell;
  for (Json& value : object) value = put_keys(value);
  const Json names = keys_of(object);
  return names.dump().size() < shortest_keys ? object : with_named_keys(put(cell_keys, names), std::move(object));
}

Json SharedDocuments::with_keys(const JsonCursor& cell) const {
  if (!cell.value().is_object()) return cell.value();
  if (!cell.has(values_of_keys)) {
    Json whole = Json::object();
    for (const std::string& key : cell.keys()) whole[key] = with_keys(cell.at(key));
    return whole;
  }
  cell.only_keys({values_of_keys});
  const JsonCursor values = cell.at(values_of_keys);
  if (!values.value().is_array() || values.value().empty()) values.fail("must be an array of keys' name and values");
  const Json names = get(cell_keys, values.at(0));
  if (names.is_null()) values.at(0).fail("names no keys", "export the cells again");
  return with_own_keys(
      {names, file_, std::string("/") + cell_keys + "/" + values.at(0).string(), core::ExitCode::corrupt},
      values.size() - 1, values, [&](std::size_t i) { return with_keys(values.at(i + 1)); });
}

void SharedDocuments::add(const SharedDocuments& others) {
  for (const auto& [kind, documents] : others.documents_.items())
    for (const auto& [name, document] : documents.items()) add(kind, name, document);
}

void SharedDocuments::keep_what_is_named_in(const Json& cells) {
  // A name is a digest's digits: hardly another string of a cell looks like one of them, and then a document too many
  // is kept.
  std::set<std::string> named;
  add_strings_of(cells, named);
  for (auto& [kind, documents] : documents_.items())
    for (auto it = documents.begin(); it != documents.end();)
      it = named.count(it.key()) ? std::next(it) : documents.erase(it);
}

std::string SharedDocuments::text() const {
  std::string text = "{\n\"schema_version\": " + std::to_string(published_schema_version);
  const Json all = divided(documents_);
  for (const auto& [kind, documents] : all.items()) {
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
