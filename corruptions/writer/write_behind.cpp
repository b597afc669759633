#include "corruptions/writer/write_behind.h"

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

namespace automask::corruptions {
namespace {

constexpr std::size_t most_bytes = std::size_t{32} << 20;

class WriteBehind : public Sink {
 public:
  explicit WriteBehind(std::unique_ptr<Sink> sink) : sink_(std::move(sink)), thread_([this] { work(); }) {}
  WriteBehind(const WriteBehind&) = delete;
  WriteBehind& operator=(const WriteBehind&) = delete;
  ~WriteBehind() override {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  void add(const PictureRecord& record, std::size_t k, std::string file) override {
    const std::size_t bytes = file.size();
    PictureRecord named = record;
    named.files.clear();  // not needed, and as long as the conditions are many
    enqueue(bytes, [this, named = std::move(named), k, file = std::make_shared<std::string>(std::move(file))] {
      sink_->add(named, k, std::move(*file));
    });
  }
  void end(const PictureRecord& record) override {
    enqueue(0, [this, record] { sink_->end(record); });
  }
  void stop() override { sink_->stop(); }
  void finish() override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return (jobs_.empty() && !busy_) || failure_; });
    if (failure_) std::rethrow_exception(failure_);
    lock.unlock();
    sink_->finish();
  }

 private:
  struct Job {
    std::size_t bytes;
    std::function<void()> run;
  };

  void enqueue(std::size_t bytes, std::function<void()> run) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return jobs_.empty() || waiting_bytes_ + bytes <= most_bytes || failure_; });
    if (failure_) std::rethrow_exception(failure_);
    waiting_bytes_ += bytes;
    jobs_.push_back({bytes, std::move(run)});
    lock.unlock();
    changed_.notify_all();
  }

  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return ended_ || (!jobs_.empty() && !failure_); });
      if (jobs_.empty() || failure_) return;  // ended
      const Job job = std::move(jobs_.front());
      jobs_.pop_front();
      busy_ = true;
      lock.unlock();
      std::exception_ptr failure;
      try {
        job.run();
      } catch (...) {
        failure = std::current_exception();
      }
      lock.lock();
      busy_ = false;
      waiting_bytes_ -= job.bytes;
      if (failure) failure_ = failure;
      changed_.notify_all();
    }
  }

  std::unique_ptr<Sink> sink_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  std::size_t waiting_bytes_ = 0;
  bool busy_ = false, ended_ = false;
  std::exception_ptr failure_;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Sink> write_behind(std::unique_ptr<Sink> sink) {
  return std::make_unique<WriteBehind>(std::move(sink));
}

}  // namespace automask::corruptions
