// Time per picture of the data path on real pictures: every operator on Fashion-MNIST's 28 x 28, and reading the set.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "corruptions/corruption.h"
#include "corruptions/variant.h"
#include "datasets/dataset.h"

namespace automask {
namespace {

datasets::DatasetSpec fashion_mnist() {
  datasets::DatasetSpec spec;
  spec.name = "fashion-mnist";
  spec.reader = "idx";
  spec.root = "/usr/share/datasets/fashion-mnist";
  spec.height = spec.width = 28;
  spec.channels = 1;
  return spec;
}

// Empty where the package is not installed.
const datasets::PictureSet& pictures() {
  static const datasets::PictureSet set = [] {
    const auto spec = fashion_mnist();
    if (!std::filesystem::exists(spec.root)) return datasets::PictureSet{};
    return datasets::load(*datasets::open(spec, datasets::Split::test), spec, 1);
  }();
  return set;
}

// One thread, fresh noise in every round as in training; us_per_picture is what to watch.
void corrupt(benchmark::State& state, const std::string& text) {
  const auto& set = pictures();
  if (set.size() == 0) {
    state.SkipWithError("the package dataset-fashion-mnist is not installed");
    return;
  }
  const auto condition = corruptions::Condition::parse(text);
  corruptions::VariantOptions options;
  options.split = "train";
  options.view = 1;
  std::vector<std::uint8_t> out(set.picture_bytes());
  // A benchmark of nothing would be fast too.
  const auto clean = set.picture(0);
  corruptions::corrupt_picture(set, 0, condition, options, out.data());
  if (std::equal(out.begin(), out.end(), clean.begin())) {
    state.SkipWithError("the picture came out unchanged");
    return;
  }
  std::size_t i = 0;
  for (auto _ : state) {
    corruptions::corrupt_picture(set, i, condition, options, out.data());
    benchmark::DoNotOptimize(out.data());
    if (++i == set.size()) {
      i = 0;
      ++options.view;
    }
  }
  state.counters["us_per_picture"] = benchmark::Counter(static_cast<double>(state.iterations()) * 1e-6,
                                                        benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void read_fashion_mnist(benchmark::State& state) {
  const auto spec = fashion_mnist();
  if (!std::filesystem::exists(spec.root)) {
    state.SkipWithError("the package dataset-fashion-mnist is not installed");
    return;
  }
  for (auto _ : state) {
    const auto set = datasets::load(*datasets::open(spec, datasets::Split::train), spec, 1);
    if (set.size() != 60000) {
      state.SkipWithError("expected 60,000 pictures");
      return;
    }
  }
}
BENCHMARK(read_fashion_mnist)->Unit(benchmark::kMillisecond);

const bool registered = [] {
  for (const auto& info : corruptions::operator_infos()) {
    const bool codec = info.kind == corruptions::Kind::codec;
    const std::string text = info.name + ":" + info.prefix + (codec ? "30" : "3");
    benchmark::RegisterBenchmark(("corrupt/" + text).c_str(), corrupt, text);
  }
  for (const char* text : {"shot_noise:1", "defocus_blur:5", "gaussian_noise:3 > jpeg:q30"})
    benchmark::RegisterBenchmark((std::string("corrupt/") + text).c_str(), corrupt, text);
  return true;
}();

}  // namespace
}  // namespace automask
