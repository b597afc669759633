#include "hw_targets/protocol/runner.h"

#include <algorithm>
#include <chrono>
#include <unordered_map>
#include <utility>
#include <vector>

namespace automask {
namespace protocol {
namespace {

using nlohmann::json;

constexpr std::int64_t picture_limit = std::int64_t(1) << 30;  // bytes of one picture: as large as a frame

Refusal bad_params(const std::string& sentence) { return Refusal(invalid_params, sentence); }

// Where the conversation stands. Each handler is one message.
class Conversation {
 public:
  Conversation(Backend& backend, const Sha256& sha256, Server& server)
      : backend_(backend), sha256_(sha256), server_(server) {}

  json initialize(const json& params) {
    const int asked = params.at("protocol").get<int>();
    if (asked != version)
      throw Refusal(wrong_version, "this runner speaks protocol " + std::to_string(version) + ", not " +
                                       std::to_string(asked) + "; use matching versions of harness and runner");
    json answer = backend_.describe();
    answer["protocol"] = version;
    stage_ = std::max(stage_, 1);
    return answer;
  }

  json load(const json&, const std::string& package) {
    need(1);
    stage_ = 1;  // until the new package is in, there is none
    json answer = backend_.load(package);
    const json& input = answer.at("input");
    const std::vector<std::int64_t> shape = {input.at("height").get<std::int64_t>(),
                                             input.at("width").get<std::int64_t>(),
                                             input.at("channels").get<std::int64_t>()};
    if (shape != shape_) inputs_.clear();
    shape_ = shape;
    classes_ = answer.at("classes").get<std::size_t>();
    conditions_ = static_cast<int>(answer.at("conditions").size());
    outputs_.clear();
    stage_ = 2;
    return answer;
  }

  json prepare(const json& params) {
    need(2);
    stage_ = 2;
    json answer = backend_.prepare(params);
    backend_.select_condition(0);
    automatic_ = false;
    stage_ = 3;
    return answer;
  }

  json select_condition(const json& params) {
    need(3);
    if (params.contains("auto")) {
      if (params.at("auto") != true || params.contains("index")) throw bad_params("send \"index\" or \"auto\": true");
      json answer = backend_.select_automatically();
      automatic_ = true;
      answer["auto"] = true;
      return answer;
    }
    const int index = params.at("index").get<int>();
    if (index < 0 || index >= conditions_)
      throw bad_params("condition " + std::to_string(index) + " of " + std::to_string(conditions_));
    json answer = backend_.select_condition(index);
    automatic_ = false;
    answer["index"] = index;
    return answer;
  }

  json put_inputs(const json& params, const std::string& pictures) {
    need(2);
    const auto shape = params.at("shape").get<std::vector<std::int64_t>>();
    if (shape.size() != 4 || shape[0] < 0 || !std::equal(shape_.begin(), shape_.end(), shape.begin() + 1))
      throw bad_params("shape " + params.at("shape").dump() + " is not [n, height, width, channels] of the package, " +
                       json(shape_).dump());
    const std::int64_t size = picture_size();
    if (static_cast<std::int64_t>(pictures.size()) / size != shape[0] ||
        static_cast<std::int64_t>(pictures.size()) % size != 0)
      throw bad_params(std::to_string(pictures.size()) + " bytes are not the pictures announced");
    if (params.value("forget", false)) inputs_.clear();
    json hashes = json::array();
    for (std::size_t at = 0; at < pictures.size(); at += static_cast<std::size_t>(size)) {
      std::string picture = pictures.substr(at, static_cast<std::size_t>(size));
      std::string hash = sha256_(picture);
      hashes.push_back(hash);
      inputs_[std::move(hash)] = std::move(picture);
    }
    return {{"inputs", hashes}};
  }

  json run(const json& params) {
    need(3);
    const auto names = params.at("inputs").get<std::vector<std::string>>();
    const auto order = params.at("order").get<std::vector<std::size_t>>();
    const auto nonce = params.at("nonce").get<std::string>();
    const int warmup = params.value("warmup", 0);
    std::vector<const std::uint8_t*> visits;
    visits.reserve(order.size());
    for (const std::size_t index : order) {
      if (index >= names.size()) throw bad_params("order names input " + std::to_string(index));
      const auto found = inputs_.find(names[index]);
      if (found == inputs_.end()) throw Refusal(unknown_input, "no input " + names[index] + " was put");
      visits.push_back(reinterpret_cast<const std::uint8_t*>(found->second.data()));
    }
    std::vector<float> outputs(visits.size() * classes_);
    std::vector<float> untimed(classes_);
    looked_ = std::chrono::steady_clock::now();
    if (!visits.empty())
      for (int i = 0; i < warmup; ++i) {
        stop_if_cancelled();
        backend_.infer(visits[static_cast<std::size_t>(i) % visits.size()], untimed.data());
      }
    std::vector<double> latencies;
    latencies.reserve(visits.size());
    std::vector<int> taken;
    if (automatic_) taken.reserve(visits.size());
    for (std::size_t i = 0; i < visits.size(); ++i) {
      stop_if_cancelled();
      latencies.push_back(backend_.infer(visits[i], outputs.data() + i * classes_));
      if (automatic_) taken.push_back(backend_.taken_condition());
    }
    // float32 little endian on the wire, which is what every processor this is built for has in memory.
    outputs_.assign(reinterpret_cast<const char*>(outputs.data()), outputs.size() * sizeof(float));
    output_rows_ = visits.size();
    json answer = {{"latencies_ms", latencies}, {"digest", sha256_(nonce + outputs_)}};
    if (automatic_) answer["conditions"] = taken;
    return answer;
  }

  Answer fetch_output(const json&) {
    need(3);
    Answer answer;
    answer.result = {{"shape", {output_rows_, classes_}}, {"dtype", "float32"}};
    answer.has_frame = true;
    answer.frame = outputs_;
    return answer;
  }

  json state() {
    need(1);
    return backend_.state();
  }
  json power() {
    need(1);
    return backend_.power();
  }

 private:
  void need(int stage) const {
    static const char* const missing[] = {"", "initialize", "load", "prepare"};
    if (stage_ < stage)
      throw Refusal(stage == 1 ? invalid_request : not_loaded, std::string("send ") + missing[stage_ + 1] + " first");
  }

  // Between executions, so that no latency holds it, and rarely: a system call each time would be overhead of its own.
  void stop_if_cancelled() {
    const auto now = std::chrono::steady_clock::now();
    if (now - looked_ < std::chrono::milliseconds(10)) return;
    looked_ = now;
    if (server_.cancelled()) throw Refusal(cancelled, "the run was cancelled");
  }

  std::int64_t picture_size() const {
    std::int64_t size = 1;
    for (const std::int64_t extent : shape_) {
      if (extent < 1 || extent > picture_limit / size) throw bad_params("pictures of this package are too large");
      size *= extent;
    }
    return size;
  }

  Backend& backend_;
  const Sha256& sha256_;
  Server& server_;
  std::chrono::steady_clock::time_point looked_;  // for a $/cancel
  int stage_ = 0;                                 // 1 initialised, 2 loaded, 3 prepared
  int conditions_ = 0;
  bool automatic_ = false;  // the backend picks each picture's condition
  std::size_t classes_ = 0, output_rows_ = 0;
  std::vector<std::int64_t> shape_;
  std::unordered_map<std::string, std::string> inputs_;  // by SHA-256
  std::string outputs_;                                  // of the last run
};

Answer plain(json value) {
  Answer answer;
  answer.result = std::move(value);
  return answer;
}

}  // namespace

int serve(Backend& backend, int input, int output, const Sha256& sha256) {
  Server server(input, output, sha256);
  Conversation talk(backend, sha256, server);
  using Bytes = std::string;
  server.on("initialize", [&](const json& p, const Bytes&) { return plain(talk.initialize(p)); });
  server.on("load", [&](const json& p, const Bytes& frame) { return plain(talk.load(p, frame)); });
  server.on("prepare", [&](const json& p, const Bytes&) { return plain(talk.prepare(p)); });
  server.on("select_condition", [&](const json& p, const Bytes&) { return plain(talk.select_condition(p)); });
  server.on("put_inputs", [&](const json& p, const Bytes& frame) { return plain(talk.put_inputs(p, frame)); });
  server.on("run", [&](const json& p, const Bytes&) { return plain(talk.run(p)); });
  server.on("fetch_output", [&](const json& p, const Bytes&) { return talk.fetch_output(p); });
  server.on("state", [&](const json&, const Bytes&) { return plain(talk.state()); });
  server.on("power", [&](const json&, const Bytes&) { return plain(talk.power()); });
  return server.serve();
}

}  // namespace protocol
}  // namespace automask
