#pragma once
// The contract test: does a program keep docs/runner-protocol.md? One clause after the other, each with a fresh process
// of the runner, so that one fault doesn't hide the next.
#include <functional>
#include <string>
#include <vector>

#include "hw_targets/host/host.h"

namespace automask::host {

// Allowed difference of a logit from the package's, of the largest logit, in an arithmetic of that format: FP32 sums in
// another order differ by far less, FP16 may round every product and sum to 11 bits, integers have no tolerance.
double output_tolerance(const std::string& format);

enum class Verdict { passed, failed, skipped };
std::string_view to_string(Verdict verdict);  // "pass", "fail", "skip"

struct ClauseResult {
  std::string name;  // "bad_hash"
  Verdict verdict = Verdict::failed;
  std::string demand;   // what the clause asks for, one sentence
  std::string finding;  // what was seen where it failed; what was learnt or why it was skipped otherwise
  std::string remedy;   // where it failed: what to change
  double seconds = 0;
};

struct ContractOptions {
  std::string format;                // given to prepare; empty: the first of the runner's that the packages here have
  std::vector<std::string> clauses;  // only these; empty: all. Error(usage) on an unknown one
};

struct ClauseInfo {
  std::string name, demand;
};
std::vector<ClauseInfo> contract_clauses();

// Calls `report` as each clause ends. A runner that cannot be started fails its first clause and skips the rest.
std::vector<ClauseResult> check_contract(const RunnerSpec& spec, const ContractOptions& options,
                                         const std::function<void(const ClauseResult&)>& report);

}  // namespace automask::host
