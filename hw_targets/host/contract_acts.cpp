#include "hw_targets/host/contract_acts.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/hash.h"
#include "hw_targets/host/contract.h"
#include "hw_targets/host/contract_integers.h"
#include "hw_targets/host/contract_package.h"

namespace automask::host {

using core::Json;

namespace {

template <class A, class B>
double difference_of(const A* expected, const B* found) {
  double largest = 0, off = 0;
  for (std::size_t c = 0; c < contract_classes; ++c) {
    largest = std::max(largest, std::abs(static_cast<double>(expected[c])));
    off = std::max(off, std::abs(static_cast<double>(expected[c]) - static_cast<double>(found[c])));
  }
  return off / std::max(largest, 1e-30);
}

}  // namespace

double output_tolerance(const std::string& format) { return format == "int8" ? 0 : format == "fp16" ? 2e-2 : 1e-3; }

std::vector<double> expected_logits(const ContractCase& with, int k, const std::vector<std::string>& pictures) {
  return with.format == "int8" ? integer_logits(with.package, k, pictures) : contract_logits(with.package, k, pictures);
}

Json hello(Wire& wire, int version) {
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

std::vector<std::string> ready(Wire& wire, const ContractCase& with) {
  hello(wire);
  load(wire, with);
  prepare(wire, with);
  return put(wire, with);
}

Outputs run(Wire& wire, const std::vector<std::string>& inputs, const std::vector<std::size_t>& order,
            const std::string& nonce, int warmup) {
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

double difference(const double* expected, const float* found) { return difference_of(expected, found); }
double difference(const float* expected, const float* found) { return difference_of(expected, found); }

std::string percent(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2g %%", 100 * share);
  return text;
}

}  // namespace automask::host
