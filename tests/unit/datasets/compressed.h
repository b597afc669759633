#pragma once
// What gzip, zstd, bzip2 and xz would make of some bytes.
#include <archive.h>
#include <archive_entry.h>

#include <stdexcept>
#include <string>

namespace automask::testing {

// `filter`: libarchive's name, "gzip", "zstd", "bzip2" or "xz".
inline std::string compressed(const std::string& bytes, const std::string& filter) {
  archive* writer = archive_write_new();
  archive_entry* entry = archive_entry_new();
  std::string out(bytes.size() * 2 + (1 << 20), '\0');
  std::size_t used = 0;
  archive_entry_set_pathname(entry, "x");
  archive_entry_set_filetype(entry, AE_IFREG);
  const bool good = archive_write_add_filter_by_name(writer, filter.c_str()) == ARCHIVE_OK &&
                    archive_write_set_format_raw(writer) == ARCHIVE_OK &&
                    archive_write_open_memory(writer, out.data(), out.size(), &used) == ARCHIVE_OK &&
                    archive_write_header(writer, entry) == ARCHIVE_OK &&
                    archive_write_data(writer, bytes.data(), bytes.size()) == static_cast<la_ssize_t>(bytes.size()) &&
                    archive_write_close(writer) == ARCHIVE_OK;
  archive_entry_free(entry);
  archive_write_free(writer);
  if (!good) throw std::runtime_error("libarchive cannot compress by " + filter);
  out.resize(used);
  return out;
}

}  // namespace automask::testing
