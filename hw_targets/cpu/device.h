#pragma once
// What Linux tells about the processor. Everything is optional: containers and virtual machines hide much of it.
#include <nlohmann/json.hpp>
#include <string>

namespace automask::cpu {

std::string processor_name();  // "Intel(R) Xeon(R) ...", or "unknown processor"
std::string serial();          // a hash of the machine's id, which itself is not for publication; may be empty
int available_cores();         // what this process may run on

double memory_bytes();  // of the machine

// Times any core was slowed down by heat since the machine started; 0 where that is not told.
long long throttle_events();

// Power mode (the clocks' governor), current clocks, temperatures by zone, load: what is readable.
nlohmann::json device_state();

}  // namespace automask::cpu
