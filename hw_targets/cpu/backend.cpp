#include "hw_targets/cpu/backend.h"

#include <omp.h>

#include <chrono>

#include "hw_targets/cpu/device.h"
#include "hw_targets/protocol/calibration.h"

namespace automask::cpu {
namespace {

using nlohmann::json;

constexpr int most_threads = 4096;

const char* instruction_set() {
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::sse41:
      return "SSE4.1";
    case dnnl::cpu_isa::avx:
      return "AVX";
    case dnnl::cpu_isa::avx2:
    case dnnl::cpu_isa::avx2_vnni:
      return "AVX2";
    case dnnl::cpu_isa::avx512_core:
    case dnnl::cpu_isa::avx512_core_vnni:
    case dnnl::cpu_isa::avx512_core_bf16:
    case dnnl::cpu_isa::avx512_core_amx:
      return "AVX-512";
    default:
      return "other instructions";
  }
}

std::string toolchain() {
  const dnnl_version_t* version = dnnl::version();
  return std::string("g++ ") + __VERSION__ + ", oneDNN " + std::to_string(version->major) + "." +
         std::to_string(version->minor) + "." + std::to_string(version->patch) + " (" + instruction_set() + ")";
}

std::string gibibytes(double bytes) { return std::to_string(static_cast<long long>(bytes / (1 << 30))); }

double monotonic_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

CpuBackend::CpuBackend(const std::filesystem::path& powercap) : energy_(powercap, monotonic_seconds) {}

json CpuBackend::describe() {
  json device = {{"name", processor_name()},
                 {"serial", serial()},
                 {"toolchain", toolchain()},
                 {"evidence", "measured"},
                 {"formats", {"fp32", "fp16", "int8"}},
                 {"cores", available_cores()},
                 {"state", device_state()}};
  if (!energy_.domains().empty()) device["energy"] = energy_.domains();
  return device;
}

json CpuBackend::load(const std::string& bytes) {
  layer_ms_.clear();
  networks_.clear();
  integer_networks_.clear();
  try {
    package_ = package::decode(bytes, "package");
  } catch (const package::PackageError& e) {
    throw protocol::Refusal(protocol::bad_package, e.what());
  } catch (const graph::GraphError& e) {
    throw protocol::Refusal(protocol::bad_package, std::string("package: ") + e.what());
  }
  return package::loaded_answer(package_);
}

json CpuBackend::prepare(const json& options) {
  int threads = 0;
  bool apart = false;
  for (const auto& option : options.items()) {
    if (option.key() == "threads") {
      if (!option.value().is_number_integer() || option.value() < 0 || option.value() > most_threads)
        throw protocol::Refusal(protocol::invalid_params,
                                "threads must be a whole number from 0 (all cores) to " + std::to_string(most_threads));
      threads = option.value().get<int>();
    } else if (option.key() == "format") {
      const std::string has = package::to_string(package_.format);
      if (option.value() != has)
        throw protocol::Refusal(protocol::unsupported,
                                "the package is for " + has + ", not for " + option.value().dump());
    } else if (option.key() == "layers_apart") {
      if (!option.value().is_boolean())
        throw protocol::Refusal(protocol::invalid_params, "layers_apart must be true or false");
      apart = option.value().get<bool>();
    } else {
      throw protocol::Refusal(
          protocol::invalid_params,
          "the cpu runner knows the options format, layers_apart and threads, not \"" + option.key() + "\"");
    }
  }
  // Linux hands out memory that it has not: asked for too much, it would kill the runner instead of refusing.
  const double needed = 4.0 * static_cast<double>(graph::peak_activation_values(package_.graph));
  if (needed > memory_bytes())
    throw protocol::Refusal(protocol::out_of_memory, "the network's activations need " + gibibytes(needed) +
                                                         " GiB, this machine has " + gibibytes(memory_bytes()));
  const int cores = available_cores();
  threads_ = threads == 0 ? cores : threads;
  omp_set_num_threads(threads_);  // before the primitives are made: they are made for a number of threads
  selected_ = 0;
  apart_ = apart;
  layer_ms_.clear();
  networks_.clear();
  integer_networks_.clear();
  std::size_t bytes = 0;
  json macs = json::array();
  for (int k = 0; k < static_cast<int>(package_.conditions.size()); ++k) {
    if (package_.format == package::Format::int8) {
      integer_networks_.push_back(std::make_unique<IntegerNetwork>(package::materialise_integers(package_, k)));
      bytes += integer_networks_.back()->memory_bytes();
      macs.push_back(integer_networks_.back()->macs());
    } else {
      networks_.push_back(std::make_unique<Network>(package::materialise(package_, k),
                                                    Scaling{package_.input_mean, package_.input_deviation}, engine_));
      bytes += networks_.back()->memory_bytes();
      macs.push_back(networks_.back()->macs());
    }
  }
  throttled_before_ = throttle_events();
  json warnings = json::array();
  if (threads_ > cores)
    warnings.push_back(std::to_string(threads_) + " threads share " + std::to_string(cores) + " cores");
  return {{"threads", threads_},
          {"format", package::to_string(package_.format)},
          {"memory_bytes", bytes},
          {"macs", macs},
          {"operators", networks_.empty() ? integer_networks_.front()->placement() : networks_.front()->placement()},
          {"warnings", warnings}};
}

json CpuBackend::select_condition(int index) {
  selected_ = static_cast<std::size_t>(index);
  automatic_ = false;
  layer_ms_.clear();
  return json::object();
}

json CpuBackend::select_automatically() {
  if (package_.estimator.empty())
    throw protocol::Refusal(protocol::unsupported, "the package has no estimator, nothing picks a picture's condition");
  automatic_ = true;
  layer_ms_.clear();
  return json::object();
}

const std::vector<std::string>& CpuBackend::layers() const {
  return networks_.empty() ? integer_networks_[selected_]->layers() : networks_[selected_]->layers();
}

double CpuBackend::infer(const std::uint8_t* picture, float* logits) {
  const auto begin = std::chrono::steady_clock::now();
  if (automatic_)
    selected_ = static_cast<std::size_t>(package::estimate(package_.estimator, picture, package_.graph.input));
  // One condition's layers: of pictures that choose their own there is no one network to tell of.
  const bool apart = apart_ && !automatic_;
  Laps laps(apart ? layers().size() : 0);
  if (networks_.empty())
    integer_networks_[selected_]->run(picture, logits, apart ? &laps : nullptr);
  else
    networks_[selected_]->run(picture, logits, apart ? &laps : nullptr);
  if (apart) {
    layer_ms_.resize(laps.ms.size());
    for (std::size_t i = 0; i < laps.ms.size(); ++i) layer_ms_[i].push_back(laps.ms[i]);
  }
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
}

json CpuBackend::state() {
  json state = device_state();
  const long long events = throttle_events();
  state["throttled"] = events > throttled_before_;
  throttled_before_ = events;
  if (threads_ > 0) state["threads"] = threads_;
  if (!layer_ms_.empty())
    state["measured"] = protocol::measured_layers(package_.conditions[selected_].name, layers(), layer_ms_);
  return state;
}

json CpuBackend::power() { return {{"samples", energy_.samples()}}; }

}  // namespace automask::cpu
