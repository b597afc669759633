#pragma once
// Facts about the machine and the build, without LibTorch or OpenCV.
#include <cstdint>
#include <filesystem>
#include <string>

#include "core/json.h"
#include "hw_targets/host/host.h"

namespace automask::harness {

std::string version();  // "0.1.0"
std::string commit();   // of the sources at configure time; "unknown" outside a repository
std::string utc_now();  // ISO 8601 with seconds, "2024-05-06T07:08:09Z"

// {"version", "commit", "compiler", "build_type"}
core::Json build_json();

// What a result records: {"cpu", "cores", "memory_bytes", "os", "kernel", "governor", "host", "build": build_json()}.
// `host` is a digest of the host's name: it tells machines apart without naming them.
core::Json environment_json();

// What disturbs timing here and now: clock governor, load averages, temperatures by thermal zone; what is readable.
core::Json host_state_json();

// Digest of what latencies depend on: CPU model, cores, OS release, the runner's name and registration and, for ours,
// its version. Not load, time or clocks. Latencies are never reused across digests.
std::string environment_digest(const host::RunnerSpec& runner);

// What this program may still take without swapping: the kernel's MemAvailable, or what its control group and those
// above have left where that is less (version 2; with one hierarchy at `groups`). Where nothing is readable, a quarter
// of the machine's memory.
std::int64_t available_memory_bytes(const std::filesystem::path& proc = "/proc",
                                    const std::filesystem::path& groups = "/sys/fs/cgroup");

std::string cpu_governor();  // "performance", "powersave", ...; empty where the kernel doesn't say

}  // namespace automask::harness
