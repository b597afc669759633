#pragma once
// What clauses of the contract have in common: the messages up to a run, and a run with its outputs, checked. Inside
// this room only.
#include <string>
#include <vector>

#include "hw_targets/host/contract_clauses.h"
#include "hw_targets/host/contract_wire.h"

namespace automask::host {

inline const core::Json nothing = core::Json::object();  // parameters of messages that have none

constexpr double repeat_tolerance = 0.01;  // docs/runner-protocol.md, "What the host checks"
// Logits [pictures, classes] of the case's package, in the arithmetic of its format.
std::vector<double> expected_logits(const ContractCase& with, int k, const std::vector<std::string>& pictures);

core::Json hello(Wire& wire, int version = protocol::version);
void load(Wire& wire, const ContractCase& with);
core::Json prepare(Wire& wire, const ContractCase& with);
std::vector<std::string> put(Wire& wire, const ContractCase& with);  // returns the pictures' names
// All of these, in this order.
std::vector<std::string> ready(Wire& wire, const ContractCase& with);

struct Outputs {
  std::string bytes, digest;
  std::vector<float> logits;  // a row per element of the order
  std::vector<double> latencies_ms;
  core::Json answer;  // to run
};
// One run and its outputs, both checked.
Outputs run(Wire& wire, const std::vector<std::string>& inputs, const std::vector<std::size_t>& order,
            const std::string& nonce, int warmup = 2);

std::vector<std::size_t> counted(std::size_t count);  // 0, 1, 2, ...

// Largest difference of two pictures' logits, of the largest absolute value of the first.
double difference(const double* expected, const float* found);
double difference(const float* expected, const float* found);
std::string percent(double share);

}  // namespace automask::host
