#include "corruptions/writer/tar.h"

#include <archive_entry.h>

#include <algorithm>

#include "core/error.h"

namespace automask::corruptions {

using core::Error;
using core::ExitCode;

TarWriter::TarWriter(std::filesystem::path file) : file_(std::move(file)), temporary_(file_.string() + ".tmp") {
  std::error_code ignored;
  std::filesystem::remove(temporary_, ignored);
  archive_write_set_format_pax_restricted(archive_.get());
  archive_write_set_bytes_in_last_block(archive_.get(), 1);
  check(archive_write_open_filename(archive_.get(), temporary_.c_str()));
}

TarWriter::~TarWriter() {
  std::error_code ignored;
  if (!committed_) std::filesystem::remove(temporary_, ignored);
}

void TarWriter::add(const std::string& name, const std::string& bytes) {
  const std::unique_ptr<archive_entry, decltype(&archive_entry_free)> entry(archive_entry_new(), archive_entry_free);
  archive_entry_set_pathname(entry.get(), name.c_str());
  archive_entry_set_size(entry.get(), static_cast<la_int64_t>(bytes.size()));
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  archive_entry_set_perm(entry.get(), 0644);
  archive_entry_set_mtime(entry.get(), 0, 0);
  check(archive_write_header(archive_.get(), entry.get()));
  if (archive_write_data(archive_.get(), bytes.data(), bytes.size()) != static_cast<la_ssize_t>(bytes.size())) fail();
}

void TarWriter::commit() {
  check(archive_write_close(archive_.get()));
  std::filesystem::rename(temporary_, file_);
  committed_ = true;
}

void TarWriter::check(int result) {
  if (result != ARCHIVE_OK) fail();
}

void TarWriter::fail() {
  const char* reason = archive_error_string(archive_.get());
  throw Error(ExitCode::steps_failed, file_.string(),
              std::string("cannot be written: ") + (reason != nullptr ? reason : "unknown error"),
              "free some space or mend the disk, then go on with --resume: finished shards are kept");
}

std::string member_name(const std::string& file_name) {
  const std::filesystem::path path(file_name);
  std::string stem = path.stem().string();
  std::replace(stem.begin(), stem.end(), '.', '_');
  return (path.parent_path() / stem).string() + path.extension().string();
}

}  // namespace automask::corruptions
