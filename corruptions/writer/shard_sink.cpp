// Tar files in WebDataset form: KEY.png (or .jpg, .npy), KEY.cls with the label, KEY.json; a shard holds the pictures
// of one block of the source, in order, so that its bytes depend on neither threads nor parts.
#include <fmt/format.h>

#include <condition_variable>
#include <map>
#include <mutex>

#include "corruptions/writer/sink.h"
#include "corruptions/writer/tar.h"

namespace automask::corruptions {
namespace {

// What may wait in memory for the pictures before it. The first picture of all never waits, so nothing stands still.
constexpr std::size_t most_waiting_bytes = std::size_t{96} << 20;

class ShardSink : public Sink {
 public:
  ShardSink(const WriterJob& job, std::vector<std::size_t> numbers, std::size_t pictures,
            std::vector<std::string> classes, Written written)
      : job_(job),
        numbers_(std::move(numbers)),
        pictures_(pictures),
        classes_(std::move(classes)),
        written_(std::move(written)) {}

  void add(const PictureRecord& record, std::size_t k, std::string file) override {
    std::unique_lock lock(mutex_);
    const std::size_t number = record.number;
    room_.wait(lock,
               [&] { return stopped_ || is_first(number) || waiting_bytes_ + file.size() <= most_waiting_bytes; });
    if (stopped_) return;
    if (is_first(number)) {
      append_waiting(record);
      append(record, k, file);
    } else {
      waiting_bytes_ += file.size();
      waiting_[number].files.emplace_back(k, std::move(file));
    }
  }

  void end(const PictureRecord& record) override {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    Picture& picture = waiting_[record.number];
    picture.ended = true;
    picture.record = record;
    while (!waiting_.empty() && is_first(waiting_.begin()->first) && waiting_.begin()->second.ended) {
      const PictureRecord first = waiting_.begin()->second.record;
      first.error.empty() ? append_waiting(first) : take_back(first);
      waiting_.erase(first.number);
      close(first);
      ++next_;
    }
    room_.notify_all();
  }

  void stop() override {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    room_.notify_all();
  }
  void finish() override {}

 private:
  struct Picture {
    bool ended = false;
    PictureRecord record;
    std::vector<std::pair<std::size_t, std::string>> files;  // by condition
  };

  bool is_first(std::size_t number) const { return next_ < numbers_.size() && number == numbers_[next_]; }
  std::size_t block_of(const PictureRecord& record) const {
    return record.number / static_cast<std::size_t>(job_.pictures_per_shard);
  }

  void open_shards(std::size_t block) {
    for (const Condition& condition : job_.conditions) {
      const std::string folder = condition_folder(condition);
      create_folders_inside(job_.destination, folder);
      shards_.push_back(std::make_unique<TarWriter>(job_.destination / folder / shard_name(block)));
    }
  }

  void append(const PictureRecord& record, std::size_t k, const std::string& file) {
    if (shards_.empty()) open_shards(block_of(record));
    if (begins_.empty())
      for (const auto& shard : shards_) begins_.push_back(shard->size());
    const std::string name = member_name(record.name), key = name.substr(0, name.rfind('.'));
    const Description description = describe(record, job_.conditions[k], classes_);
    if (record.label >= 0) shards_[k]->add(key + ".cls", description.label);
    shards_[k]->add(key + ".json", description.json);
    shards_[k]->add(name, file);
  }

  void append_waiting(const PictureRecord& record) {
    const auto found = waiting_.find(record.number);
    if (found == waiting_.end()) return;
    for (const auto& [k, file] : found->second.files) {
      append(record, k, file);
      waiting_bytes_ -= file.size();
    }
    found->second.files.clear();
    room_.notify_all();
  }

  void take_back(const PictureRecord& record) {
    for (const auto& [k, file] : waiting_[record.number].files) waiting_bytes_ -= file.size();
    for (std::size_t k = 0; k < begins_.size(); ++k) shards_[k]->cut(begins_[k]);
  }

  // The last picture of a block makes its shards complete.
  void close(const PictureRecord& record) {
    begins_.clear();
    block_.push_back(record);
    const std::size_t last = (block_of(record) + 1) * static_cast<std::size_t>(job_.pictures_per_shard);
    if (record.number + 1 < std::min(last, pictures_)) return;
    if (shards_.empty()) open_shards(block_of(record));  // none could be read: empty archives, so that all are there
    for (auto& shard : shards_) shard->commit();
    shards_.clear();
    for (const PictureRecord& one : block_) written_(one);
    block_.clear();
  }

  const WriterJob job_;
  const std::vector<std::size_t> numbers_;
  const std::size_t pictures_;
  const std::vector<std::string> classes_;
  Written written_;

  std::mutex mutex_;
  std::condition_variable room_;
  bool stopped_ = false;
  std::size_t next_ = 0;  // in numbers_
  std::map<std::size_t, Picture> waiting_;
  std::size_t waiting_bytes_ = 0;
  std::vector<std::unique_ptr<TarWriter>> shards_;  // of the block at hand, one per condition
  std::vector<std::int64_t> begins_;                // of the first picture in them, while it is added to
  std::vector<PictureRecord> block_;
};

}  // namespace

std::string shard_name(std::size_t block) { return fmt::format("shard-{:06}.tar", block); }

Description describe(const PictureRecord& record, const Condition& condition, const std::vector<std::string>& classes) {
  core::Json facts = {{"path", record.path}, {"condition", condition.canonical()}};
  if (record.label >= 0) {
    facts["label"] = record.label;
    if (static_cast<std::size_t>(record.label) < classes.size())
      facts["class"] = classes[static_cast<std::size_t>(record.label)];
  }
  return {facts.dump(-1, ' ', false, core::Json::error_handler_t::replace), std::to_string(record.label)};
}

std::unique_ptr<Sink> make_shard_sink(const WriterJob& job, std::vector<std::size_t> numbers, std::size_t pictures,
                                      std::vector<std::string> classes, Written written) {
  return std::make_unique<ShardSink>(job, std::move(numbers), pictures, std::move(classes), std::move(written));
}

}  // namespace automask::corruptions
