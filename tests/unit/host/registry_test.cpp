#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <functional>

#include "core/atomic_file.h"
#include "hw_targets/host/registry.h"

namespace automask::host {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

class Registry : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override { fs::remove_all(folder_); }
  void write(const std::string& name, const std::string& text) { core::write_file_atomically(folder_ / name, text); }

  std::string error_of(const std::function<void()>& body) {
    try {
      body();
      return "";
    } catch (const core::Error& e) {
      EXPECT_EQ(e.code(), core::ExitCode::usage);
      return e.what();
    }
  }
  std::string fault(const std::string& text) {
    write("board.json", text);
    return error_of([&] { load_registry({folder_}); });
  }

  fs::path folder_ = fs::temp_directory_path() / ("automask-registry-test-" + std::to_string(::getpid()));
};

TEST_F(Registry, HasTheBuiltInRunnerWithoutAnyFolder) {
  const auto registry = load_registry({folder_ / "absent"});
  const RunnerSpec cpu = find_runner(registry, "cpu");
  EXPECT_EQ(cpu.command, std::vector<std::string>{"automask-runner-cpu"});
  EXPECT_EQ(cpu.file, "built in");
}

TEST_F(Registry, ReadsEveryFieldAndIgnoresOtherFiles) {
  write(
      "board.json",
      R"({"name": "board", "command": ["ssh", "tx2", "runner"], "limits": {"prepare": 600, "run_per_inference": 0.5}})");
  write("notes.txt", "not JSON");
  const RunnerSpec board = find_runner(load_registry({folder_}), "board");
  EXPECT_EQ(board.command, (std::vector<std::string>{"ssh", "tx2", "runner"}));
  EXPECT_EQ(board.limits.prepare, 600);
  EXPECT_EQ(board.limits.run_per_inference, 0.5);
  EXPECT_EQ(board.limits.load, Limits().load);
  EXPECT_EQ(board.file, (folder_ / "board.json").string());
}

TEST_F(Registry, ALaterFolderReplacesAnEarlier) {
  fs::create_directories(folder_ / "later");
  write("cpu.json", R"({"name": "cpu", "command": ["first"]})");
  write("later/cpu.json", R"({"name": "cpu", "command": ["second"]})");
  const auto registry = load_registry({folder_, folder_ / "later"});
  EXPECT_EQ(registry.size(), load_registry({}).size());
  EXPECT_EQ(find_runner(registry, "cpu").command.front(), "second");
}

TEST_F(Registry, ARelativeProgramLiesBesideItsFile) {
  write("board.json", R"({"name": "board", "command": ["../bin/runner", "./argument"]})");
  const auto command = find_runner(load_registry({folder_}), "board").command;
  EXPECT_EQ(command[0], (folder_.parent_path() / "bin/runner").string());
  EXPECT_EQ(command[1], "./argument");
}

TEST_F(Registry, ARegistrationGoesThereAndBack) {
  RunnerSpec spec{"board", {"ssh", "board"}, {}, "/etc/board.json"};
  spec.limits.shutdown = 17;
  const core::Json json = to_json(spec);
  const RunnerSpec read = runner_from_json(core::JsonCursor(json, "step"));
  EXPECT_EQ(read.name, spec.name);
  EXPECT_EQ(read.command, spec.command);
  EXPECT_EQ(read.limits.shutdown, 17);
  EXPECT_EQ(read.limits.load, Limits().load);
  EXPECT_EQ(read.file, spec.file);
}

TEST_F(Registry, FaultsNameFilePlaceAndRemedy) {
  EXPECT_THAT(fault(R"({"name": "x", "comand": ["y"]})"),
              AllOf(HasSubstr("board.json"), HasSubstr("\"comand\""), HasSubstr("did you mean \"command\"")));
  EXPECT_THAT(fault(R"({"name": "x", "command": ["y"], "limits": {"prepar": 1}})"),
              AllOf(HasSubstr("/limits"), HasSubstr("did you mean \"prepare\"")));
  EXPECT_THAT(fault(R"({"name": "x", "command": ["y"], "limits": {"load": 0}})"), HasSubstr("/limits/load"));
  EXPECT_THAT(fault(R"({"name": "x", "command": ["y"], "limits": {"load": 1e9}})"), HasSubstr("/limits/load"));
  EXPECT_THAT(fault(R"({"name": "x", "command": ["y"], "file": "z"})"), HasSubstr("\"file\""));
  EXPECT_THAT(fault(R"({"name": "x", "command": "y"})"), HasSubstr("/command"));
  EXPECT_THAT(fault(R"({"name": "x", "command": []})"), HasSubstr("/command"));
  EXPECT_THAT(fault(R"({"name": "", "command": ["y"]})"), HasSubstr("/name"));
  EXPECT_THAT(fault(R"({"command": ["y"]})"), HasSubstr("name"));
  EXPECT_THAT(fault(R"({"name": "x",)"), AllOf(HasSubstr("board.json"), HasSubstr("line 1")));
}

TEST_F(Registry, AnUnknownRunnerIsAUsageErrorWithASuggestion) {
  EXPECT_THAT(error_of([&] { find_runner(load_registry({}), "cpi"); }),
              AllOf(HasSubstr("runner cpi"), HasSubstr("cpu")));
}

}  // namespace
}  // namespace automask::host
