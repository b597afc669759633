#pragma once
// What Linux tells about the processor. Everything is optional: containers and virtual machines hide much of it.
#include <nlohmann/json.hpp>
#include <string>

namespace automask::cpu {

std::string processor_name();  // "Intel(R) Xeon(R) ...", or "unknown processor"
std::string serial();          // a hash of the machine's id, which itself is not for publication; may be empty
int available_cores();         // what this process may run on

// Times any core was slowed down by heat since the machine started; 0 where that is not told.
long long throttle_events();

// Governor, current clocks, load: what is readable.
nlohmann::json device_state();

}  // namespace automask::cpu
