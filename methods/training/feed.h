#pragma once
// The training pictures, batch by batch, corrupted on the fly by worker threads ahead of the trainer. A batch is a pure
// function of its step, so neither the number of workers nor a restart changes a byte. No LibTorch here.
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "corruptions/condition.h"
#include "corruptions/variant.h"
#include "datasets/picture_set.h"
#include "methods/catalogue.h"
#include "methods/training/augmentation.h"

namespace automask::methods {

// Who asks for one more picture beside a shown one: which picture, what it was shown under (its seed, split and view
// are the key of all that is random), and its pixels [H, W, C] before the condition and as shown.
struct ViewRequest {
  const datasets::PictureSet& pictures;
  std::uint32_t picture;  // of the set
  const corruptions::Condition& condition;
  const corruptions::VariantOptions& options;
  const std::uint8_t* before;
  const std::uint8_t* shown;
};
// Writes the picture's bytes, of the same size. A pure function, called on the feed's threads.
using ExtraView = std::function<void(const ViewRequest& request, std::uint8_t* pixels)>;
void clean_view(const ViewRequest& request, std::uint8_t* pixels);  // the picture before its condition

struct FeedPlan {
  const datasets::PictureSet* pictures = nullptr;
  std::vector<corruptions::Condition> conditions;
  // true: a batch comes in parts, one per condition, of part_shares' sizes up to a few pictures. false: one part, in
  // which each picture has a condition drawn at random.
  bool parts_by_condition = false;
  int batch = 1;
  std::uint64_t seed = 0;
  std::vector<double> frequencies;     // where conditions are drawn, how often each is; empty: all alike
  std::vector<ExtraView> extra_views;  // made of every picture shown
  Augmentation augmentation;
  bool mixed_part = false;  // with parts_by_condition: one part more, the last, in which conditions are drawn
  // With parts_by_condition: how much of all views each part gets, sums to 1; empty: all alike.
  std::vector<double> part_shares = {};
};

struct Part {
  int set = 0;  // where parts_by_condition, index into the plan's conditions, or their number: the mixed part; else 0
  std::vector<std::uint8_t> pixels;  // [pictures, H, W, C]
  std::vector<std::int64_t> labels;
  std::vector<int> shown;                        // per picture, the index of its condition
  std::vector<std::vector<std::uint8_t>> extra;  // per extra view, like pixels
};

struct Batch {
  std::vector<Part> parts;  // none is empty
  std::size_t pictures() const;
};

// The order of pictures in an epoch: a permutation of [0, count).
std::vector<std::uint32_t> epoch_order(std::uint64_t seed, std::int64_t epoch, std::size_t count);

// Which pictures a step shows, in order.
struct View {
  std::uint32_t picture;  // of the set
  int condition;          // index into the plan's conditions
  std::int64_t epoch;
  int part;  // of the batch
};
// Of a set of `count` pictures; plan.pictures isn't looked at. So a batch of a large set costs reading its own
// pictures.
std::vector<View> views_of(const FeedPlan& plan, std::size_t count, std::int64_t step);

// Step s shows views s x batch and following; view v is picture v mod count of epoch v / count, corrupted as view
// epoch + 1 (0 is the written variant).
Batch make_batch(const FeedPlan& plan, std::int64_t step);

// How much of all views each part is shown whose condition occurs with these weights, which sum to 1, as the shares do:
// as often as it occurs, but not less than half of an even share, since a normalisation of a few pictures is noise (all
// are brought to a sum of 1 then). What is shown more often than it occurs shall weigh less instead.
std::vector<double> shares_of_views(const std::vector<double>& weights);

// How many workers a training's feed has.
int feed_workers(const TrainOptions& options);

class Feed {
 public:
  // Batches of steps first, first + 1, ... before `end`.
  Feed(FeedPlan plan, std::int64_t first, std::int64_t end, int workers);
  ~Feed();
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;

  Batch next();  // rethrows what a worker threw

 private:
  void work();

  FeedPlan plan_;
  std::int64_t next_, end_, claimed_, ahead_;
  std::map<std::int64_t, Batch> ready_;
  std::exception_ptr failure_;
  bool stopping_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::jthread> workers_;
};

}  // namespace automask::methods
