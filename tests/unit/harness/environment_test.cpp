#include "harness/environment.h"

#include <gtest/gtest.h>

#include "support.h"

namespace automask::harness {
namespace {

TEST(AvailableMemory, IsWhatTheKernelAndTheControlGroupsLeave) {
  const test::TempFolder folder;
  const auto write = [&](const std::string& name, const std::string& text) { folder.write(name, text); };
  const auto available = [&] { return available_memory_bytes(folder.path() / "proc", folder.path() / "groups"); };
  EXPECT_EQ(available(), environment_json()["memory_bytes"].get<std::int64_t>() / 4) << "nothing is readable";
  write("proc/meminfo", "MemTotal:   4000 kB\nMemAvailable:   3000 kB\n");
  EXPECT_EQ(available(), 3000 * 1024);
  write("proc/self/cgroup", "0::/user.slice/job_7\n");
  write("groups/user.slice/job_7/memory.max", "max\n");
  write("groups/user.slice/job_7/memory.current", "5\n");
  EXPECT_EQ(available(), 3000 * 1024);
  write("groups/user.slice/memory.max", "2000000\n");
  write("groups/user.slice/memory.current", "500000\n");
  EXPECT_EQ(available(), 1500000) << "of the group above";
  write("groups/user.slice/job_7/memory.max", "1000\n");
  EXPECT_EQ(available(), 995);
  write("groups/user.slice/job_7/memory.current", "5000\n");
  EXPECT_EQ(available(), 0);
  EXPECT_GT(available_memory_bytes(), 0) << "here";
}

}  // namespace
}  // namespace automask::harness
