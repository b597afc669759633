#pragma once
// The clauses' checks, for the table. Inside this room only; Clause::check (contract_clauses.h) says what they return.
#include <string>

namespace automask::host {

struct ContractCase;

// contract_conversation.cpp
std::string handshake(const ContractCase& with);
std::string wrong_version(const ContractCase& with);
std::string before_initialize(const ContractCase& with);
std::string unknown_method(const ContractCase& with);
std::string unknown_notification(const ContractCase& with);
std::string order_of_messages(const ContractCase& with);
std::string clean_exit(const ContractCase& with);

// contract_loading.cpp
std::string loading(const ContractCase& with);
std::string wrong_hash_of_frame(const ContractCase& with);
std::string damaged_packages(const ContractCase& with);
std::string out_of_memory(const ContractCase& with);
std::string options_of_prepare(const ContractCase& with);

// contract_runs.cpp
std::string inputs_by_hash(const ContractCase& with);
std::string timed_run(const ContractCase& with);
std::string nonce_binding(const ContractCase& with);
std::string determinism(const ContractCase& with);
std::string outputs(const ContractCase& with);
std::string switching_conditions(const ContractCase& with);
std::string automatic_conditions(const ContractCase& with);
std::string cancel(const ContractCase& with);

// contract_device.cpp
std::string honest_latencies(const ContractCase& with);
std::string throttling_report(const ContractCase& with);
std::string power(const ContractCase& with);

// contract_stream.cpp
std::string oversized_frame(const ContractCase& with);
std::string malformed_frames(const ContractCase& with);
std::string truncated_frame(const ContractCase& with);
std::string end_of_input(const ContractCase& with);

}  // namespace automask::host
