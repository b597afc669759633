#include "methods/training/learner_state.h"

#include <ATen/ATen.h>
#include <torch/utils.h>

#include "core/atomic_file.h"
#include "core/error.h"

namespace automask::methods {
namespace {

constexpr const char* state_key = "automask.training";

}  // namespace

void save_state(const Learner& learner, const core::Json& identity, const core::Json& state,
                const std::filesystem::path& path) {
  models::SafetensorsFile file;
  file.tensors["values"] = models::to_plain(learner.optimizer.values());
  file.tensors["velocity"] = models::to_plain(learner.optimizer.velocity());
  for (const auto& buffer : learner.network.named_buffers())
    file.tensors["buffers." + buffer.key()] = models::to_plain(buffer.value());
  for (const auto& [name, tensor] : learner.still_parameters())
    file.tensors["still." + name] = models::to_plain(tensor);
  file.metadata[state_key] = core::Json{{"identity", identity}, {"state", state}}.dump();
  core::write_file_atomically(path, models::encode_safetensors(file));
}

std::string kept_state(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored) ? "; the last good state stays in " + path.string() : "";
}

std::optional<SavedState> SavedState::find(const std::filesystem::path& path, const core::Json& identity) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return std::nullopt;
  SavedState saved;
  saved.name_ = path.string();
  saved.file_ = models::decode_safetensors(core::read_file(path), saved.name_);
  bool same = false;
  saved.guarded([&] {
    const core::Json all = core::parse_json(saved.file_.metadata.at(state_key), saved.name_, core::ExitCode::corrupt);
    same = all.at("identity") == identity;
    if (same) saved.state_ = all.at("state");
  });
  if (!same) return std::nullopt;
  return saved;
}

void SavedState::fill(Learner& learner) const {
  const torch::NoGradGuard no_grad;
  const auto fill = [&](torch::Tensor target, const std::string& tensor) {
    const graph::Tensor& from = file_.tensors.at(tensor);
    if (from.shape != target.sizes().vec()) throw std::out_of_range(tensor);
    target.copy_(models::to_torch(from));
  };
  fill(learner.optimizer.values(), "values");
  fill(learner.optimizer.velocity(), "velocity");
  for (const auto& buffer : learner.network.named_buffers()) fill(buffer.value(), "buffers." + buffer.key());
  for (const auto& [parameter, tensor] : learner.still_parameters()) fill(tensor, "still." + parameter);
}

void SavedState::guarded(const std::function<void()>& read) const {
  try {
    read();
  } catch (const core::Error&) {
    throw;
  } catch (const std::exception& e) {
    throw core::Error(core::ExitCode::corrupt, name_, std::string("the training state is damaged: ") + e.what(),
                      "remove the file; training then starts over");
  }
}

}  // namespace automask::methods
