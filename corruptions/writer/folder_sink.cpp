// One file a picture and condition: CONDITION/[class/]file.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <mutex>
#include <set>

#include "core/error.h"
#include "corruptions/writer/sink.h"
#include "corruptions/writer/write_behind.h"

namespace automask::corruptions {
namespace {

using core::Error;
using core::ExitCode;

[[noreturn]] void fail(const std::filesystem::path& file, int error) {
  throw Error(ExitCode::steps_failed, file.string(), std::string("cannot be written: ") + std::strerror(error),
              "free some space or mend the disk, then go on with --resume: finished pictures are kept");
}

// Whole or not at all under its name. Not flushed to disk here: the journal does that for many files at once.
void write_whole(const std::filesystem::path& file, const std::string& bytes) {
  const std::string temporary = file.string() + ".tmp";  // one process writes a picture
  const auto create = [&] {
    return ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
  };
  int descriptor = create();
  if (descriptor < 0 && errno == EEXIST) {  // of an earlier attempt; never followed if it is a link
    ::unlink(temporary.c_str());
    descriptor = create();
  }
  if (descriptor < 0) fail(file, errno);
  int error = 0;
  for (std::size_t done = 0; done < bytes.size() && error == 0;) {
    const ssize_t written = ::write(descriptor, bytes.data() + done, bytes.size() - done);
    if (written >= 0)
      done += static_cast<std::size_t>(written);
    else if (errno != EINTR)
      error = errno;
  }
  if (::close(descriptor) != 0 && error == 0) error = errno;
  if (error == 0 && ::rename(temporary.c_str(), file.c_str()) != 0) error = errno;
  if (error == 0) return;
  ::unlink(temporary.c_str());
  fail(file, error);
}

class FolderSink : public Sink {
 public:
  FolderSink(const WriterJob& job, Written written) : root_(job.destination), written_(std::move(written)) {
    for (const Condition& condition : job.conditions) folders_.push_back(condition_folder(condition));
  }

  void add(const PictureRecord& record, std::size_t k, std::string file) override {
    if (k == 0) create_once(std::filesystem::path(record.name).parent_path());
    write_whole(root_ / folders_[k] / record.name, file);
  }
  void end(const PictureRecord& record) override {
    std::error_code ignored;
    for (std::size_t k = 0; k < record.files.size() && !record.error.empty(); ++k)
      std::filesystem::remove(root_ / folders_[k] / record.name, ignored);
    const std::lock_guard lock(mutex_);
    written_(record);
  }
  void stop() override {}
  void finish() override {}

 private:
  // The class's folder under every condition.
  void create_once(const std::filesystem::path& folder) {
    const std::lock_guard lock(mutex_);
    if (created_.contains(folder)) return;
    for (const std::string& condition : folders_) create_folders_inside(root_, condition / folder);
    created_.insert(folder);
  }

  std::filesystem::path root_;
  std::vector<std::string> folders_;
  std::set<std::filesystem::path> created_;
  std::mutex mutex_;
  Written written_;
};

}  // namespace

void create_folders_inside(const std::filesystem::path& folder, const std::filesystem::path& relative) {
  std::filesystem::path at = folder;
  for (const auto& part : relative) {
    at /= part;
    std::error_code error;
    std::filesystem::create_directory(at, error);
    const auto status = std::filesystem::symlink_status(at);
    if (std::filesystem::is_symlink(status))
      throw Error(ExitCode::usage, at.string(), "is a symbolic link, nothing is written through it",
                  "remove it, or choose another destination");
    if (!std::filesystem::is_directory(status)) fail(at, error ? error.value() : ENOTDIR);
  }
}

std::unique_ptr<Sink> make_folder_sink(const WriterJob& job, Written written) {
  return write_behind(std::make_unique<FolderSink>(job, std::move(written)));
}

}  // namespace automask::corruptions
