#pragma once
// The clauses of the contract, in one table. Inside this room only; contract.h is the way in.
#include <string>
#include <vector>

#include "hw_targets/host/host.h"
#include "hw_targets/package/package.h"

namespace automask::host {

// What clauses share: made once, before the first.
struct ContractCase {
  RunnerSpec spec;
  std::string format;         // given to prepare
  package::Package package;   // contract_package()
  std::string package_bytes;  // the same as a file
  std::vector<std::string> pictures;
};

// Returns what was learnt, may be empty. Throws Broken or RunnerFailure where the clause isn't kept, Skipped where it
// cannot be told.
struct Clause {
  const char* name;
  const char* demand;
  const char* remedy;
  std::string (*check)(const ContractCase&);
};
const std::vector<Clause>& clause_table();

class Skipped : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace automask::host
