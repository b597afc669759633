#include "hw_targets/host/contract_clauses.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>

#include "core/hash.h"
#include "hw_targets/host/contract_integers.h"
#include "hw_targets/host/contract_package.h"
#include "hw_targets/host/contract_wire.h"
#include "hw_targets/host/plausibility.h"

namespace automask::host {
namespace {

using core::Json;

constexpr double repeat_tolerance = 0.01;  // docs/runner-protocol.md, "What the host checks"
const std::map<std::string, double> output_tolerance = {
    {"fp32", 1e-3}, {"fp16", 2e-2}, {"int8", 0}};  // of the largest logit

// [pictures, classes], in the arithmetic of the format.
std::vector<double> expected_logits(const ContractCase& with, int k, const std::vector<std::string>& pictures) {
  return with.format == "int8" ? integer_logits(with.package, k, pictures) : contract_logits(with.package, k, pictures);
}
constexpr int cancelled_executions = 1'000'000;
const Json nothing = Json::object();

Json hello(Wire& wire, int version = protocol::version) {
  return wire.result("initialize",
                     {{"protocol", version}, {"client", {{"name", "automask"}, {"version", "contract"}}}});
}

Json prepare(Wire& wire, const ContractCase& with) {
  return wire.result("prepare", {{"threads", 1}, {"format", with.format}});
}

void load(Wire& wire, const ContractCase& with) { wire.result("load", nothing, &with.package_bytes); }

std::vector<std::string> put(Wire& wire, const ContractCase& with) {
  std::string bytes;
  for (const std::string& picture : with.pictures) bytes += picture;
  const Json shape = {with.pictures.size(), contract_height, contract_width, contract_channels};
  return wire.result("put_inputs", {{"shape", shape}, {"dtype", "u8"}}, &bytes).at("inputs");
}

// Everything up to `run`; returns the pictures' names.
std::vector<std::string> ready(Wire& wire, const ContractCase& with) {
  hello(wire);
  load(wire, with);
  prepare(wire, with);
  return put(wire, with);
}

struct Outputs {
  std::string bytes, digest;
  std::vector<float> logits;  // a row per element of the order
  std::vector<double> latencies_ms;
  Json answer;  // to run
};

// One run and its outputs, both checked.
Outputs run(Wire& wire, const std::vector<std::string>& inputs, const std::vector<std::size_t>& order,
            const std::string& nonce, int warmup = 2) {
  const Json result = wire.result("run", {{"inputs", inputs}, {"order", order}, {"warmup", warmup}, {"nonce", nonce}});
  Outputs out;
  out.answer = result;
  out.latencies_ms = result.at("latencies_ms").get<std::vector<double>>();
  out.digest = result.at("digest");
  if (out.latencies_ms.size() != order.size())
    throw Broken(std::to_string(out.latencies_ms.size()) + " latencies came for " + std::to_string(order.size()) +
                 " timed executions");
  for (const double latency : out.latencies_ms)
    if (!(std::isfinite(latency) && latency > 0)) throw Broken("a latency is " + std::to_string(latency) + " ms");
  const Json fetched = wire.result("fetch_output", nothing);
  const Json shape = {order.size(), contract_classes};
  if (fetched.at("dtype") != "float32" || fetched.at("shape") != shape)
    throw Broken("the outputs are " + fetched.at("dtype").dump() + " " + fetched.at("shape").dump() +
                 " instead of float32 " + shape.dump());
  out.bytes = wire.binary("fetch_output", fetched);
  if (out.bytes.size() != order.size() * contract_classes * sizeof(float))
    throw Broken("the outputs have " + std::to_string(out.bytes.size()) + " bytes");
  if (core::sha256_hex(nonce + out.bytes) != out.digest)
    throw Broken("the digest is not that of the nonce followed by the outputs' bytes");
  out.logits.resize(order.size() * contract_classes);
  std::memcpy(out.logits.data(), out.bytes.data(), out.bytes.size());
  for (const float logit : out.logits)
    if (!std::isfinite(logit)) throw Broken("a logit is no finite number");
  return out;
}

std::vector<std::size_t> counted(std::size_t count) {
  std::vector<std::size_t> order(count);
  for (std::size_t i = 0; i < count; ++i) order[i] = i;
  return order;
}

// Largest difference of two rows, of the largest absolute value of the first.
template <class A, class B>
double difference(const A* expected, const B* found) {
  double largest = 0, off = 0;
  for (std::size_t c = 0; c < contract_classes; ++c) {
    largest = std::max(largest, std::abs(static_cast<double>(expected[c])));
    off = std::max(off, std::abs(static_cast<double>(expected[c]) - static_cast<double>(found[c])));
  }
  return off / std::max(largest, 1e-30);
}

std::string percent(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2g %%", 100 * share);
  return text;
}

std::string handshake(const ContractCase& with) {
  Wire wire(with.spec);
  const Json device = hello(wire);
  if (device.at("protocol") != protocol::version) throw Broken("it says protocol " + device.at("protocol").dump());
  for (const char* key : {"name", "serial", "toolchain", "evidence"})
    if (!device.at(key).is_string()) throw Broken(std::string("\"") + key + "\" is no string");
  if (device.at("name") == "") throw Broken("\"name\" is empty");
  const std::string evidence = device.at("evidence");
  if (evidence != "measured" && evidence != "rtl_simulated" && evidence != "modelled")
    throw Broken("\"evidence\" is \"" + evidence + "\"");
  if (device.at("formats").get<std::vector<std::string>>().empty()) throw Broken("\"formats\" is empty");
  return device.at("name").get<std::string>() + ", " + evidence + ", " + device.at("formats").dump();
}

std::string wrong_version(const ContractCase& with) {
  Wire wire(with.spec);
  const std::string said = wire.refused({protocol::wrong_version}, "initialize", {{"protocol", 999}});
  hello(wire);  // a host may try an older one
  return said;
}

std::string before_initialize(const ContractCase& with) {
  Wire wire(with.spec);
  return wire.refused({protocol::invalid_request}, "state", nothing);
}

std::string unknown_method(const ContractCase& with) {
  Wire wire(with.spec);
  hello(wire);
  const std::string said = wire.refused({protocol::method_not_found}, "make_coffee", nothing);
  wire.result("state", nothing);
  return said;
}

std::string unknown_notification(const ContractCase& with) {
  Wire wire(with.spec);
  hello(wire);
  for (const char* method : {"$/cancel", "$/remark"})
    wire.send(protocol::encode_json({{"jsonrpc", "2.0"}, {"method", method}, {"params", {{"id", 4711}}}}), "state");
  wire.result("state", nothing);  // its answer is the next frame, or the ids disagree
  return "";
}

std::string order_of_messages(const ContractCase& with) {
  Wire wire(with.spec);
  hello(wire);
  wire.refused({protocol::not_loaded}, "prepare", {{"threads", 1}});
  load(wire, with);
  return wire.refused({protocol::not_loaded}, "run",
                      {{"inputs", Json::array()}, {"order", Json::array()}, {"warmup", 0}, {"nonce", "n"}});
}

std::string loading(const ContractCase& with) {
  Wire wire(with.spec);
  hello(wire);
  const Json loaded = wire.result("load", nothing, &with.package_bytes);
  const Json conditions = {"clean", "jpeg:q30"};
  const Json input = {{"height", contract_height}, {"width", contract_width}, {"channels", contract_channels}};
  if (loaded.at("conditions") != conditions) throw Broken("\"conditions\" is " + loaded.at("conditions").dump());
  if (loaded.at("classes") != contract_classes) throw Broken("\"classes\" is " + loaded.at("classes").dump());
  for (const auto& [key, value] : input.items())
    if (loaded.at("input").at(key) != value) throw Broken("\"input\" is " + loaded.at("input").dump());
  const Json prepared = prepare(wire, with);
  if (prepared.at("threads") != 1)
    throw Broken("1 thread was asked for, \"threads\" is " + prepared.at("threads").dump());
  load(wire, with);  // both may come again
  prepare(wire, with);
  return "";
}

std::string wrong_hash_of_frame(const ContractCase& with) {
  Wire wire(with.spec);
  hello(wire);
  wire.announce(core::sha256_hex("something else"));
  const std::string said = wire.refused({protocol::bad_hash}, "load", nothing, &with.package_bytes);
  load(wire, with);
  return said;
}

std::string damaged_packages(const ContractCase& with) {
  Wire wire(with.spec);
  hello(wire);
  const std::string& whole = with.package_bytes;
  const std::pair<const char*, std::string> files[] = {
      {"an empty package", ""},
      {"a truncated package", whole.substr(0, whole.size() / 2)},
      {"a package of another format version", with_other_version(whole)},
      {"a package with a wrong content hash", with_wrong_hash(whole)},
      {"a package with a mask that keeps nothing", with_empty_masks(whole)},
      {"a package whose masks disagree with its shapes", with_shorter_masks(whole)}};
  for (const auto& [what, bytes] : files) {
    try {
      wire.refused({protocol::bad_package}, "load", nothing, &bytes);
    } catch (const Broken& e) {
      throw Broken(std::string(what) + ": " + e.what());
    }
  }
  load(wire, with);
  return std::to_string(std::size(files)) + " damaged packages refused";
}

std::string out_of_memory(const ContractCase& with) {
  Wire wire(with.spec);
  hello(wire);
  const std::string endless =
      package::encode(with.format == "int8" ? in_integers(endless_package()) : endless_package());
  const std::vector<int> codes = {protocol::out_of_memory, protocol::unsupported};
  std::string said;
  if (const Json loaded = wire.ask("load", nothing, &endless); loaded.contains("result"))
    said = wire.refused(codes, "prepare", {{"threads", 1}, {"format", with.format}});
  else if (const int code = loaded["error"]["code"]; std::find(codes.begin(), codes.end(), code) == codes.end())
    throw Broken("load was refused with " + code_name(code) + " instead of " + code_name(codes[0]) + " or " +
                 code_name(codes[1]));
  load(wire, with);
  prepare(wire, with);
  return said;
}

std::string options_of_prepare(const ContractCase& with) {
  Wire wire(with.spec);
  hello(wire);
  load(wire, with);
  wire.refused({protocol::invalid_params}, "prepare", {{"colour", "red"}});
  const std::string said = wire.refused({protocol::unsupported}, "prepare", {{"format", "decimal"}});
  prepare(wire, with);
  return said;
}

std::string inputs_by_hash(const ContractCase& with) {
  Wire wire(with.spec);
  hello(wire);
  load(wire, with);
  prepare(wire, with);
  std::vector<std::string> expected;
  for (const std::string& picture : with.pictures) expected.push_back(core::sha256_hex(picture));
  if (put(wire, with) != expected || put(wire, with) != expected)
    throw Broken("\"inputs\" are not the SHA-256 of the pictures, in their order");
  const std::string small(8, 'x');
  wire.refused({protocol::invalid_params}, "put_inputs", {{"shape", {1, 2, 4, 1}}, {"dtype", "u8"}}, &small);
  return wire.refused({protocol::unknown_input}, "run",
                      {{"inputs", {core::sha256_hex("never put")}}, {"order", {0}}, {"warmup", 0}, {"nonce", "n"}});
}

std::string timed_run(const ContractCase& with) {
  Wire wire(with.spec);
  const auto inputs = ready(wire, with);
  run(wire, inputs, {2, 0, 1, 2, 7}, "a1");
  run(wire, inputs, {3}, "a2", 0);
  return "";
}

std::string nonce_binding(const ContractCase& with) {
  Wire wire(with.spec);
  const auto inputs = ready(wire, with);
  const Outputs one = run(wire, inputs, counted(3), "first nonce"), two = run(wire, inputs, counted(3), "second nonce");
  if (one.digest == two.digest) throw Broken("two runs with different nonces have the same digest");
  return "";
}

std::string determinism(const ContractCase& with) {
  Wire wire(with.spec);
  const auto inputs = ready(wire, with);
  auto order = counted(inputs.size());
  const Outputs forward = run(wire, inputs, order, "b1");
  std::reverse(order.begin(), order.end());
  const Outputs backward = run(wire, inputs, order, "b2");
  double largest = 0;
  for (std::size_t i = 0; i < order.size(); ++i)
    largest = std::max(largest, difference(forward.logits.data() + order[i] * contract_classes,
                                           backward.logits.data() + i * contract_classes));
  if (largest > repeat_tolerance)
    throw Broken("one picture's outputs differ by " + percent(largest) + " of its largest logit between two runs");
  return largest == 0 ? "bit for bit" : "within " + percent(largest) + " of the largest logit";
}

std::string outputs(const ContractCase& with) {
  const auto tolerance = output_tolerance.find(with.format);
  if (tolerance == output_tolerance.end())
    throw Skipped("the contract has no package in " + with.format + ", so its outputs are not known here");
  Wire wire(with.spec);
  const auto inputs = ready(wire, with);
  double largest = 0;
  for (int k = 0; k < 2; ++k) {
    if (k > 0) wire.result("select_condition", {{"index", k}});
    const Outputs found = run(wire, inputs, counted(inputs.size()), "c" + std::to_string(k));
    const std::vector<double> expected = expected_logits(with, k, with.pictures);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const double off = difference(expected.data() + i * contract_classes, found.logits.data() + i * contract_classes);
      if (off > tolerance->second)
        throw Broken("the logits of picture " + std::to_string(i) + " under condition " + std::to_string(k) +
                     " differ by " + percent(off) + " of the largest from the package's");
      largest = std::max(largest, off);
    }
  }
  return "within " + percent(largest) + " of the largest logit";
}

std::string switching_conditions(const ContractCase& with) {
  Wire wire(with.spec);
  const auto inputs = ready(wire, with);
  const Outputs clean = run(wire, inputs, {0}, "d1");
  if (wire.result("select_condition", {{"index", 1}}).at("index") != 1) throw Broken("\"index\" is not 1");
  const Outputs other = run(wire, inputs, {0}, "d2");
  if (clean.bytes == other.bytes) throw Broken("both conditions give the same outputs");
  wire.result("select_condition", {{"index", 0}});
  const Outputs again = run(wire, inputs, {0}, "d3");
  if (difference(clean.logits.data(), again.logits.data()) > repeat_tolerance)
    throw Broken("condition 0 gives other outputs after a switch to 1 and back");
  return wire.refused({protocol::invalid_params}, "select_condition", {{"index", 2}});
}

std::string automatic_conditions(const ContractCase& with) {
  Wire wire(with.spec);
  const auto inputs = ready(wire, with);
  wire.result("select_condition", {{"index", 1}});
  const Json first = wire.ask("select_condition", {{"auto", true}});
  if (first.contains("error")) {
    if (first["error"]["code"] != protocol::unsupported)
      throw Broken("{\"auto\": true} was refused with " + code_name(first["error"]["code"]) + " instead of " +
                   code_name(protocol::unsupported));
    run(wire, inputs, {0}, "i0");
    return "picks no conditions by itself";
  }
  if (first.at("result").at("auto") != true) throw Broken("the answer to {\"auto\": true} has no \"auto\": true");
  const Outputs found = run(wire, inputs, counted(inputs.size()), "i1");
  const Json taken = found.answer.at("conditions");
  if (taken.size() != inputs.size())
    throw Broken(std::to_string(taken.size()) + " conditions for " + std::to_string(inputs.size()) + " executions");
  const auto tolerance = output_tolerance.find(with.format);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const int expected =
        package::estimate(with.package.estimator, reinterpret_cast<const std::uint8_t*>(with.pictures[i].data()),
                          with.package.graph.input);
    if (taken[i] != expected)
      throw Broken("it took condition " + taken[i].dump() + " for picture " + std::to_string(i) +
                   ", the package's estimator picks " + std::to_string(expected));
    if (tolerance == output_tolerance.end()) continue;
    const std::vector<double> logits = expected_logits(with, expected, {with.pictures[i]});
    if (difference(logits.data(), found.logits.data() + i * contract_classes) > tolerance->second)
      throw Broken("the logits of picture " + std::to_string(i) + " are not those of the condition it took");
  }
  return "as the estimator says";
}

std::string honest_latencies(const ContractCase& with) {
  Wire wire(with.spec);
  const std::string evidence = hello(wire).at("evidence");
  if (evidence != "measured") throw Skipped("its evidence is " + evidence + ", so that no clock here can tell");
  load(wire, with);
  prepare(wire, with);
  const auto inputs = put(wire, with);
  const auto timed = [&](std::size_t executions) {
    std::vector<std::size_t> order(executions);
    for (std::size_t i = 0; i < executions; ++i) order[i] = i % inputs.size();
    TimedCall call;
    const auto begun = Clock::now();
    const Json result = wire.result("run", {{"inputs", inputs}, {"order", order}, {"warmup", 0}, {"nonce", "e"}});
    call.outer_seconds = call.wall_seconds = std::chrono::duration<double>(Clock::now() - begun).count();
    for (const double latency : result.at("latencies_ms").get<std::vector<double>>())
      call.latency_seconds += latency / 1e3;
    call.executions = executions;
    return call;
  };
  timed(4);  // warm
  const TimedCall brief = timed(4);
  // As many executions as fill about a second, so that 15 % is far more than a busy machine takes.
  const double each = std::max(brief.wall_seconds / 4, 1e-5);
  const TimedCall full = timed(static_cast<std::size_t>(std::clamp(1.0 / each, 20.0, 20'000.0)));
  const std::string doubt = implausible(brief, full);
  if (!doubt.empty()) throw Broken(doubt);
  const double overhead =
      std::max(full.wall_seconds - full.latency_seconds, 0.0) / static_cast<double>(full.executions);
  char text[96];
  std::snprintf(text, sizeof text, "%.1f microseconds of overhead per inference over %zu", 1e6 * overhead,
                full.executions);
  return text;
}

std::string throttling_report(const ContractCase& with) {
  Wire wire(with.spec);
  const auto inputs = ready(wire, with);
  Json state;
  for (int i = 0; i < 2; ++i) {
    state = wire.result("state", nothing);
    if (!state.at("throttled").is_boolean()) throw Broken("\"throttled\" is " + state.at("throttled").dump());
    if (i == 0) run(wire, inputs, counted(2), "f");
  }
  std::string told;
  for (const auto& [key, value] : state.items()) told += (told.empty() ? "tells " : ", ") + key;
  return told + (state.at("throttled") == true ? "; it is throttled now" : "");
}

std::string power(const ContractCase& with) {
  Wire wire(with.spec);
  const auto inputs = ready(wire, with);
  const Json first = wire.ask("power", nothing);
  if (first.contains("error")) {
    if (first["error"]["code"] != protocol::unsupported)
      throw Broken("power was refused with " + code_name(first["error"]["code"]) + " instead of " +
                   code_name(protocol::unsupported));
    return "no sensor";
  }
  run(wire, inputs, counted(inputs.size()), "g");
  double last = -1;
  const Json samples = wire.result("power", nothing).at("samples");
  for (const Json& sample : samples) {
    const double seconds = sample.at(0).get<double>(), watts = sample.at(1).get<double>();
    if (seconds < last || !(watts >= 0)) throw Broken("samples must be [seconds, watts], times rising");
    last = seconds;
  }
  return std::to_string(samples.size()) + " samples";
}

std::string cancel(const ContractCase& with) {
  Wire wire(with.spec);
  const auto inputs = ready(wire, with);
  std::vector<std::size_t> order(cancelled_executions / 4, 0);
  const int id = wire.next_id();
  const Json params = {{"inputs", inputs}, {"order", order}, {"warmup", 0}, {"nonce", "h"}};
  wire.send(protocol::encode_json(protocol::request(id, "run", params)) +
                protocol::encode_json({{"jsonrpc", "2.0"}, {"method", "$/cancel"}, {"params", {{"id", id}}}}),
            "run");
  const Json answer = wire.answer("run");
  if (answer.value("id", Json()) != id) throw Broken("the cancelled run's answer has another id");
  const bool interrupted = answer.contains("error");
  if (interrupted && answer["error"].at("code") != protocol::cancelled)
    throw Broken("the cancelled run was answered with " + code_name(answer["error"]["code"]));
  run(wire, inputs, {1, 0}, "h2");  // and it goes on
  return interrupted ? "the run was interrupted" : "the runner finished the run and ignored the notification";
}

// The stream is not the protocol any more: an error with a null id at most, and an end with status 1.
std::string gives_up(const ContractCase& with, const std::string& bytes, bool close_input) {
  const Ending seen = feed(with.spec, bytes, close_input, with.spec.limits.initialize);
  if (!seen.ended)
    throw Broken("it still runs after " + std::to_string(static_cast<int>(with.spec.limits.initialize)) + " s");
  if (seen.status != 1) throw Broken("it " + seen.ending + " instead of status 1");
  if (seen.output.empty()) return "";
  protocol::FrameReader reader;
  reader.feed(seen.output.data(), seen.output.size());
  protocol::Frame frame;
  try {
    while (reader.next(frame)) {
      const Json message = protocol::parse_message(frame.bytes);
      if (message.contains("error") && message["error"].at("code") == protocol::parse_error &&
          message.value("id", Json(0)).is_null() && reader.empty())
        return protocol::printable(message["error"].at("message").get<std::string>());
    }
  } catch (const protocol::FramingError& e) {
    throw Broken(std::string("it wrote ") + e.what());
  }
  throw Broken("the last thing it wrote is not the error " + code_name(protocol::parse_error) + " with a null id");
}

std::string oversized_frame(const ContractCase& with) {
  return gives_up(with, "Content-Length: 99999999999999\r\n\r\n{", false);
}

std::string malformed_frames(const ContractCase& with) {
  const std::pair<const char*, std::string> streams[] = {
      {"text that is no frame", "hello, is this thing on?\r\n\r\n"},
      {"a negative length", "Content-Length: -5\r\n\r\nhello"},
      {"JSON that ends early", "Content-Length: 16\r\n\r\n{\"jsonrpc\": \"2.0"},
      {"JSON nested 100,000 deep", "Content-Length: 100000\r\n\r\n" + std::string(100'000, '[')}};
  for (const auto& [what, bytes] : streams) {
    try {
      gives_up(with, bytes, false);
    } catch (const Broken& e) {
      throw Broken(std::string("after ") + what + " " + e.what());
    }
  }
  return "";
}

std::string truncated_frame(const ContractCase& with) {
  const std::string whole = protocol::encode_json(protocol::request(1, "initialize", {{"protocol", 1}}));
  return gives_up(with, whole.substr(0, whole.size() - 10), true);
}

std::string end_of_input(const ContractCase& with) {
  const std::string whole = protocol::encode_json(protocol::request(1, "initialize", {{"protocol", 1}}));
  const Ending seen = feed(with.spec, whole, true, with.spec.limits.initialize);
  if (!seen.ended) throw Broken("it still runs after its input has ended");
  if (seen.status != 0) throw Broken("it " + seen.ending + " instead of status 0");
  return "";
}

std::string clean_exit(const ContractCase& with) {
  Wire wire(with.spec);
  const auto inputs = ready(wire, with);
  run(wire, inputs, {0}, "i");
  wire.shutdown();
  return "";
}

}  // namespace

const std::vector<Clause>& clause_table() {
  static const std::vector<Clause> table = {
      {"handshake", "initialize is answered with protocol, name, serial, toolchain, evidence and formats",
       "write nothing but frames to standard output; see \"initialize\"", handshake},
      {"wrong_version", "another protocol version is refused with wrong_version",
       "compare params.protocol with the version you speak", wrong_version},
      {"before_initialize", "messages before initialize are refused with invalid_request",
       "keep where the conversation stands", before_initialize},
      {"unknown_method", "an unknown method is refused with method_not_found, and the runner goes on",
       "answer an error where no handler is found", unknown_method},
      {"notifications", "notifications that start with $/ get no answer", "answer only messages that carry an id",
       unknown_notification},
      {"message_order", "messages before load or prepare are refused with not_loaded",
       "keep where the conversation stands", order_of_messages},
      {"load", "load tells conditions, classes and input; prepare keeps the threads asked for; both may come again",
       "see \"load\" and \"prepare\"", loading},
      {"bad_hash", "a binary frame other than the one announced is refused with bad_hash, and the runner goes on",
       "read the frame whole, then compare its SHA-256", wrong_hash_of_frame},
      {"bad_package", "a damaged package is refused with bad_package, and the runner goes on",
       "check version, hash, shapes and masks as docs/package.md says", damaged_packages},
      {"out_of_memory",
       "a network that no memory holds is refused with out_of_memory or unsupported by load or prepare, and the runner "
       "goes on",
       "add up the activations' bytes before anything is allocated", out_of_memory},
      {"options", "unknown options of prepare are refused with invalid_params, unknown formats with unsupported",
       "never ignore an option: it is part of what is measured", options_of_prepare},
      {"inputs", "pictures are kept under their SHA-256; a wrong shape and an unknown name are refused",
       "see \"put_inputs\"", inputs_by_hash},
      {"run", "run answers one latency per execution; its outputs are one row each, bound by the digest",
       "see \"run\" and \"fetch_output\"", timed_run},
      {"nonce", "the digest depends on the nonce", "hash the nonce's text directly followed by the outputs' bytes",
       nonce_binding},
      {"determinism", "a picture's outputs do not depend on when it is executed",
       "look for state that one execution leaves to the next", determinism},
      {"outputs", "the outputs are the network's, under each condition",
       "look for a wrong weight layout, input scaling, mask or channel order", outputs},
      {"conditions", "select_condition switches there and back; an index that does not exist is refused",
       "place every condition's network at prepare", switching_conditions},
      {"auto", "auto picks each picture's condition as the package's estimator does, or is refused with unsupported",
       "hold the statistics against docs/package.md, section 11, one by one", automatic_conditions},
      {"latencies", "latencies account for at least 85 % of the time that a run takes",
       "time the whole way from the picture in memory to its logits", honest_latencies},
      {"throttling", "state tells before and after a run whether the device is throttled",
       "answer {\"throttled\": true or false}", throttling_report},
      {"power", "power answers samples or unsupported", "see \"power\"", power},
      {"cancel", "a cancelled run ends early with the error cancelled or is finished, and the runner goes on",
       "look for notifications between executions, or ignore them", cancel},
      {"oversized_frame", "a frame larger than any the runner takes ends it with status 1, without an allocation",
       "refuse a Content-Length above max_frame before you read on", oversized_frame},
      {"malformed_frames", "bytes that are no frame or no JSON end the runner with status 1",
       "answer parse_error with a null id, then exit", malformed_frames},
      {"truncated_frame", "an input that ends within a frame ends the runner with status 1",
       "tell the end of the input within a frame from one between frames", truncated_frame},
      {"end_of_input", "an input that ends between frames ends the runner with status 0", "exit when read returns 0",
       end_of_input},
      {"clean_exit", "after shutdown the runner exits with status 0 and writes nothing more",
       "answer shutdown, then return from main", clean_exit}};
  return table;
}

}  // namespace automask::host
