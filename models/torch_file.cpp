#include "models/torch_file.h"

#include <archive.h>
#include <archive_entry.h>

#include <cstring>
#include <memory>

#include "core/error.h"
#include "models/pickle.h"
#include "models/torch_tensors.h"

namespace automask::models {
namespace {

using Kind = PickleValue::Kind;

constexpr std::string_view zip_magic("PK\x03\x04", 4);
// 0x1950a86a20f9469cfc6c and 1001: torch/serialization.py, MAGIC_NUMBER and PROTOCOL_VERSION.
constexpr std::string_view legacy_magic("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10);
constexpr std::int64_t legacy_version = 1001;
// A number of one byte becomes four, and some weights are shared.
constexpr std::uint64_t memory_per_byte = 8;

[[noreturn]] void corrupt(const std::string& where, const std::string& fault) {
  throw core::Error(core::ExitCode::corrupt, where, fault, "the file is damaged or not from torch.save: get it again");
}

// The entries of a zip archive that holds them uncompressed, as parts of `bytes`; their checksums are checked.
std::map<std::string, std::string_view> stored_entries(std::string_view bytes, const std::string& file) {
  const std::unique_ptr<archive, int (*)(archive*)> zip(archive_read_new(), archive_read_free);
  const auto fail = [&] {
    const char* text = archive_error_string(zip.get());
    corrupt(file, std::string("is no readable zip archive") + (text == nullptr ? "" : std::string(": ") + text));
  };
  // Seekable: by the central directory at the end, so that a truncated file is seen as such.
  archive_read_support_format_zip_seekable(zip.get());
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
  archive_read_set_options(zip.get(), "zip:ignorecrc32");  // or no mutation would get further
#endif
  if (archive_read_open_memory(zip.get(), bytes.data(), bytes.size()) != ARCHIVE_OK) fail();
  std::map<std::string, std::string_view> entries;
  for (;;) {
    archive_entry* entry = nullptr;
    const int next = archive_read_next_header(zip.get(), &entry);
    if (next == ARCHIVE_EOF) break;
    if (next != ARCHIVE_OK) fail();
    const char* name = archive_entry_pathname(entry);
    const std::string where = file + ": entry " + (name == nullptr ? "?" : name);
    const char* begin = nullptr;
    std::size_t size = 0;
    for (;;) {
      const void* block = nullptr;
      std::size_t block_size = 0;
      la_int64_t offset = 0;
      const int status = archive_read_data_block(zip.get(), &block, &block_size, &offset);
      if (status == ARCHIVE_EOF) break;
      if (status != ARCHIVE_OK) {
        const char* text = archive_error_string(zip.get());
        corrupt(where, std::string("cannot be read: ") + (text == nullptr ? "unknown fault" : text));
      }
      if (block_size == 0) continue;
      const char* at = static_cast<const char*>(block);
      // Stored data are handed out where they lie; anything else was decompressed, without bound.
      if (at < bytes.data() || at + block_size > bytes.data() + bytes.size() ||
          (begin != nullptr && at != begin + size))
        corrupt(where, "is compressed, which torch.save never does");
      if (begin == nullptr) begin = at;
      size += block_size;
    }
    if (archive_entry_size_is_set(entry) && static_cast<std::uint64_t>(archive_entry_size(entry)) != size)
      corrupt(where, "is not as long as the archive's directory says");
    if (!entries.emplace(name == nullptr ? "" : name, std::string_view(begin, size)).second)
      corrupt(where, "stands twice in the archive");
  }
  return entries;
}

graph::TensorMap decode_zip(std::string_view bytes, const std::string& file) {
  const auto entries = stored_entries(bytes, file);
  // "<name>/data.pkl": the name is that of the file when it was saved.
  std::string folder;
  for (const auto& [name, content] : entries)
    if (const auto slash = name.find('/'); slash != std::string::npos && name.substr(slash) == "/data.pkl")
      folder = name.substr(0, slash + 1);
  if (folder.empty()) corrupt(file, "is a zip archive without data.pkl");
  if (const auto order = entries.find(folder + "byteorder"); order != entries.end() && order->second != "little")
    corrupt(file, "was saved on a big-endian machine, which is not read");
  if (entries.count(folder + "constants.pkl") != 0)
    throw core::Error(core::ExitCode::corrupt, file, "is a TorchScript program, which is not read",
                      "load it in Python and torch.save its state_dict()");
  const std::string where = file + ": data.pkl";
  const Pickle pickle = read_pickle(entries.at(folder + "data.pkl"), torch_globals(), where);
  Storages storages;
  for (const PickleValue& value : pickle.values) {
    if (!value.is(Kind::persistent)) continue;
    const StorageReference reference = storage_reference(value, where);
    const auto found = entries.find(folder + "data/" + std::string(reference.key));
    if (found == entries.end()) corrupt(file, "the storage data/" + std::string(reference.key) + " is not there");
    if (found->second.size() / bytes_of(reference.type) != reference.elements)
      corrupt(file, "the storage data/" + std::string(reference.key) + " has another size than data.pkl says");
    storages[reference.key] = found->second;
  }
  return torch_tensors(*pickle.root, storages, memory_per_byte * bytes.size(), file);
}

// The storages that follow the pickles of a legacy file: per key, the number of elements (i64) and the elements.
Storages legacy_storages(const Pickle& object, const Pickle& keys, std::string_view rest, const std::string& file) {
  std::map<std::string_view, StorageReference> references;
  for (const PickleValue& value : object.values)
    if (value.is(Kind::persistent)) {
      const StorageReference reference = storage_reference(value, file);
      const auto [found, fresh] = references.emplace(reference.key, reference);
      if (!fresh && (found->second.type != reference.type || found->second.elements != reference.elements))
        corrupt(file, "the storage " + std::string(reference.key) + " is described in two ways");
    }
  if (!keys.root->is(Kind::list)) corrupt(file, "the list of its storages is missing");
  Storages storages;
  for (const PickleValue* key : keys.root->items) {
    const auto found = key->is(Kind::text) ? references.find(key->text) : references.end();
    if (found == references.end()) corrupt(file, "holds a storage that no tensor names");
    const std::string where = file + ": storage " + std::string(key->text);
    std::uint64_t elements = 0;
    if (rest.size() < sizeof elements) corrupt(where, "the file ends before it");
    std::memcpy(&elements, rest.data(), sizeof elements);
    rest.remove_prefix(sizeof elements);
    if (elements != found->second.elements) corrupt(where, "it has another size than the pickle says");
    const std::uint64_t bytes = elements * bytes_of(found->second.type);  // at most 2^43
    if (rest.size() < bytes) corrupt(where, "it reaches past the end of the file");
    storages[key->text] = rest.substr(0, bytes);
    rest.remove_prefix(bytes);
  }
  if (!rest.empty()) corrupt(file, std::to_string(rest.size()) + " bytes follow the last storage");
  return storages;
}

graph::TensorMap decode_legacy(std::string_view bytes, const std::string& file) {
  std::string_view rest = bytes;
  const auto next = [&](const char* name) {
    Pickle pickle = read_pickle(rest, torch_globals(), file + ": " + name);
    rest.remove_prefix(pickle.bytes);
    return pickle;
  };
  const Pickle magic = next("magic number");
  if (!magic.root->is(Kind::bytes) || magic.root->text != legacy_magic)
    corrupt(file, "is a pickle, but none of torch.save");
  const Pickle version = next("protocol version");
  if (!version.root->is(Kind::integer) || version.root->integer != legacy_version)
    corrupt(file, "is of another version of torch.save's legacy format than 1001");
  const Pickle system = next("system");
  if (const PickleValue* little = system.root->find("little_endian"); little != nullptr && little->integer == 0)
    corrupt(file, "was saved on a big-endian machine, which is not read");
  const Pickle object = next("object");
  const Pickle keys = next("storage keys");
  const Storages storages = legacy_storages(object, keys, rest, file);
  return torch_tensors(*object.root, storages, memory_per_byte * bytes.size(), file);
}

}  // namespace

bool is_torch_zip(std::string_view bytes) { return bytes.substr(0, zip_magic.size()) == zip_magic; }

// PROTO, from protocol 4 on FRAME, then LONG1 of 10 bytes: the magic number.
bool is_torch_legacy(std::string_view bytes) {
  if (bytes.size() < 2 || bytes[0] != '\x80') return false;
  const std::size_t at = bytes[1] >= 4 && bytes.substr(2, 1) == "\x95" ? 11 : 2;
  return bytes.size() > at && bytes.substr(at, 2) == "\x8a\x0a" &&
         bytes.substr(at + 2, legacy_magic.size()) == legacy_magic;
}

graph::TensorMap decode_torch(std::string_view bytes, const std::string& file) {
  return is_torch_zip(bytes) ? decode_zip(bytes, file) : decode_legacy(bytes, file);
}

}  // namespace automask::models
