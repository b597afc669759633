#include "corruptions/writer/tar.h"

#include <archive_entry.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/error.h"

namespace automask::corruptions {

using core::Error;
using core::ExitCode;

TarWriter::TarWriter(std::filesystem::path file) : file_(std::move(file)), temporary_(file_.string() + ".tmp") {
  ::unlink(temporary_.c_str());  // of an earlier attempt; never followed if it is a link
  descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (descriptor_ < 0) fail(std::strerror(errno));
  archive_write_set_format_gnutar(archive_.get());       // names as bytes; pax would need a locale to know UTF-8
  archive_write_set_bytes_per_block(archive_.get(), 0);  // written at once, so that cut() knows where members end
  check(archive_write_open(archive_.get(), this, nullptr, write, nullptr));
}

TarWriter::~TarWriter() {
  archive_.reset();  // may still write
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!committed_) ::unlink(temporary_.c_str());
}

la_ssize_t TarWriter::write(archive* archive, void* self, const void* data, std::size_t size) {
  auto* writer = static_cast<TarWriter*>(self);
  const auto* bytes = static_cast<const char*>(data);
  for (std::size_t done = 0; done < size;) {
    const ssize_t written = ::write(writer->descriptor_, bytes + done, size - done);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      archive_set_error(archive, errno, "%s", std::strerror(errno));
      return -1;
    }
    done += static_cast<std::size_t>(written);
  }
  writer->size_ += static_cast<std::int64_t>(size);
  return static_cast<la_ssize_t>(size);
}

void TarWriter::add(const std::string& name, const std::string& bytes) {
  const std::unique_ptr<archive_entry, decltype(&archive_entry_free)> entry(archive_entry_new(), archive_entry_free);
  archive_entry_set_pathname(entry.get(), name.c_str());
  archive_entry_set_size(entry.get(), static_cast<la_int64_t>(bytes.size()));
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  archive_entry_set_perm(entry.get(), 0644);
  archive_entry_set_mtime(entry.get(), 0, 0);
  check(archive_write_header(archive_.get(), entry.get()));
  if (archive_write_data(archive_.get(), bytes.data(), bytes.size()) != static_cast<la_ssize_t>(bytes.size()))
    check(ARCHIVE_FATAL);
  check(archive_write_finish_entry(archive_.get()));
}

void TarWriter::cut(std::int64_t size) {
  if (::ftruncate(descriptor_, size) != 0 || ::lseek(descriptor_, size, SEEK_SET) != size) fail(std::strerror(errno));
  size_ = size;
}

void TarWriter::commit() {
  check(archive_write_close(archive_.get()));
  if (::close(std::exchange(descriptor_, -1)) != 0) fail(std::strerror(errno));
  if (::rename(temporary_.c_str(), file_.c_str()) != 0) fail(std::strerror(errno));
  committed_ = true;
}

void TarWriter::check(int result) {
  if (result == ARCHIVE_OK) return;
  const char* reason = archive_error_string(archive_.get());
  fail(reason != nullptr ? reason : "unknown error");
}

void TarWriter::fail(const std::string& reason) {
  throw Error(ExitCode::steps_failed, file_.string(), "cannot be written: " + reason,
              "free some space or mend the disk, then go on with --resume: finished shards are kept");
}

std::string member_name(const std::string& file_name) {
  const std::filesystem::path path(file_name);
  std::string stem = path.stem().string();
  std::replace(stem.begin(), stem.end(), '.', '_');
  return (path.parent_path() / stem).string() + path.extension().string();
}

}  // namespace automask::corruptions
