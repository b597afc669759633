#include <sys/random.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <initializer_list>
#include <type_traits>
#include <unordered_set>
#include <utility>

#include "core/hash.h"
#include "core/shuffle.h"
#include "hw_targets/host/channel.h"
#include "hw_targets/host/host.h"
#include "hw_targets/host/plausibility.h"

namespace automask::host {
namespace {

using core::Json;

constexpr std::size_t usual_frame = std::size_t(8) << 20;  // pictures are sent in frames of about this size
constexpr double repeat_tolerance = 0.01;                  // of the row's largest absolute logit
constexpr int most_asked = 3;                              // times, where a busy machine may have had the time

[[noreturn]] void misuse(const std::string& problem) {
  throw core::Error(core::ExitCode::internal, "runner session", problem);
}

// Unforeseeable text, so that an answer cannot have been made before its question.
std::string draw_nonce() {
  unsigned char bytes[16];
  if (::getrandom(bytes, sizeof bytes, 0) != static_cast<ssize_t>(sizeof bytes)) misuse("no random bytes to be had");
  std::string text;
  for (const unsigned char byte : bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

// Every input `repetitions` times, shuffled (Fisher-Yates).
std::vector<std::size_t> visiting_order(std::size_t inputs, int repetitions, std::uint64_t seed) {
  std::vector<std::size_t> order;
  order.reserve(inputs * static_cast<std::size_t>(repetitions));
  for (int r = 0; r < repetitions; ++r)
    for (std::size_t i = 0; i < inputs; ++i) order.push_back(i);
  core::RandomStream random(seed);
  core::shuffle(order, random);
  return order;
}

class RunnerSession : public Session {
 public:
  explicit RunnerSession(const RunnerSpec& spec) : spec_(spec), channel_(spec) {}

  Device initialize() override;
  void load(const std::string& package_bytes) override;
  Json prepare(const Json& options) override;
  void select_condition(int index) override;
  bool select_automatically() override;
  std::vector<std::string> put_inputs(const std::vector<std::string>& pictures, bool forget) override;
  RunResult run(const RunRequest& request) override;
  Json state() override { return call("state", Json::object(), spec_.limits.message); }
  std::optional<std::vector<PowerSample>> power() override;
  void shutdown() override;
  std::string log_tail() const override { return channel_.log_tail(); }

 private:
  Json call(const std::string& method, Json params, double seconds, const std::string* binary = nullptr);
  // Like call(), for which an error is the end of the runner, but nothing where it refuses with one of `codes`.
  std::optional<Json> ask(const std::string& method, Json params, std::initializer_list<int> codes);
  std::size_t answer_limit(const std::string& method) const {
    const bool lists = method == "prepare" || method == "put_inputs" || method == "run" || method == "power";
    return lists ? spec_.limits.long_answer_bytes : spec_.limits.answer_bytes;
  }
  // The binary frame that `result` announces, which must have `size` bytes.
  std::string receive_binary(const std::string& method, const Json& result, std::size_t size, double seconds);
  Json result_of(const std::string& method, int id, const protocol::Frame& frame, bool sent_whole);
  // The request's message to cancel it, once, when stop_ says so.
  std::string cancel_once(int id);
  [[noreturn]] void bad_answer(const std::string& method, const std::string& problem) {
    channel_.fail(FailureKind::bad_answer, "answered " + method + " with " + problem);
  }
  template <class T>
  T get(const std::string& method, const Json& result, const char* key);

  // One `run` message. Returns its digest; adds up `timed`.
  std::string timed_call(const RunRequest& request, const std::vector<std::size_t>& order, int warmup,
                         const std::string& nonce, std::vector<double>& latencies_ms, TimedCall& timed,
                         std::vector<int>* taken = nullptr);
  std::vector<float> fetch_rows(std::size_t rows, const std::string& nonce, const std::string& digest);
  std::vector<float> first_visits(const std::vector<float>& rows, const std::vector<std::size_t>& order,
                                  std::size_t inputs);
  std::vector<int> first_conditions(const std::vector<int>& taken, const std::vector<std::size_t>& order,
                                    std::size_t inputs);

  RunnerSpec spec_;
  mutable Channel channel_;  // reading the log moves bytes
  int next_id_ = 1;
  std::string evidence_;
  std::uint64_t threads_ = 0;  // 0 until prepared
  std::size_t max_frame_ = spec_.limits.frame_bytes;
  std::size_t classes_ = 0, conditions_ = 0, height_ = 0, width_ = 0, channels_ = 0;
  bool automatic_ = false;                       // the runner picks the conditions
  std::unordered_set<std::string> put_;          // hashes the runner keeps
  std::function<bool()> stop_;                   // of the run under way
  bool cancelled_ = false;                       // its cancellation was sent
  bool has_power_ = true;                        // until it says otherwise
  double outer_seconds_ = 0, wall_seconds_ = 0;  // of the last call, as in TimedCall
};

Clock::time_point after(double seconds) {
  return Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

Json RunnerSession::call(const std::string& method, Json params, double seconds, const std::string* binary) {
  const auto deadline = after(seconds);
  const std::string doing = "answering " + method;
  if (binary != nullptr) params["frame"] = protocol::to_json({binary->size(), core::sha256_hex(*binary)});
  const int id = next_id_++;
  std::string bytes = protocol::encode_json(protocol::request(id, method, std::move(params)));
  if (binary != nullptr) bytes += protocol::encode_binary(*binary);
  const auto begun = Clock::now();
  const bool sent_whole = channel_.send(bytes, deadline, doing);
  const auto sent = Clock::now();
  const protocol::Frame frame =
      channel_.receive(answer_limit(method), deadline, doing,
                       stop_ ? [this, id] { return cancel_once(id); } : std::function<std::string()>{});
  const auto answered = Clock::now();
  outer_seconds_ = std::chrono::duration<double>(answered - begun).count();
  wall_seconds_ = std::chrono::duration<double>(answered - sent).count();
  return result_of(method, id, frame, sent_whole);
}

std::string RunnerSession::cancel_once(int id) {
  if (cancelled_ || !stop_()) return "";
  cancelled_ = true;
  return protocol::encode_json({{"jsonrpc", "2.0"}, {"method", "$/cancel"}, {"params", {{"id", id}}}});
}

std::optional<Json> RunnerSession::ask(const std::string& method, Json params, std::initializer_list<int> codes) {
  const auto deadline = after(spec_.limits.message);
  const std::string doing = "answering " + method;
  const int id = next_id_++;
  const bool sent =
      channel_.send(protocol::encode_json(protocol::request(id, method, std::move(params))), deadline, doing);
  const protocol::Frame frame = channel_.receive(answer_limit(method), deadline, doing);
  try {
    const Json message = protocol::parse_message(frame.bytes);
    if (message.contains("error") && message["error"].is_object()) {
      const Json code = message["error"].value("code", Json());
      for (const int expected : codes)
        if (code == expected) return std::nullopt;
    }
  } catch (const protocol::FramingError&) {  // result_of says what is wrong
  }
  return result_of(method, id, frame, sent);
}

std::optional<std::vector<PowerSample>> RunnerSession::power() {
  if (!has_power_) return std::nullopt;
  // A runner written before it had to know the message has no sensor either.
  const auto result = ask("power", Json::object(), {protocol::unsupported, protocol::method_not_found});
  if (!result) {
    has_power_ = false;
    return std::nullopt;
  }
  auto samples = get<std::vector<PowerSample>>("power", *result, "samples");
  for (std::size_t i = 0; i < samples.size(); ++i)
    if (!std::isfinite(samples[i].first) || !(samples[i].second >= 0) || !std::isfinite(samples[i].second) ||
        (i > 0 && samples[i].first < samples[i - 1].first))
      bad_answer("power", "samples that are not [seconds, watts] in the order of time");
  return samples;
}

Json RunnerSession::result_of(const std::string& method, int id, const protocol::Frame& frame, bool sent_whole) {
  Json message;
  if (frame.binary) channel_.fail(FailureKind::garbage, "wrote a binary frame instead of the answer to " + method);
  try {
    message = protocol::parse_message(frame.bytes);
  } catch (const protocol::FramingError& e) {
    channel_.fail(FailureKind::garbage, std::string("wrote ") + e.what() + " while answering " + method);
  }
  const Json& error = message.value("error", Json());
  if (error.is_object() && error.contains("code") && error["code"].is_number_integer()) {
    if (cancelled_ && error["code"] == protocol::cancelled)
      throw core::Error(core::ExitCode::interrupted, "runner " + spec_.name, "its run was cancelled",
                        "start `automask run` again");
    const Json text = error.value("message", Json(""));
    const auto kind = error["code"] == protocol::unsupported ? FailureKind::unsupported : FailureKind::refused;
    channel_.fail(kind, "refused " + method + ": " + (text.is_string() ? text.get<std::string>() : text.dump()) +
                            " (code " + error["code"].dump() + ")");
  }
  if (message.value("id", Json()) != id || !message.contains("result") || !message["result"].is_object())
    channel_.fail(FailureKind::garbage, "wrote \"" + protocol::printable(frame.bytes, 60) +
                                            "\", which is no answer to request " + std::to_string(id) + ", " + method);
  if (!sent_whole) channel_.fail(FailureKind::garbage, "answered " + method + " before it had read the request");
  return std::move(message["result"]);
}

std::string RunnerSession::receive_binary(const std::string& method, const Json& result, std::size_t size,
                                          double seconds) {
  protocol::Announcement announced;
  try {
    announced = protocol::announcement_from_json(result.value("frame", Json()));
  } catch (const protocol::FramingError& e) {
    bad_answer(method, e.what());
  }
  if (announced.size != size)
    bad_answer(method, std::to_string(announced.size) + " bytes instead of " + std::to_string(size));
  const protocol::Frame frame = channel_.receive(size, after(seconds), "sending the frame of " + method);
  if (!frame.binary) channel_.fail(FailureKind::garbage, "wrote JSON instead of the binary frame of " + method);
  if (frame.bytes.size() != size || core::sha256_hex(frame.bytes) != announced.sha256)
    bad_answer(method, "a binary frame that is not the one it announced");
  return frame.bytes;
}

template <class T>
T RunnerSession::get(const std::string& method, const Json& result, const char* key) {
  const auto found = result.find(key);
  if (found == result.end()) bad_answer(method, std::string("no \"") + key + "\"");
  try {
    // The library converts numbers silently; a negative or fractional count is a fault.
    if (std::is_integral_v<T> && !std::is_same_v<T, bool> && !found->is_number_unsigned())
      throw Json::type_error::create(302, "", nullptr);
    return found->template get<T>();
  } catch (const Json::exception&) {
    bad_answer(method, std::string("a wrong \"") + key + "\": " + protocol::printable(found->dump(), 60));
  }
}

Device RunnerSession::initialize() {
  const std::string method = "initialize";
  const Json client = {{"name", "automask"}, {"version", AUTOMASK_VERSION}};
  Json result = call(method, {{"protocol", protocol::version}, {"client", client}}, spec_.limits.initialize);
  const auto version = get<unsigned>(method, result, "protocol");
  if (version != static_cast<unsigned>(protocol::version))
    channel_.fail(FailureKind::refused, "speaks protocol " + std::to_string(version) + ", not " +
                                            std::to_string(protocol::version) +
                                            "; use matching versions of harness and runner");
  Device device;
  device.name = get<std::string>(method, result, "name");
  device.serial = get<std::string>(method, result, "serial");
  device.toolchain = get<std::string>(method, result, "toolchain");
  device.evidence = get<std::string>(method, result, "evidence");
  device.formats = get<std::vector<std::string>>(method, result, "formats");
  if (device.evidence != "measured" && device.evidence != "rtl_simulated" && device.evidence != "modelled" &&
      device.evidence != "quoted")
    bad_answer(method, "a wrong \"evidence\": " + protocol::printable(device.evidence, 60));
  if (result.contains("max_frame"))
    max_frame_ = std::min<std::size_t>(spec_.limits.frame_bytes, get<std::uint64_t>(method, result, "max_frame"));
  evidence_ = device.evidence;
  device.details = std::move(result);
  return device;
}

void RunnerSession::load(const std::string& package_bytes) {
  const std::string method = "load";
  const Json result = call(method, Json::object(), spec_.limits.load, &package_bytes);
  const Json input = get<Json>(method, result, "input");
  if (!input.is_object()) bad_answer(method, "a wrong \"input\"");
  const auto extent = [&](const Json& of, const char* key) {
    const auto value = get<std::uint64_t>(method, of, key);
    if (value < 1 || value > 65536) bad_answer(method, std::string("an impossible \"") + key + "\"");
    return static_cast<std::size_t>(value);
  };
  const std::size_t height = extent(input, "height"), width = extent(input, "width"),
                    channels = extent(input, "channels");
  if (height != height_ || width != width_ || channels != channels_) put_.clear();
  height_ = height;
  width_ = width;
  channels_ = channels;
  classes_ = extent(result, "classes");
  conditions_ = get<std::vector<std::string>>(method, result, "conditions").size();
}

Json RunnerSession::prepare(const Json& options) {
  Json result = call("prepare", options, spec_.limits.prepare);
  const auto threads = get<std::uint64_t>("prepare", result, "threads");
  const auto asked = options.find("threads");
  if (threads < 1) bad_answer("prepare", "no threads");
  threads_ = threads;
  automatic_ = false;
  if (asked != options.end() && *asked != 0 && *asked != threads)
    bad_answer("prepare", std::to_string(threads) + " threads instead of the " + asked->dump() + " asked for");
  return result;
}

void RunnerSession::select_condition(int index) {
  if (index < 0 || static_cast<std::size_t>(index) >= conditions_) misuse("the package has no such condition");
  const Json result = call("select_condition", {{"index", index}}, spec_.limits.message);
  if (get<std::uint64_t>("select_condition", result, "index") != static_cast<std::uint64_t>(index))
    bad_answer("select_condition", "another condition than the one asked for");
  automatic_ = false;
}

bool RunnerSession::select_automatically() {
  // A runner that misses "index" was written before there was "auto".
  const auto result = ask("select_condition", {{"auto", true}}, {protocol::unsupported, protocol::invalid_params});
  if (!result) return false;
  if (!get<bool>("select_condition", *result, "auto")) bad_answer("select_condition", "\"auto\" that is not true");
  automatic_ = true;
  return true;
}

std::vector<std::string> RunnerSession::put_inputs(const std::vector<std::string>& pictures, bool forget) {
  const std::size_t picture_size = height_ * width_ * channels_;
  if (picture_size == 0) misuse("pictures put before a package was loaded");
  const std::size_t per_frame = std::max<std::size_t>(std::min(max_frame_, usual_frame) / picture_size, 1);
  if (forget) put_.clear();
  std::vector<std::string> hashes;
  hashes.reserve(pictures.size());
  std::string batch;
  std::vector<std::string> batch_hashes;
  const auto flush = [&] {
    if (batch_hashes.empty()) return;
    const Json shape = {batch_hashes.size(), height_, width_, channels_};
    Json params = {{"shape", shape}, {"dtype", "u8"}};
    if (std::exchange(forget, false)) params["forget"] = true;
    const Json result = call("put_inputs", params, spec_.limits.message, &batch);
    if (get<std::vector<std::string>>("put_inputs", result, "inputs") != batch_hashes)
      bad_answer("put_inputs", "other hashes than those of the pictures sent");
    put_.insert(batch_hashes.begin(), batch_hashes.end());
    batch.clear();
    batch_hashes.clear();
  };
  std::unordered_set<std::string> waiting;
  for (const std::string& picture : pictures) {
    if (picture.size() != picture_size)
      misuse("a picture of " + std::to_string(picture.size()) + " bytes for a package that takes " +
             std::to_string(picture_size));
    hashes.push_back(core::sha256_hex(picture));
    if (put_.count(hashes.back()) != 0 || !waiting.insert(hashes.back()).second) continue;
    batch += picture;
    batch_hashes.push_back(hashes.back());
    if (batch_hashes.size() == per_frame) flush();
  }
  flush();
  return hashes;
}

std::string RunnerSession::timed_call(const RunRequest& request, const std::vector<std::size_t>& order, int warmup,
                                      const std::string& nonce, std::vector<double>& latencies_ms, TimedCall& timed,
                                      std::vector<int>* taken) {
  const double seconds = spec_.limits.run_base +
                         spec_.limits.run_per_inference * (static_cast<double>(order.size()) + std::max(warmup, 0));
  const Json result =
      call("run", {{"inputs", request.inputs}, {"order", order}, {"warmup", warmup}, {"nonce", nonce}}, seconds);
  latencies_ms = get<std::vector<double>>("run", result, "latencies_ms");
  if (latencies_ms.size() != order.size())
    bad_answer("run",
               std::to_string(latencies_ms.size()) + " latencies for " + std::to_string(order.size()) + " executions");
  timed = {outer_seconds_, wall_seconds_, 0, order.size()};
  for (const double latency : latencies_ms) {
    if (!std::isfinite(latency) || latency <= 0) bad_answer("run", "a latency of " + std::to_string(latency) + " ms");
    timed.latency_seconds += latency / 1e3;
  }
  if (taken != nullptr) {
    const auto conditions = get<std::vector<std::int64_t>>("run", result, "conditions");
    if (conditions.size() != order.size())
      bad_answer("run",
                 std::to_string(conditions.size()) + " conditions for " + std::to_string(order.size()) + " executions");
    for (const std::int64_t condition : conditions) {
      if (condition < 0 || condition >= static_cast<std::int64_t>(conditions_))
        bad_answer("run", "a condition " + std::to_string(condition) + " that the package does not have");
      taken->push_back(static_cast<int>(condition));
    }
  }
  return get<std::string>("run", result, "digest");
}

std::vector<float> RunnerSession::fetch_rows(std::size_t rows, const std::string& nonce, const std::string& digest) {
  const std::string method = "fetch_output";
  const Json result = call(method, Json::object(), spec_.limits.message);
  if (get<std::string>(method, result, "dtype") != "float32" ||
      get<std::vector<std::size_t>>(method, result, "shape") != std::vector<std::size_t>{rows, classes_})
    bad_answer(method, "outputs that are not float32 [" + std::to_string(rows) + ", " + std::to_string(classes_) + "]");
  const std::string bytes = receive_binary(method, result, rows * classes_ * sizeof(float), spec_.limits.message);
  if (core::sha256_hex(nonce + bytes) != digest)
    bad_answer(method, "outputs other than those whose digest it gave for the run");
  std::vector<float> values(rows * classes_);
  std::memcpy(values.data(), bytes.data(), bytes.size());  // little endian, as every host this is built for
  if (!std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); }))
    bad_answer(method, "a logit that is not a finite number");
  return values;
}

std::vector<float> RunnerSession::first_visits(const std::vector<float>& rows, const std::vector<std::size_t>& order,
                                               std::size_t inputs) {
  std::vector<float> outputs(inputs * classes_);
  std::vector<bool> seen(inputs, false);
  for (std::size_t visit = 0; visit < order.size(); ++visit) {
    const float* row = rows.data() + visit * classes_;
    float* kept = outputs.data() + order[visit] * classes_;
    if (!seen[order[visit]]) {
      std::copy(row, row + classes_, kept);
      seen[order[visit]] = true;
      continue;
    }
    float largest = 0, difference = 0;
    for (std::size_t c = 0; c < classes_; ++c) {
      largest = std::max(largest, std::abs(kept[c]));
      difference = std::max(difference, std::abs(kept[c] - row[c]));
    }
    if (difference > repeat_tolerance * largest)
      channel_.fail(FailureKind::mistrusted, "gave different outputs for two visits of one picture");
  }
  return outputs;
}

std::vector<int> RunnerSession::first_conditions(const std::vector<int>& taken, const std::vector<std::size_t>& order,
                                                 std::size_t inputs) {
  std::vector<int> conditions(inputs, -1);
  for (std::size_t visit = 0; visit < taken.size(); ++visit) {
    int& kept = conditions[order[visit]];
    if (kept >= 0 && kept != taken[visit])
      channel_.fail(FailureKind::mistrusted, "took different conditions for two visits of one picture");
    kept = taken[visit];
  }
  return conditions;
}

RunResult RunnerSession::run(const RunRequest& request) {
  if (request.inputs.empty() || request.repetitions < 1 || request.warmup < 0) misuse("a run of nothing");
  if (threads_ == 0) misuse("a run before prepare");
  if (request.threads != 0 && static_cast<std::uint64_t>(request.threads) != threads_)
    misuse("a run on " + std::to_string(request.threads) + " threads of a runner prepared for " +
           std::to_string(threads_));
  if (request.inputs.size() >
      spec_.limits.frame_bytes / sizeof(float) / classes_ / static_cast<std::size_t>(request.repetitions))
    misuse("more outputs than one frame holds; ask for fewer inputs or repetitions");
  const auto order = visiting_order(request.inputs.size(), request.repetitions, request.order_seed);

  // Warm-up, then a short run whose wall time shows what a message costs beside its latencies, then the run that
  // counts.
  RunResult result;
  TimedCall& brief = result.brief;
  TimedCall& full = result.full;
  stop_ = request.stop;
  const std::vector<std::size_t> first(order.begin(), order.begin() + 1);
  const std::vector<std::size_t> few(
      order.begin(), order.begin() + static_cast<std::ptrdiff_t>(std::clamp<std::size_t>(order.size() / 20, 1, 100)));
  if (request.warmup > 0) timed_call(request, first, request.warmup, draw_nonce(), result.latencies_ms, brief);
  timed_call(request, few, 0, draw_nonce(), result.latencies_ms, brief);
  std::string nonce, digest, doubt;
  std::vector<int> taken;
  for (int asked = 0; asked < most_asked; ++asked) {
    nonce = draw_nonce();
    taken.clear();
    digest = timed_call(request, order, 0, nonce, result.latencies_ms, full, automatic_ ? &taken : nullptr);
    doubt = evidence_ == "measured" ? implausible(brief, full) : "";
    if (doubt.empty()) break;
  }
  stop_ = nullptr;
  if (!doubt.empty())
    channel_.fail(FailureKind::mistrusted,
                  "cannot be believed: " + doubt + ", and so it was each of " + std::to_string(most_asked) + " times");
  if (automatic_) result.conditions = first_conditions(taken, order, request.inputs.size());
  const std::vector<float> rows = fetch_rows(order.size(), nonce, digest);
  result.outputs = first_visits(rows, order, request.inputs.size());
  result.classes = static_cast<int>(classes_);
  result.wall_seconds = full.wall_seconds;
  if (get<bool>("state", state(), "throttled"))
    channel_.fail(FailureKind::mistrusted, "was throttled during the run; cool it or raise its power mode");
  return result;
}

void RunnerSession::shutdown() {
  const auto deadline = after(spec_.limits.shutdown);
  call("shutdown", Json::object(), spec_.limits.shutdown);
  channel_.finish(deadline);
}

}  // namespace

std::unique_ptr<Session> Session::start(const RunnerSpec& spec) { return std::make_unique<RunnerSession>(spec); }

}  // namespace automask::host
