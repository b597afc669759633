// Clauses about who says what when.
#include "hw_targets/host/contract_acts.h"
#include "hw_targets/host/contract_checks.h"

namespace automask::host {

using core::Json;

std::string handshake(const ContractCase& with) {
  Wire wire(with.spec);
  const Json device = hello(wire);
  if (device.at("protocol") != protocol::version) throw Broken("it says protocol " + device.at("protocol").dump());
  for (const char* key : {"name", "serial", "toolchain", "evidence"})
    if (!device.at(key).is_string()) throw Broken(std::string("\"") + key + "\" is no string");
  if (device.at("name") == "") throw Broken("\"name\" is empty");
  const std::string evidence = device.at("evidence");
  if (evidence != "measured" && evidence != "rtl_simulated" && evidence != "modelled" && evidence != "quoted")
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

std::string clean_exit(const ContractCase& with) {
  Wire wire(with.spec);
  const auto inputs = ready(wire, with);
  run(wire, inputs, {0}, "i");
  wire.shutdown();
  return "";
}

}  // namespace automask::host
