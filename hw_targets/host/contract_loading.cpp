// Clauses about loading and preparing a package.
#include <algorithm>
#include <utility>

#include "core/hash.h"
#include "hw_targets/host/contract_acts.h"
#include "hw_targets/host/contract_checks.h"
#include "hw_targets/host/contract_package.h"
#include "hw_targets/host/plausibility.h"

namespace automask::host {

using core::Json;

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
  if (const std::string wrong = other_macs(package::decode(with.package_bytes, "package"), prepared); !wrong.empty())
    throw Broken(wrong);
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
  const std::string endless = package::encode(in_format(endless_package(), with.format));
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

}  // namespace automask::host
