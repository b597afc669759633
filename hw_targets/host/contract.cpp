#include "hw_targets/host/contract.h"

#include <algorithm>
#include <chrono>
#include <system_error>

#include "hw_targets/host/contract_clauses.h"
#include "hw_targets/host/contract_package.h"
#include "hw_targets/host/contract_wire.h"

namespace automask::host {
namespace {

constexpr std::size_t picture_count = 8;

ClauseResult judge(const Clause& clause, const ContractCase& with) {
  ClauseResult result{clause.name, Verdict::failed, clause.demand, "", "", 0};
  const auto begun = Clock::now();
  try {
    result.finding = clause.check(with);
    result.verdict = Verdict::passed;
  } catch (const Skipped& e) {
    result.finding = e.what();
    result.verdict = Verdict::skipped;
  } catch (const Broken& e) {
    result.finding = e.what();
  } catch (const RunnerFailure& e) {
    result.finding = "the runner " + e.problem();
  } catch (const std::system_error& e) {
    result.finding = std::string("it cannot be started: ") + e.code().message();
  } catch (const core::Json::exception& e) {
    result.finding = std::string("a key is missing or of a wrong type: ") + e.what();
  }
  if (result.verdict == Verdict::failed) result.remedy = clause.remedy;
  result.seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  return result;
}

std::vector<std::string> clause_names() {
  std::vector<std::string> names;
  for (const Clause& clause : clause_table()) names.emplace_back(clause.name);
  return names;
}

// The first format of the runner's own that the packages of the contract can be executed in.
std::string first_format(const RunnerSpec& spec) {
  try {
    Wire wire(spec);
    const core::Json device = wire.result("initialize", {{"protocol", protocol::version}});
    for (const core::Json& format : device.at("formats"))
      if (format == "fp32" || format == "fp16" || format == "int8") return format;
  } catch (const std::exception&) {  // the first clause says what is wrong
  }
  return "fp32";
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  return verdict == Verdict::passed ? "pass" : verdict == Verdict::failed ? "fail" : "skip";
}

std::vector<ClauseInfo> contract_clauses() {
  std::vector<ClauseInfo> all;
  for (const Clause& clause : clause_table()) all.push_back({clause.name, clause.demand});
  return all;
}

std::vector<ClauseResult> check_contract(const RunnerSpec& spec, const ContractOptions& options,
                                         const std::function<void(const ClauseResult&)>& report) {
  const auto known = clause_names();
  for (const std::string& name : options.clauses)
    if (std::find(known.begin(), known.end(), name) == known.end())
      throw core::Error(core::ExitCode::usage, "clause " + name, "is not in the contract",
                        core::suggestion(name, known));
  ContractCase with{spec, options.format, contract_package(), "", contract_pictures(picture_count)};
  if (with.format.empty()) with.format = first_format(spec);
  with.package = in_format(with.package, with.format);
  with.package_bytes = package::encode(with.package);

  std::vector<ClauseResult> results;
  const auto add = [&](ClauseResult result) {
    results.push_back(std::move(result));
    if (report) report(results.back());
  };
  bool answers = true;
  for (const Clause& clause : clause_table()) {
    const bool first = &clause == &clause_table().front();
    const bool wanted = options.clauses.empty() ||
                        std::find(options.clauses.begin(), options.clauses.end(), clause.name) != options.clauses.end();
    if (!wanted && !first) continue;
    if (!answers) {
      add({clause.name, Verdict::skipped, clause.demand, "the runner does not answer initialize", "", 0});
      continue;
    }
    ClauseResult result = judge(clause, with);
    if (first) answers = result.verdict == Verdict::passed;
    if (wanted || !answers) add(std::move(result));
  }
  return results;
}

}  // namespace automask::host
