// Clauses about pictures, runs, conditions and outputs.
#include <algorithm>

#include "core/hash.h"
#include "hw_targets/host/contract.h"
#include "hw_targets/host/contract_acts.h"
#include "hw_targets/host/contract_checks.h"
#include "hw_targets/host/contract_package.h"

namespace automask::host {

using core::Json;

namespace {

constexpr int cancelled_executions = 1'000'000;

}  // namespace

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
  const double tolerance = output_tolerance(with.format);
  Wire wire(with.spec);
  const auto inputs = ready(wire, with);
  double largest = 0;
  for (int k = 0; k < 2; ++k) {
    if (k > 0) wire.result("select_condition", {{"index", k}});
    const Outputs found = run(wire, inputs, counted(inputs.size()), "c" + std::to_string(k));
    const std::vector<double> expected = expected_logits(with, k, with.pictures);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const double off = difference(expected.data() + i * contract_classes, found.logits.data() + i * contract_classes);
      if (off > tolerance)
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
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const int expected =
        package::estimate(with.package.estimator, reinterpret_cast<const std::uint8_t*>(with.pictures[i].data()),
                          with.package.graph.input);
    if (taken[i] != expected)
      throw Broken("it took condition " + taken[i].dump() + " for picture " + std::to_string(i) +
                   ", the package's estimator picks " + std::to_string(expected));
    const std::vector<double> logits = expected_logits(with, expected, {with.pictures[i]});
    if (difference(logits.data(), found.logits.data() + i * contract_classes) > output_tolerance(with.format))
      throw Broken("the logits of picture " + std::to_string(i) + " are not those of the condition it took");
  }
  return "as the estimator says";
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

}  // namespace automask::host
