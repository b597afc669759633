#include "hw_targets/host/command.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>

namespace automask::host {
namespace {

RunnerSpec there(std::vector<std::string> command) {
  RunnerSpec spec{"board", std::move(command), {}, "board.json"};
  spec.ssh = Ssh{"user@board", {"-p", "2222"}};
  return spec;
}

// What a shell makes of one line: its words, each ended by a byte that no word holds.
std::string words_of_a_shell(const std::string& line) {
  FILE* shell = ::popen(("set -- " + line + "; printf '%s\\001' \"$@\"").c_str(), "r");
  std::string out;
  std::array<char, 256> part{};
  while (const std::size_t got = std::fread(part.data(), 1, part.size(), shell)) out.append(part.data(), got);
  EXPECT_EQ(::pclose(shell), 0);
  return out;
}

// The remote shell sees one line: every word must arrive as it is.
TEST(Command, WordsSurviveTheRemoteShell) {
  const std::vector<std::string> nasty = {
      "/opt/run me/runner", "",       "it's", "$HOME", "`id`", "a;b",     "--x=*", "\"q\"",
      "back\\sl",           "new\nl", "#no",  "~",     "ü",    "a&&b|c>d"};
  std::string expected;
  for (const std::string& word : nasty) expected += word + '\001';
  EXPECT_EQ(words_of_a_shell(command_words(there(nasty)).back()), expected);
}

TEST(Command, SshAsksNothingAndItsHostIsNoOption) {
  RunnerSpec spec = there({"runner", "--fast"});
  spec.ssh->host = "-oProxyCommand=touch /tmp/x";
  const std::vector<std::string> expected = {
      "ssh", "-T", "-o", "BatchMode=yes", "-p", "2222", "--", "-oProxyCommand=touch /tmp/x", "runner --fast"};
  EXPECT_EQ(command_words(spec), expected);
}

TEST(Command, ALocalCommandPassesNoShell) {
  const RunnerSpec spec{"here", {"/bin/echo", "a b", "$HOME"}, {}, "here.json"};
  EXPECT_EQ(command_words(spec), spec.command);
  EXPECT_EQ(command_line(spec), "/bin/echo 'a b' '$HOME'");
}

}  // namespace
}  // namespace automask::host
