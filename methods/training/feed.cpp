#include "methods/training/feed.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "core/hash.h"
#include "core/shuffle.h"
#include "corruptions/variant.h"

namespace automask::methods {
namespace {

// Far enough ahead that a slow picture doesn't stall the trainer and every worker has a batch, near enough that memory
// stays small.
std::int64_t batches_ahead(int workers) { return std::max<std::int64_t>(4, workers + 2); }

core::RandomStream stream(std::uint64_t seed, const char* purpose, std::int64_t index) {
  return core::RandomStream(seed, core::hash64(std::string(purpose) + " " + std::to_string(index)));
}

int parts_of(const FeedPlan& plan) {
  return plan.parts_by_condition ? static_cast<int>(plan.conditions.size()) + (plan.mixed_part ? 1 : 0) : 1;
}

// Multiples of the golden ratio lie as evenly as can be, however many are taken: a part's share of a batch, or of all,
// is what it shall be but for a few pictures.
int part_of(const FeedPlan& plan, std::int64_t view) {
  const int parts = parts_of(plan);
  if (plan.part_shares.empty()) return static_cast<int>(view % parts);
  constexpr std::uint64_t golden = 0x9E3779B97F4A7C15;  // of 2^64
  double rest = std::ldexp(static_cast<double>(static_cast<std::uint64_t>(view + 1) * golden), -64);
  for (int k = 0; k + 1 < parts; ++k) {
    rest -= plan.part_shares[static_cast<std::size_t>(k)];
    if (rest < 0) return k;
  }
  return parts - 1;
}

// Without frequencies the stream is used as it always was: all alike.
int drawn_condition(const FeedPlan& plan, int conditions, core::RandomStream& random) {
  if (plan.frequencies.empty()) return static_cast<int>(random.below(static_cast<std::uint32_t>(conditions)));
  double rest = random.uniform();
  for (int k = 0; k + 1 < conditions; ++k) {
    rest -= plan.frequencies[k];
    if (rest < 0) return k;
  }
  return conditions - 1;
}

}  // namespace

void clean_view(const ViewRequest& request, std::uint8_t* pixels) {
  std::copy_n(request.before, request.pictures.picture_bytes(), pixels);
}

std::size_t Batch::pictures() const {
  std::size_t count = 0;
  for (const Part& part : parts) count += part.labels.size();
  return count;
}

std::vector<std::uint32_t> epoch_order(std::uint64_t seed, std::int64_t epoch, std::size_t count) {
  std::vector<std::uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0U);
  core::RandomStream random = stream(seed, "order", epoch);
  core::shuffle(order, random);
  return order;
}

std::vector<View> views_of(const FeedPlan& plan, std::size_t count, std::int64_t step) {
  // An epoch has hundreds of steps: its order is worth keeping.
  struct Order {
    std::uint64_t seed = 0;
    std::int64_t epoch = -1;
    std::vector<std::uint32_t> pictures;
  };
  thread_local Order order;

  const int conditions = static_cast<int>(plan.conditions.size());
  const auto pictures = static_cast<std::int64_t>(count);
  core::RandomStream random = stream(plan.seed, "conditions", step);
  std::vector<View> views;
  for (int i = 0; i < plan.batch; ++i) {
    const std::int64_t view = step * plan.batch + i, epoch = view / pictures;
    if (order.epoch != epoch || order.seed != plan.seed || order.pictures.size() != count)
      order = {plan.seed, epoch, epoch_order(plan.seed, epoch, count)};
    const int part = part_of(plan, view);
    const bool own = plan.parts_by_condition && part < conditions;
    const int condition = own ? part : drawn_condition(plan, conditions, random);
    views.push_back({order.pictures[view % pictures], condition, epoch, part});
  }
  return views;
}

Batch make_batch(const FeedPlan& plan, std::int64_t step) {
  const datasets::PictureSet& set = *plan.pictures;
  Batch batch;
  batch.parts.resize(static_cast<std::size_t>(parts_of(plan)));
  std::vector<std::uint8_t> memory, moved;
  for (const View& view : views_of(plan, set.size(), step)) {
    Part& part = batch.parts[view.part];
    part.set = view.part;
    part.labels.push_back(set.labels[view.picture]);
    part.shown.push_back(view.condition);
    part.pixels.resize(part.labels.size() * set.picture_bytes());
    corruptions::VariantOptions options;
    options.seed = plan.seed;
    options.split = "train";
    options.view = static_cast<std::uint32_t>(view.epoch + 1);
    const std::size_t at = part.pixels.size() - set.picture_bytes();
    const std::uint8_t* before = nullptr;
    if (plan.augmentation.none()) {
      before = set.picture(view.picture, memory).data();
    } else {
      moved = augmented(set, view.picture, plan.augmentation, plan.seed, options.view);
      before = moved.data();
    }
    corruptions::corrupt_pixels(set, view.picture, before, plan.conditions[view.condition], options,
                                part.pixels.data() + at);
    part.extra.resize(plan.extra_views.size());
    for (std::size_t i = 0; i < plan.extra_views.size(); ++i) {
      part.extra[i].resize(part.pixels.size());
      plan.extra_views[i](
          {set, view.picture, plan.conditions[view.condition], options, before, part.pixels.data() + at},
          part.extra[i].data() + at);
    }
  }
  std::erase_if(batch.parts, [](const Part& part) { return part.labels.empty(); });
  return batch;
}

std::vector<double> shares_of_views(const std::vector<double>& weights) {
  std::vector<double> shares = weights;
  double sum = 0;
  for (double& share : shares) sum += share = std::max(share, 0.5 / static_cast<double>(weights.size()));
  for (double& share : shares) share /= sum;
  return shares;
}

int feed_workers(const TrainOptions& options) {
  if (options.workers > 0) return options.workers;
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  if (options.device == Processor::cuda) return std::clamp(cores - 1, 1, 32);
  return std::clamp(cores - options.threads, 1, 8);
}

Feed::Feed(FeedPlan plan, std::int64_t first, std::int64_t end, int workers)
    : plan_(std::move(plan)), next_(first), end_(end), claimed_(first), ahead_(batches_ahead(workers)) {
  for (int i = 0; i < std::max(workers, 1); ++i) workers_.emplace_back([this] { work(); });
}

Feed::~Feed() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
}

void Feed::work() {
  while (true) {
    std::int64_t step;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || claimed_ >= end_ || claimed_ < next_ + ahead_; });
      if (stopping_ || claimed_ >= end_) return;
      step = claimed_++;
    }
    Batch batch;
    std::exception_ptr failure;
    try {
      batch = make_batch(plan_, step);
    } catch (...) {
      failure = std::current_exception();
    }
    {
      const std::lock_guard lock(mutex_);
      if (failure) {
        failure_ = failure;
        stopping_ = true;
      } else {
        ready_.emplace(step, std::move(batch));
      }
    }
    changed_.notify_all();
  }
}

Batch Feed::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return failure_ || ready_.count(next_) != 0; });
  if (failure_) std::rethrow_exception(failure_);
  Batch batch = std::move(ready_.at(next_));
  ready_.erase(next_++);
  lock.unlock();
  changed_.notify_all();
  return batch;
}

}  // namespace automask::methods
