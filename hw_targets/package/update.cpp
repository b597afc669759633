#include "hw_targets/package/update.h"

#include "hw_targets/package/layout.h"

namespace automask {
namespace package {
namespace {

using Json = nlohmann::json;

constexpr const char* update_key = "automask_update";
constexpr int update_version = 1;

bool same(const StoredTensor& a, const StoredTensor& b) {
  return a.dtype == b.dtype && a.shape == b.shape && a.bytes == b.bytes;
}

// A package's container: its content agrees with its hash, and a runner would take it.
Container checked_container(const std::string& bytes, const std::string& file) {
  decode(bytes, file);
  return decode_container(bytes, file);
}

std::string text_of(const Json& json, const char* key, const std::string& file) {
  const Json& value = member(json, key, file, update_key);
  if (!value.is_string()) fail(file, std::string(update_key) + "/" + key, "must be a string");
  return value.get<std::string>();
}

// RFC 6902. Only operations that copy nothing, since copies of copies would let a small file ask for any memory.
Json patched(const Json& structure, const Json& patch, const std::string& file) {
  const std::string place = std::string(update_key) + "/structure";
  if (!patch.is_array()) fail(file, place, "must be an array of changes");
  for (const Json& change : patch) {
    const Json& what = member(change, "op", file, place);
    if (what != "add" && what != "remove" && what != "replace")
      fail(file, place, "has a change that is none of add, remove and replace");
  }
  const char* stranger = "changes what the package it starts from does not have";
  Json result = structure;
  try {
    for (const Json& change : patch) {
      const Json::json_pointer path(member(change, "path", file, place).get<std::string>());
      // What is neither object nor array has no members, whatever the library makes of it.
      if (path.empty() || !result.at(path.parent_pointer()).is_structured()) fail(file, place, stranger);
      result.patch_inplace(Json::array({change}));
    }
  } catch (const Json::exception&) {
    fail(file, place, stranger);
  }
  return result;
}

}  // namespace

std::string encode_update(const std::string& base_bytes, const std::string& base_file, const std::string& next_bytes,
                          const std::string& next_file) {
  const Container base = checked_container(base_bytes, base_file), next = checked_container(next_bytes, next_file);
  Container update;
  Json removed = Json::array();
  for (const auto& item : base.tensors)
    if (next.tensors.count(item.first) == 0) removed.push_back(item.first);
  for (const auto& item : next.tensors) {
    const auto found = base.tensors.find(item.first);
    if (found == base.tensors.end() || !same(found->second, item.second)) update.tensors.insert(item);
  }
  const Json from = Json::parse(base.metadata.at(structure_key)), to = Json::parse(next.metadata.at(structure_key));
  const Json changes = {{"version", update_version},
                        {"from", base.metadata.at(hash_key)},
                        {"to", next.metadata.at(hash_key)},
                        {"structure", Json::diff(from, to)},
                        {"removed", std::move(removed)}};
  update.metadata[update_key] = changes.dump();
  const std::string bytes = encode_container(update);
  // The hash is of the structure's text, and the bytes are of one layout, which other programs may have in other ways.
  if (to.dump() != next.metadata.at(structure_key))
    fail(next_file, "structure", "is not spelt as this program writes it; export the package again");
  if (apply_update(base_bytes, base_file, bytes, next_file) != next_bytes)
    fail(next_file, "file", "is not laid out as this program writes packages; export it again");
  return bytes;
}

std::string apply_update(const std::string& base_bytes, const std::string& base_file, const std::string& update_bytes,
                         const std::string& update_file) {
  Container update = decode_container(update_bytes, update_file);
  const auto text = update.metadata.find(update_key);
  if (text == update.metadata.end() || update.metadata.size() != 1)
    fail(update_file, "__metadata__", std::string("must hold \"") + update_key + "\" alone; this is no update");
  const Json changes = parse_strictly(text->second, update_file, update_key);
  if (member(changes, "version", update_file, update_key) != update_version)
    fail(update_file, update_key, "is of a version that this program does not read; make the update again");
  only_keys(changes, {"version", "from", "to", "structure", "removed"}, update_file, update_key);
  const std::string from = text_of(changes, "from", update_file), to = text_of(changes, "to", update_file);

  Container package = checked_container(base_bytes, base_file);
  const std::string& hash = package.metadata.at(hash_key);
  if (hash == to) return base_bytes;  // has been applied
  if (hash != from)
    fail(update_file, update_key,
         "starts from the package with the hash " + from + ", and " + base_file + " has " + hash +
             "; apply it to the package that it was made for");
  const Json& removed = member(changes, "removed", update_file, update_key);
  if (!removed.is_array()) fail(update_file, std::string(update_key) + "/removed", "must be an array of tensors");
  for (const Json& name : removed)
    if (!name.is_string() || package.tensors.erase(name.get<std::string>()) == 0)
      fail(update_file, std::string(update_key) + "/removed", "names a tensor that the package does not have");
  for (auto& item : update.tensors) package.tensors[item.first] = std::move(item.second);
  const Json structure = parse_strictly(package.metadata.at(structure_key), base_file, "structure");
  const Json& patch = member(changes, "structure", update_file, update_key);
  package.metadata[structure_key] = patched(structure, patch, update_file).dump();
  package.metadata[hash_key] = to;
  const std::string bytes = encode_container(package);
  decode(bytes, update_file);  // says it where the hash is another
  return bytes;
}

}  // namespace package
}  // namespace automask
