#include "methods/evaluate.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/utils.h>

#include <algorithm>

#include "core/error.h"
#include "core/parallel.h"
#include "corruptions/variant.h"
#include "methods/method.h"
#include "methods/training/device.h"

namespace automask::methods {

torch::Tensor input_of(const std::uint8_t* pixels, std::int64_t count, const datasets::PictureSet& shape,
                       const models::InputScaling& scaling) {
  // from_blob wants a mutable pointer; to_input copies and writes nothing.
  const torch::Tensor pictures = at::from_blob(const_cast<std::uint8_t*>(pixels),
                                               {count, shape.height, shape.width, shape.channels}, torch::kByte);
  return models::to_input(pictures, scaling);
}

std::size_t pictures_at_once(const graph::Graph& graph) {
  constexpr std::size_t most = 500, most_bytes = std::size_t{256} << 20;
  std::size_t values = 1;  // of one picture
  for (const graph::Shape& shape : graph::infer_shapes(graph))
    values = std::max(values, static_cast<std::size_t>(shape.channels) * shape.height * shape.width);
  return std::clamp<std::size_t>(most_bytes / (values * sizeof(float)), 1, most);
}

namespace {

// Of any set: pictures that are read lie in `memory` then.
std::span<const std::uint8_t> consecutive(const datasets::PictureSet& pictures, std::size_t first, std::size_t count,
                                          std::vector<std::uint8_t>& memory) {
  if (!pictures.reader) return pictures.pictures(first, count);
  const std::size_t bytes = pictures.picture_bytes();
  memory.resize(count * bytes);
  core::parallel_for(count, at::get_num_threads(),
                     [&](std::size_t i) { pictures.reader->read(first + i, memory.data() + i * bytes); });
  return memory;
}

}  // namespace

std::vector<bool> right_answers(models::Network& network, const datasets::PictureSet& pictures,
                                const models::InputScaling& scaling, int condition) {
  const std::size_t chunk = pictures_at_once(network.graph());
  const torch::NoGradGuard no_grad;
  network.eval();
  std::vector<bool> right;
  right.reserve(pictures.size());
  std::vector<std::uint8_t> memory;
  for (std::size_t begin = 0; begin < pictures.size(); begin += chunk) {
    const auto count = static_cast<std::int64_t>(std::min(chunk, pictures.size() - begin));
    const auto pixels = consecutive(pictures, begin, static_cast<std::size_t>(count), memory);
    const torch::Tensor x = moved(input_of(pixels.data(), count, pictures, scaling), network.device());
    const torch::Tensor best = network.forward(x, condition).argmax(1).to(torch::kCPU).contiguous();
    const std::int64_t* answers = best.data_ptr<std::int64_t>();
    for (std::int64_t i = 0; i < count; ++i) right.push_back(answers[i] == pictures.labels[begin + i]);
  }
  return right;
}

double top1(models::Network& network, const datasets::PictureSet& pictures, const models::InputScaling& scaling,
            int condition) {
  const std::vector<bool> right = right_answers(network, pictures, scaling, condition);
  return 100.0 * double(std::count(right.begin(), right.end(), true)) / double(right.size());
}

datasets::PictureSet validation_pictures(const datasets::PictureSet& validation,
                                         const corruptions::Condition& condition, std::uint64_t seed, int threads) {
  corruptions::VariantOptions options;
  options.seed = seed;
  options.split = "validation";
  options.threads = threads;
  constexpr std::size_t held_bytes = std::size_t{256} << 20;
  if (validation.size() * validation.picture_bytes() > held_bytes)
    return corruptions::variant_on_demand(validation, condition, options);
  return corruptions::make_variant(validation, condition, options).pictures;
}

std::optional<double> validation_top1(models::Network& network, const TrainJob& job,
                                      const corruptions::Condition& condition, const models::InputScaling& scaling,
                                      int set) {
  if (!job.validation || job.validation->size() == 0) return std::nullopt;
  return top1(network, validation_pictures(*job.validation, condition, job.seed, job.spec.train.threads), scaling, set);
}

double reference_top1(const models::Checkpoint& checkpoint, const datasets::PictureSet& pictures, int k, int threads) {
  if (pictures.size() == 0)
    throw core::Error(core::ExitCode::steps_failed, "reference accuracy", "there are no pictures to evaluate on");
  at::set_num_threads(threads);
  models::Network network(checkpoint);
  return top1(network, pictures, checkpoint.input, k);
}

}  // namespace automask::methods
