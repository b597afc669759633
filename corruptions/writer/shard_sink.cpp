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

class ShardSink : public Sink {
 public:
  ShardSink(const WriterJob& job, std::vector<std::size_t> numbers, std::size_t pictures,
            std::vector<std::string> classes, Written written)
      : job_(job),
        numbers_(std::move(numbers)),
        pictures_(pictures),
        ahead_(static_cast<std::size_t>(4 * job.threads)),
        classes_(std::move(classes)),
        written_(std::move(written)) {}

  void put(const PictureRecord& record, std::vector<std::string> files) override {
    std::unique_lock lock(mutex_);
    // Pictures wait in memory for the ones before them, but not many.
    room_.wait(lock, [&] {
      return stopped_ || next_ + ahead_ >= numbers_.size() || record.number < numbers_[next_ + ahead_];
    });
    if (stopped_) return;
    waiting_[record.number] = {record, std::move(files)};
    while (next_ < numbers_.size() && !waiting_.empty() && waiting_.begin()->first == numbers_[next_]) {
      append(waiting_.begin()->second);
      waiting_.erase(waiting_.begin());
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
    PictureRecord record;
    std::vector<std::string> files;
  };

  void append(const Picture& picture) {
    const std::size_t per_shard = static_cast<std::size_t>(job_.pictures_per_shard);
    const std::size_t block = picture.record.number / per_shard;
    if (shards_.empty()) {
      for (const Condition& condition : job_.conditions) {
        create_folders_inside(job_.destination, condition_folder(condition));
        shards_.push_back(
            std::make_unique<TarWriter>(job_.destination / condition_folder(condition) / shard_name(block)));
      }
    }
    const std::string name = member_name(picture.record.name), key = name.substr(0, name.rfind('.'));
    for (std::size_t k = 0; k < picture.files.size(); ++k) {
      core::Json facts = {{"path", picture.record.path}, {"condition", job_.conditions[k].canonical()}};
      const int label = picture.record.label;
      if (label >= 0) {
        facts["label"] = label;
        if (static_cast<std::size_t>(label) < classes_.size())
          facts["class"] = classes_[static_cast<std::size_t>(label)];
        shards_[k]->add(key + ".cls", std::to_string(label));
      }
      shards_[k]->add(key + ".json", facts.dump(-1, ' ', false, core::Json::error_handler_t::replace));
      shards_[k]->add(name, picture.files[k]);
    }
    block_.push_back(picture.record);
    if (picture.record.number + 1 < std::min((block + 1) * per_shard, pictures_)) return;
    for (auto& shard : shards_) shard->commit();
    shards_.clear();
    for (const PictureRecord& record : block_) written_(record);
    block_.clear();
  }

  const WriterJob job_;
  const std::vector<std::size_t> numbers_;
  const std::size_t pictures_, ahead_;
  const std::vector<std::string> classes_;
  Written written_;

  std::mutex mutex_;
  std::condition_variable room_;
  bool stopped_ = false;
  std::size_t next_ = 0;  // in numbers_
  std::map<std::size_t, Picture> waiting_;
  std::vector<std::unique_ptr<TarWriter>> shards_;  // of the block at hand, one per condition
  std::vector<PictureRecord> block_;
};

}  // namespace

std::string shard_name(std::size_t block) { return fmt::format("shard-{:06}.tar", block); }

std::unique_ptr<Sink> make_shard_sink(const WriterJob& job, std::vector<std::size_t> numbers, std::size_t pictures,
                                      std::vector<std::string> classes, Written written) {
  return std::make_unique<ShardSink>(job, std::move(numbers), pictures, std::move(classes), std::move(written));
}

}  // namespace automask::corruptions
